"""Runs the operations of one path: recognises the caller, reads the body, answers, and turns failures into problems."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as ConnectionScope

from domain.bootstrap import Services
from domain.errors import DomainError
from graphql_api.admission import caller_of
from graphql_api.errors import INTERNAL, VALIDATION
from graphql_api.noting import ORDINARY, noted
from graphql_api.rates import admit
from graphql_api.rest.body import Unreadable, read_body
from graphql_api.rest.operation import Call, NoBody, Operation
from graphql_api.rest.problems import broken, invalid, problem, refused

DEPRECATED_AT: Final = datetime(2026, 11, 1, tzinfo=UTC)
"""Since when GraphQL is what new clients should use; the routes stay."""

_log = structlog.get_logger(__name__)


class Endpoint:
    """The operations of one path, by method, as an ASGI application.

    Args:
        operations: all of the same path.
        graphql_path: where their successors are.
    """

    def __init__(self, operations: Sequence[Operation[Any]], graphql_path: str) -> None:
        self._operations = {operation.method: operation for operation in operations}
        self._headers = {operation.method: _headers(operation, graphql_path) for operation in operations}

    async def __call__(self, scope: ConnectionScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        response = await self._answer(request)
        response.headers.update(self._headers.get(_method(request), {}))
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        operation = self._operations.get(_method(request))
        if operation is None:
            return problem(
                VALIDATION,
                f"This path takes {' or '.join(self._operations)}.",
                status=405,
                headers={"Allow": ", ".join(self._operations)},
            )
        try:
            return await _run(operation, request)
        except DomainError as error:
            if error.code == INTERNAL:
                _log.exception("what is stored cannot be trusted", operation=operation.name)
                return broken()
            return refused(error)
        except ValidationError as error:
            return invalid(error)
        except Unreadable as error:
            return problem(VALIDATION, error.message, status=error.status)
        except Exception:  # noqa: BLE001  # the client learns nothing of it but the id under which it is logged
            _log.exception("unexpected failure", operation=operation.name)
            return broken()


async def _run(operation: Operation[Any], request: Request) -> Response:
    services: Services = request.app.state.services
    principal = await caller_of(request, required=operation.scope is not None)
    if principal is not None and operation.scope is not None:
        principal.require(operation.scope)
        admit(services.rates, principal, operation.counted_as)
    operation.check_query(name for name, _ in request.query_params.multi_items())
    body = await read_body(request, operation.body) if operation.takes_body else NoBody()
    call = Call(request, services, principal)
    act = operation.counted_as if operation.act_of is None else operation.act_of(body)
    if principal is not None and act != operation.counted_as:
        admit(services.rates, principal, act)
    changes = (operation.successor or "").startswith("Mutation.") and act not in ORDINARY
    answer = await (_noted(operation, call, body, act) if changes else operation.handle(call, body))
    if isinstance(answer, Response):
        return answer
    content = answer.model_dump_json(by_alias=True)
    headers = {"Cache-Control": "no-store"}
    return Response(content, operation.status_of(answer), headers, "application/json")


async def _noted(operation: Operation[Any], call: Call, body: BaseModel, act: str) -> BaseModel | Response:
    """Handle a call that the audit log tells of."""
    if call.principal is None:
        return await operation.handle(call, body)
    correlation = str(structlog.contextvars.get_contextvars().get("correlation_id", ""))
    in_path = {"user_id": call.request.path_params.get("userId")}

    def given(name: str) -> Any:
        return getattr(body, name, in_path.get(name))

    async with noted(call.services, call.principal, act, "rest", given, correlation):
        return await operation.handle(call, body)


def _headers(operation: Operation[Any], graphql_path: str) -> Mapping[str, str]:
    if operation.successor is None:
        return {}
    # RFC 9745: a structured date. RFC 8288: the link says what to use instead.
    return {
        "Deprecation": f"@{int(DEPRECATED_AT.timestamp())}",
        "Link": f'<{graphql_path}#{operation.successor}>; rel="successor-version"; title="{operation.successor}"',
    }


def _method(request: Request) -> str:
    return "GET" if request.method == "HEAD" else request.method
