"""Compares answers with what the OpenAPI document declares for them."""

import re
from typing import Any

import httpx
from jsonschema import Draft202012Validator

from graphql_api.rest import openapi, paths
from graphql_api.rest.operations import OPERATIONS

DOCUMENT = openapi.document(OPERATIONS, paths.PREFIX)


async def check_declared(response: httpx.Response) -> None:
    """Fail unless the answer of a declared operation has a declared status, media type and shape."""
    operation = operation_of(response.request.method, response.request.url.path)
    if operation is None:
        return
    await response.aread()
    assert str(response.status_code) in operation["responses"], response.text
    content = operation["responses"][str(response.status_code)]["content"]
    media_type = response.headers["content-type"]
    assert media_type in content, response.text
    validate(content[media_type]["schema"], response.json())


def operation_of(method: str, path: str) -> Any:
    """What the document says about a request; None for one that it does not declare."""
    for template, methods in DOCUMENT["paths"].items():
        if re.fullmatch(re.sub(r"\\\{\w+\\\}", ".+", re.escape(template)), path):
            return methods.get(method.lower())
    return None


def validate(schema: Any, value: Any) -> None:
    """Fail unless `value` is what `schema`, which may refer to the document's components, describes."""
    closed = {**schema, "components": DOCUMENT["components"]}
    faults = [error.message for error in Draft202012Validator(closed).iter_errors(value)]
    assert faults == []
