"""How failures look to a client: stable codes on every transport, and nothing about the inside of a bug."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import structlog
from graphql import GraphQLError
from strawberry.schema.exceptions import InvalidOperationTypeError

from domain.errors import DomainError, Forbidden
from domain.ids import CorrelationId

INTERNAL = "INTERNAL"
VALIDATION = "VALIDATION"
NOT_FOUND = "NOT_FOUND"
MASKED = "Something went wrong on our side; it was logged under the correlation id."

STATUS: Mapping[str, int] = MappingProxyType(
    {
        "UNAUTHENTICATED": 401,
        "FORBIDDEN": 403,
        NOT_FOUND: 404,
        "CONSENT_REQUIRED": 403,
        VALIDATION: 400,
        "CONFLICT": 409,
        "RATE_LIMITED": 429,
        "QUERY_TOO_COMPLEX": 400,
        "UNAVAILABLE": 503,
        INTERNAL: 500,
    }
)
"""The HTTP status of each code."""

_SUGGESTION = re.compile(r" Did you mean [^?]*\?")
_log = structlog.get_logger(__name__)


class Revoked(Forbidden):
    """What allowed a live subscription holds no longer; its socket is closed."""


def presented(error: GraphQLError, correlation_id: CorrelationId, *, suggestions: bool) -> dict[str, Any]:
    """The error as the client sees it; an unexpected one is logged here and masked.

    Args:
        error: what went wrong.
        correlation_id: under which it is logged.
        suggestions: whether the message may name what the schema has instead.
    """
    shown: dict[str, Any] = dict(error.formatted)
    cause = error.original_error
    if isinstance(cause, DomainError) and cause.code != INTERNAL:
        shown["message"] = cause.message
        shown["extensions"] = extensions_of(cause)
    elif isinstance(cause, InvalidOperationTypeError):
        shown["message"] = cause.as_http_error_reason("GET")
        shown["extensions"] = {"code": VALIDATION}
    elif is_request_error(error):
        if not suggestions:
            shown["message"] = _SUGGESTION.sub("", error.message)
        shown["extensions"] = {"code": VALIDATION} | dict(error.extensions or {})
    else:
        _log.error("unexpected failure", path=error.path, exc_info=cause)
        shown["message"] = MASKED
        shown["extensions"] = {"code": INTERNAL, "correlationId": correlation_id}
    return shown


def is_request_error(error: GraphQLError) -> bool:
    """Whether the document or its variables caused the error, so that nothing was executed."""
    if error.path is not None:
        return False
    return error.original_error is None or error.message.startswith("Variable ")


def extensions_of(error: DomainError) -> dict[str, Any]:
    """What programs read of an error: its code, the input's path if one caused it, when to come back."""
    shown: dict[str, Any] = {"code": error.code}
    if error.field is not None:
        shown["field"] = error.field
    if error.retry_after_seconds is not None:
        shown["retryAfterSeconds"] = error.retry_after_seconds
    return shown
