"""What an HTTP request asks for: one operation, as JSON or as parameters; no batch, no form, no upload."""

from collections.abc import Mapping
from typing import Any

import orjson
from cross_web import AsyncHTTPRequestAdapter, HTTPException
from strawberry.http import GraphQLRequestData, GraphQLRequestProtocol

from graphql_api.documents import TrustedDocuments

JSON_TYPE = "application/json"


async def asked_of(
    request: AsyncHTTPRequestAdapter, documents: TrustedDocuments, protocol: GraphQLRequestProtocol
) -> GraphQLRequestData:
    """The operation that `request` asks for.

    Raises:
        HTTPException: it has not the form of a GraphQL request.
        DomainError: the document that it names is refused.
    """
    asked = await _posted(request) if request.method == "POST" else _parameters(request.query_params)
    query = documents.query_of(asked)
    if not isinstance(query, str) or not query:
        raise HTTPException(400, "A GraphQL request has a `query`, a string, or a `documentId`.")
    return GraphQLRequestData(
        query=query,
        variables=_object_or_none(asked.get("variables"), "`variables`"),
        operation_name=asked.get("operationName"),
        extensions=_object_or_none(asked.get("extensions"), "`extensions`"),
        protocol=protocol,
    )


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
