"""Runs what wraps an operation, having looked once at how each extension does it.

Strawberry asks of every extension anew, for every operation and each of its phases, whether it has a hook, of which
kind, and wraps it into a context manager. None of that changes while a process runs: here a hook is wrapped once, and
a phase that nobody wraps costs nothing. Order, errors and what hooks may do are Strawberry's own.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from functools import cache, partial
from inspect import isasyncgenfunction, isgeneratorfunction
from typing import Any, TypeAlias

from strawberry.extensions import SchemaExtension
from strawberry.extensions.context import (
    ExecutingContextManager,
    ExtensionContextManagerBase,
    OperationContextManager,
    ParsingContextManager,
    ValidationContextManager,
    WrappedHook,
)
from strawberry.extensions.runner import SchemaExtensionsRunner

Wrapped: TypeAlias = Callable[[SchemaExtension], AbstractContextManager[None] | AbstractAsyncContextManager[None]]


class OperationHooks(SchemaExtensionsRunner):
    """Wraps one operation and its phases."""

    def operation(self) -> OperationContextManager:
        """Around all of it."""
        return _Operation(self.extensions)

    def parsing(self) -> ParsingContextManager:
        """Around reading the document."""
        return _Parsing(self.extensions)

    def validation(self) -> ValidationContextManager:
        """Around checking it."""
        return _Validation(self.extensions)

    def executing(self) -> ExecutingContextManager:
        """Around answering it."""
        return _Executing(self.extensions)


class _Remembering(ExtensionContextManagerBase):
    def get_hook(self, extension: SchemaExtension) -> WrappedHook | None:
        hook = getattr(type(extension), self.HOOK_NAME)
        if hook is self.default_hook:
            return None
        found = _wrapped(hook)
        if found is None:
            return super().get_hook(extension)
        wrapped, is_async = found
        return WrappedHook(extension, partial(wrapped, extension), is_async)

    async def __aenter__(self) -> None:
        if self.hooks:
            await super().__aenter__()

    async def __aexit__(self, *raised: Any) -> None:
        if self.hooks:
            await super().__aexit__(*raised)


class _Operation(_Remembering, OperationContextManager):
    pass


class _Parsing(_Remembering, ParsingContextManager):
    pass


class _Validation(_Remembering, ValidationContextManager):
    pass


class _Executing(_Remembering, ExecutingContextManager):
    pass


@cache
def _wrapped(hook: Any) -> tuple[Wrapped, bool] | None:
    """A hook as a context manager, and whether that is an asynchronous one; None for hooks that do not yield."""
    if isgeneratorfunction(hook):
        return contextmanager(hook), False
    return (asynccontextmanager(hook), True) if isasyncgenfunction(hook) else None
