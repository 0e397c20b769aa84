"""The OpenAPI 3.1 document, generated from the models that requests are checked with and answers are made of."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any, Final, cast

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from graphql_api.errors import INTERNAL, STATUS, VALIDATION
from graphql_api.rest.operation import IDEMPOTENCY_KEY, PERSONALIZED, Operation
from graphql_api.rest.problems import MEDIA_TYPE as PROBLEM_TYPE
from graphql_api.rest.problems import TITLES, Problem
from graphql_api.used_data import WITHOUT

Json = dict[str, Any]
References = Mapping[tuple[type[BaseModel], JsonSchemaMode], Json]

REFERENCES: Final = "#/components/schemas/{model}"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_ALWAYS = (VALIDATION, "UNAVAILABLE", INTERNAL)
_WITH_TOKEN = ("UNAUTHENTICATED", "FORBIDDEN", "RATE_LIMITED")
_WITH_USER = ("NOT_FOUND",)
_BODY_STATUSES = {413: "The body is too long.", 415: "The body is not `application/json`."}


def document(operations: Sequence[Operation[Any]], prefix: str) -> Json:
    """The document of `operations`, which stand below the path `prefix`."""
    references, schemas = _schemas(operations)
    paths: Json = {}
    for operation in operations:
        paths.setdefault(prefix + operation.path, {})[operation.method.lower()] = _operation(operation, references)
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": DIALECT,
        "info": {
            "title": "Personalization Service",
            "version": version("personalization-service"),
            "summary": "The documented REST routes.",
            "description": "Every route calls the service that its GraphQL twin calls. GraphQL can do more; new "
            "clients should use it. Errors are RFC 9457 problem details with the codes of the GraphQL door.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _schemas(operations: Sequence[Operation[Any]]) -> tuple[References, Json]:
    models: list[tuple[type[BaseModel], JsonSchemaMode]] = [(Problem, "serialization")]
    for operation in operations:
        models.append((operation.answer, "serialization"))
        if operation.takes_body:
            models.append((operation.body, "validation"))
    references, definitions = models_json_schema(list(dict.fromkeys(models)), ref_template=REFERENCES)
    return cast("References", references), definitions["$defs"]


def _operation(operation: Operation[Any], references: References) -> Json:
    described: Json = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": _description(operation),
        "security": [{"bearer": []}] if operation.scope else [{}, {"bearer": []}],
        "responses": _responses(operation, references),
    }
    if operation.successor:
        described["deprecated"] = True
    if parameters := _parameters(operation):
        described["parameters"] = parameters
    if operation.takes_body:
        content: Json = {"schema": references[operation.body, "validation"]}
        if operation.example is not None:
            content["example"] = operation.example
        described["requestBody"] = {"required": True, "content": {"application/json": content}}
    return described


def _description(operation: Operation[Any]) -> str:
    lines = [operation.description]
    if operation.scope:
        lines.append(f"Needs a token with the scope `{operation.scope.value}`.")
    if operation.successor:
        lines.append(f"In GraphQL: `{operation.successor}`.")
    return "\n\n".join(lines)


def _parameters(operation: Operation[Any]) -> list[Json]:
    user_id = {"type": "string", "minLength": 1, "maxLength": 256}
    parameters = [
        _parameter(name, "path", meaning, user_id, required=True) for name, meaning in operation.parameters.items()
    ]
    parameters += [_parameter(asked.name, "query", asked.description, asked.schema) for asked in operation.query]
    if operation.impersonal:
        parameters.append(_parameter(PERSONALIZED, "query", WITHOUT, {"type": "boolean", "default": True}))
    if operation.idempotent_by_key:
        key = {"type": "string", "minLength": 1, "maxLength": 512}
        parameters.append(_parameter(IDEMPOTENCY_KEY, "header", "A retry with the same key adds nothing.", key))
    return parameters


def _parameter(name: str, place: str, meaning: str, schema: Mapping[str, Any], *, required: bool = False) -> Json:
    return {"name": name, "in": place, "required": required, "description": meaning, "schema": dict(schema)}


def _responses(operation: Operation[Any], references: References) -> Json:
    answer: Json = {"application/json": {"schema": references[operation.answer, "serialization"]}}
    if operation.streams is not None:
        answer[operation.streams] = {"schema": {"type": "string"}}
    problem = {PROBLEM_TYPE: {"schema": references[Problem, "serialization"]}}
    headers = _answer_headers(operation)
    responses: Json = {
        str(status): {"description": meaning, "headers": headers, "content": answer}
        for status, meaning in operation.statuses.items()
    }
    for status, meaning in _failures(operation).items():
        described = responses.setdefault(str(status), {"description": meaning, "content": {}})
        described["content"] = described["content"] | problem
    return dict(sorted(responses.items()))


def _failures(operation: Operation[Any]) -> dict[int, str]:
    codes = [*operation.failures, *_ALWAYS]
    if operation.scope:
        codes += _WITH_TOKEN + _WITH_USER
    else:
        codes.append("UNAUTHENTICATED")
    meanings: dict[int, str] = dict(_BODY_STATUSES) if operation.takes_body else {}
    for code in codes:
        meaning = f"`{code}`: {TITLES[code]}."
        status = STATUS[code]
        meanings[status] = f"{meanings[status]} {meaning}" if status in meanings else meaning
    return meanings


def _answer_headers(operation: Operation[Any]) -> Json:
    if operation.successor is None:
        return {}
    return {
        "Deprecation": {"description": "Since when GraphQL is preferred (RFC 9745).", "schema": {"type": "string"}},
        "Link": {"description": "The GraphQL field that does the same.", "schema": {"type": "string"}},
    }


def status_name(status: int) -> str:
    """The number and phrase of a status."""
    return f"{status} {HTTPStatus(status).phrase}"
