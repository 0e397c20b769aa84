"""What an HTTP request asks for: one operation, as JSON or as parameters; no batch, no form, no upload."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from graphql import GraphQLError, get_operation_ast, parse
from strawberry.http import GraphQLRequestData, GraphQLRequestProtocol
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.types.graphql import OperationType

from graphql_api.documents import TrustedDocuments
from graphql_api.limits import MAX_TOKENS

JSON_TYPE = "application/json"
PREFLIGHTED = "GraphQL-Require-Preflight"
"""A header that no page can send to another site before the browser has asked whether it may."""
FOREIGN = frozenset({"cross-site", "same-site"})


async def asked_of(
    request: AsyncHTTPRequestAdapter, documents: TrustedDocuments, protocol: GraphQLRequestProtocol
) -> GraphQLRequestData:
    """The operation that `request` asks for.

    Raises:
        HTTPException: it has not the form of a GraphQL request.
        DomainError: the document that it names is refused.
    """
    if request.method != "POST":
        _require_intended(request.headers)
    asked = await _posted(request) if request.method == "POST" else _parameters(request.query_params)
    query = documents.query_of(asked)
    if not isinstance(query, str) or not query:
        raise HTTPException(400, "A GraphQL request has a `query`, a string, or a `documentId`.")
    if protocol != "http" and request.method != "POST":
        _require_reading(query, asked.get("operationName"))
    return GraphQLRequestData(
        query=query,
        variables=_object_or_none(asked.get("variables"), "`variables`"),
        operation_name=asked.get("operationName"),
        extensions=_object_or_none(asked.get("extensions"), "`extensions`"),
        protocol=protocol,
    )


def _require_intended(headers: Mapping[str, str]) -> None:
    """Refuse a GET that a page of another site made a browser send without a preflight, such as by an image."""
    if headers.get("sec-fetch-site") in FOREIGN and PREFLIGHTED.lower() not in headers:
        raise HTTPException(403, f"A page of another site reads by POST, or sends the header {PREFLIGHTED}.")


def _require_reading(query: str, operation_name: Any) -> None:
    """Refuse a mutation before a stream begins, while there is a status to refuse it with."""
    with suppress(GraphQLError, RecursionError):
        asked = get_operation_ast(parse(query, no_location=True, max_tokens=MAX_TOKENS), operation_name)
        if asked is not None and asked.operation.value == OperationType.MUTATION.value:
            refused = InvalidOperationTypeError(OperationType.MUTATION)
            raise HTTPException(405, refused.as_http_error_reason("GET")) from refused


async def _posted(request: AsyncHTTPRequestAdapter) -> dict[str, Any]:
    media_type = (request.content_type or "").partition(";")[0].strip().lower()
    if media_type != JSON_TYPE:
        raise HTTPException(400, f"A GraphQL request is posted as {JSON_TYPE}.")
    return _object(_parsed(await request.get_body()), "A GraphQL request")


def _parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    asked = dict(given)
    for name in ("variables", "extensions"):
        if asked.get(name):
            asked[name] = _object(_parsed(asked[name]), f"`{name}`")
        else:
            asked.pop(name, None)
    return asked


def _parsed(text: str | bytes) -> object:
    """Parse JSON strictly: no NaN, no infinity."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise HTTPException(400, "Unable to parse request body as JSON") from error


def _object(value: object, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise HTTPException(400, f"{what} is a JSON object.")
    return value


def _object_or_none(value: object, what: str) -> dict[str, Any] | None:
    return None if value is None else _object(value, what)
