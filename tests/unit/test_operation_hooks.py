"""What wraps an operation runs in Strawberry's order, and a hook is looked at once."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import strawberry
from strawberry.extensions import SchemaExtension
from strawberry.extensions.runner import SchemaExtensionsRunner

from graphql_api.hooks import OperationHooks, _wrapped


@strawberry.type
class Query:
    @strawberry.field
    def fine(self) -> str:
        return "fine"


def answering(runner: type[SchemaExtensionsRunner], extensions: list[type[SchemaExtension]]) -> strawberry.Schema:
    class Schema(strawberry.Schema):
        def create_extensions_runner(self, execution_context: Any, extensions: Any) -> SchemaExtensionsRunner:
            return runner(execution_context, extensions)

    return Schema(Query, extensions=extensions)


def noting(noted: list[str], failing: str) -> list[type[SchemaExtension]]:
    """Extensions of every form of hook, one of which fails where `failing` says."""

    def note(word: str) -> None:
        noted.append(word)
        if word == failing:
            raise ValueError(word)

    class Synchronous(SchemaExtension):
        def on_operation(self) -> Iterator[None]:
            note("operation begins")
            try:
                yield
            finally:
                note("operation ends")

        def on_parse(self) -> Iterator[None]:
            note("parsing begins")
            yield
            note("parsing ends")

    class Asynchronous(SchemaExtension):
        async def on_operation(self) -> AsyncIterator[None]:
            note("other operation begins")
            yield
            note("other operation ends")

        async def on_execute(self) -> AsyncIterator[None]:
            note("execution begins")
            yield
            note("execution ends")

    class Called(SchemaExtension):
        def on_validate(self) -> None:
            note("validated")

    return [Synchronous, Asynchronous, Called]


POINTS = [
    *("operation begins", "other operation begins", "parsing begins", "parsing ends", "validated"),
    *("execution begins", "execution ends", "other operation ends", "operation ends"),
]


@pytest.mark.parametrize("failing", ["", *POINTS])
@pytest.mark.parametrize("query", ["{ fine }", "{ unknown }", "{"])
async def test_hooks_run_as_strawberry_runs_them(query: str, failing: str) -> None:
    told = []
    for runner in (SchemaExtensionsRunner, OperationHooks):
        noted = list[str]()
        answer = await answering(runner, noting(noted, failing)).execute(query)
        told.append((noted, answer.data, [error.message for error in answer.errors or []]))
    assert told[0] == told[1]


async def test_a_hook_is_wrapped_once() -> None:
    schema = answering(OperationHooks, noting([], ""))
    await schema.execute("{ fine }")
    before = _wrapped.cache_info()
    for _ in range(10):
        await schema.execute("{ fine }")
    after = _wrapped.cache_info()
    assert after.misses == before.misses
    assert after.hits > before.hits
