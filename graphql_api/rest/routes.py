"""The documented REST routes as one list to mount, with their description beside them."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import orjson
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from graphql_api.rest import docs_page, openapi, paths
from graphql_api.rest.endpoint import Endpoint
from graphql_api.rest.operation import Operation
from graphql_api.rest.operations import OPERATIONS
from graphql_api.rest.problems import problem

_DESCRIBED_FOR = {"Cache-Control": "public, max-age=300"}


class Anything(StringConvertor):
    """A part of a path that may hold slashes, and line feeds, which the framework's own pattern leaves out."""

    regex = "(?s:.*)"


register_url_convertor("anything", Anything())


def rest_routes(*, graphql_path: str = "/graphql") -> list[Route]:
    """Every route below `paths.PREFIX`; whatever else is asked for there is answered with a problem.

    The application keeps a `Services` as `state.services` and an `Authenticator` as `state.authenticator`.

    Args:
        graphql_path: where `Link` headers say that the successors are.
    """
    document = openapi.document(OPERATIONS, paths.PREFIX)
    return [
        *(
            # A user id may hold a slash or a line feed, which reach the route decoded.
            Route(
                paths.PREFIX + path.replace("}", ":anything}"),
                Endpoint(operations, graphql_path),
                name=operations[0].name,
            )
            for path, operations in _by_path(OPERATIONS)
        ),
        _static(paths.OPENAPI, "openapi", orjson.dumps(document), "application/json"),
        _static(
            paths.DOCS,
            "docs",
            docs_page.page(document, paths.OPENAPI).encode(),
            "text/html",
            {"Content-Security-Policy": docs_page.CONTENT_SECURITY_POLICY},
        ),
        Route(paths.PREFIX + "/{rest:anything}", _unknown, name="unknown"),
    ]


def _by_path(operations: Sequence[Operation[Any]]) -> list[tuple[str, list[Operation[Any]]]]:
    return [(path, list(found)) for path, found in groupby(operations, key=lambda operation: operation.path)]


def _static(path: str, name: str, content: bytes, media_type: str, headers: dict[str, str] | None = None) -> Route:
    async def answer(_request: Request) -> Response:
        return Response(content, headers={**_DESCRIBED_FOR, **(headers or {})}, media_type=media_type)

    return Route(path, answer, name=name)


class _Unknown:
    """Answers every path that no route has."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = problem("NOT_FOUND", "There is no such path.")
        await response(scope, receive, send)


_unknown = _Unknown()
