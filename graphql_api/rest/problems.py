"""Failures on REST as RFC 9457 problem details, with the codes of the GraphQL door and nothing about the inside."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pydantic import ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails
from starlette.responses import Response
from structlog.contextvars import get_contextvars

from domain.errors import DomainError
from graphql_api.errors import INTERNAL, MASKED, STATUS, VALIDATION
from graphql_api.rates import retry_header
from graphql_api.rest import paths
from graphql_api.rest.fields import AnswerPart

MEDIA_TYPE = "application/problem+json"
MAX_NAMED_FAULTS = 20
MAX_FIELD_LENGTH = 200

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "UNAUTHENTICATED": "A valid token is needed",
        "FORBIDDEN": "The token does not allow this",
        "NOT_FOUND": "There is no such thing for this caller",
        "CONSENT_REQUIRED": "The person has not agreed to this use of their data",
        VALIDATION: "The request means nothing valid",
        "CONFLICT": "The request contradicts what is already there",
        "RATE_LIMITED": "Too many calls",
        "UNAVAILABLE": "A part that is needed is down at the moment",
        INTERNAL: "Something went wrong on our side",
    }
)
"""What each code means, in the same words whenever it appears."""


class _Sparse(AnswerPart):
    # Keys without a value are left out of problems, as RFC 9457 has it.
    model_config = ConfigDict(json_schema_serialization_defaults_required=False)


class Fault(_Sparse):
    """One thing that is wrong with a request."""

    field: str | None = Field(None, description="Dotted path of the part; absent for the whole.")
    message: str


class Problem(_Sparse):
    """Why a request was refused (RFC 9457); nothing was half-done."""

    type: str = Field(description="Where the code is explained.")
    title: str = Field(description="What the code means.")
    status: int
    detail: str = Field(description="What is wrong this time.")
    code: str = Field(description="Stable identifier, the same on every transport.")
    field: str | None = Field(None, description="Dotted path of the input that caused it, if one did.")
    errors: list[Fault] | None = Field(None, description="Everything that is wrong with the input, at most 20.")
    retry_after_seconds: float | None = Field(None, description="When trying again may help, if it may.")
    correlation_id: str | None = Field(None, description="Under which a failure of ours was logged.")


def problem(
    code: str,
    detail: str,
    *,
    status: int | None = None,
    field: str | None = None,
    errors: list[Fault] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The answer that refuses a request; `status` where it is not the usual one of the code."""
    return _response(
        Problem(
            type=f"{paths.DOCS}#{code}",
            title=TITLES.get(code, code),
            status=status or STATUS[code],
            detail=detail,
            code=code,
            field=field,
            errors=errors,
        ),
        headers or {},
    )


def refused(error: DomainError) -> Response:
    """The answer to a request that failed in an expected way."""
    if error.code not in TITLES:
        return broken()
    body = Problem(
        type=f"{paths.DOCS}#{error.code}",
        title=TITLES[error.code],
        status=STATUS[error.code],
        detail=error.message,
        code=error.code,
        field=error.field,
        retry_after_seconds=error.retry_after_seconds,
    )
    headers = retry_header(error.retry_after_seconds)
    if error.code == "UNAUTHENTICATED":
        headers["WWW-Authenticate"] = "Bearer"
    return _response(body, headers)


def invalid(error: ValidationError) -> Response:
    """The answer to a body that is not what the route takes; names the first fault and lists the others."""
    details = error.errors(include_url=False, include_context=False, include_input=False)
    faults = [Fault(field=_path(fault), message=fault["msg"]) for fault in details[:MAX_NAMED_FAULTS]]
    return problem(VALIDATION, faults[0].message, field=faults[0].field, errors=faults)


def broken() -> Response:
    """The answer to a request that failed by a fault of ours, which the log describes under the same id."""
    correlation_id = get_contextvars().get("correlation_id")
    body = Problem(
        type=f"{paths.DOCS}#{INTERNAL}",
        title=TITLES[INTERNAL],
        status=STATUS[INTERNAL],
        detail=MASKED,
        code=INTERNAL,
        correlation_id=None if correlation_id is None else str(correlation_id),
    )
    return _response(body, {})


def _response(body: Problem, headers: Mapping[str, str]) -> Response:
    content = body.model_dump_json(by_alias=True, exclude_none=True)
    return Response(content, body.status, {"Cache-Control": "no-store", **headers}, MEDIA_TYPE)


def _path(fault: ErrorDetails) -> str | None:
    place: Sequence[int | str] = fault["loc"]
    return ".".join(map(str, place))[:MAX_FIELD_LENGTH] or None
