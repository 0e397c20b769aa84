"""What goes into the audit log, the same from GraphQL and REST; and reading it.

Every change is noted unless it is ordinary use of the product, so that a new one is noted without being told of.
"""

import re
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Self

import strawberry
from graphql import FieldNode, OperationType, value_from_ast_untyped
from strawberry.extensions import SchemaExtension

from domain.auditing.model import Entry
from domain.auditing.service import OK
from domain.bootstrap import Services
from domain.errors import Forbidden, ValidationFailed
from domain.privacy.model import valid_user_id
from graphql_api.auth import Principal, Scope
from graphql_api.context import GraphQLContext, Info
from graphql_api.paging import PageInfo, require_first
from graphql_api.problems import PROBLEMS
from graphql_api.rates import root_fields

ORDINARY: Final = frozenset(
    {
        "correctPreference",
        "dismissOptimization",
        "exposeUser",
        "importItems",
        "integrateContentAnalysis",
        "integrateVideoGeneration",
        "learnPreferences",
        "recordConversion",
        "submitFeedback",
        "trackInteraction",
        "updateProfile",
        "updateSession",
        "updateUiSettings",
        "upsertCatalogItems",
    }
)
"""What people and products do all day; it has its own traces, and would bury what matters."""

MOST_DIGITS: Final = 15
_CODES: Final = {kind.__name__: code for code, kind in PROBLEMS.items()}
_OBJECTS: Final = ("version", "expected", "ruleIds", "experimentId", "key")
_PLAIN: Final = re.compile(r"[\w.:,-]{1,200}", re.ASCII)


class Audited(SchemaExtension):
    """Notes what an operation changed; stands outside of everything, so that it sees what the caller sees."""

    async def on_operation(self) -> AsyncIterator[None]:
        """After the operation."""
        yield
        execution = self.execution_context
        context: GraphQLContext = execution.context
        if context.principal is None or execution.graphql_document is None:
            return
        asked = root_fields(execution.graphql_document, execution.operation_name, OperationType.MUTATION)
        for key, field in asked.items():
            if field.name.value not in ORDINARY:
                await self._note(context, key, field)

    async def _note(self, context: GraphQLContext, key: str, field: FieldNode) -> None:
        execution = self.execution_context
        outcome = _outcome(execution.result, key)
        if context.principal is not None and outcome is not None:
            given = {a.name.value: value_from_ast_untyped(a.value, execution.variables) for a in field.arguments or ()}
            inputs = given.get("input")
            named = inputs if isinstance(inputs, Mapping) else given
            action, correlation = field.name.value, context.correlation_id
            await note(context.services, context.principal, action, "graphql", outcome, named, correlation)


async def note(
    services: Services,
    principal: Principal,
    action: str,
    door: str,
    outcome: str,
    given: Mapping[str, Any],
    correlation: str,
) -> None:
    """Write one act into the log; of what was given, only whom or what it names.

    What a refused call about a person or without the right names may be any text, and nothing is ever deleted here.
    """
    about = given.get("userId")
    await services.audit.note(
        principal.tenant,
        principal.user_id,
        action,
        door=door,
        outcome=outcome,
        subject=about if isinstance(about, str) else None,
        concerned=_object(given) if outcome == OK or (about is None and outcome != Forbidden.code) else None,
        correlation=correlation,
    )


def _outcome(result: Any, key: str) -> str | None:
    """What came of one root field; None if it never ran."""
    errors = getattr(result, "errors", None) or ()
    for error in errors:
        if error.path and error.path[0] == key:
            return str((error.extensions or {}).get("code", "INTERNAL"))
    data = getattr(result, "data", None)
    if not isinstance(data, Mapping) or key not in data:
        return None
    answer = data[key]
    told = answer if isinstance(answer, Mapping) else {}
    return str(told.get("code") or _CODES.get(str(told.get("__typename")), OK))


def _object(given: Mapping[str, Any]) -> str | None:
    """What an act is about beside a person: ids of the operator's own things, and never another text."""
    for name in _OBJECTS:
        value = given.get(name)
        text = ",".join(map(str, value)) if isinstance(value, list) else value
        if isinstance(text, str) and _PLAIN.fullmatch(text):
            return text
    return None


@strawberry.type(description="One thing that was done, or refused.")
class AuditEntry:
    """An entry of the log."""

    number: str = strawberry.field(description="1 for the first of a tenant; there are no holes.")
    action: str = strawberry.field(description="The operation: the name of its GraphQL field, whichever the door.")
    actor: str = strawberry.field(description="The pseudonym of who asked.")
    subject: str | None = strawberry.field(description="The pseudonym of the person whom it was about.")
    object: str | None = strawberry.field(description="What else it was about, such as a model's version.")
    outcome: str = strawberry.field(description="`OK`, or the code of the refusal.")
    door: str = strawberry.field(description="`graphql`, `rest` or `command`.")
    correlation_id: str = strawberry.field(description="Under which the request was logged.")
    done_at: datetime = strawberry.field(description="When.")
    digest: str = strawberry.field(description="Seals the entry and all before it.")

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """The entry as clients see it."""
        act = entry.act
        return cls(
            number=str(entry.number),
            action=act.action,
            actor=act.actor.hex(),
            subject=None if act.subject is None else act.subject.hex(),
            object=act.object,
            outcome=act.outcome,
            door=act.door,
            correlation_id=act.correlation,
            done_at=act.done_at,
            digest=entry.digest.hex(),
        )


@strawberry.type(description="A part of the audit log, the newest entry first.")
class AuditPage:
    """A page of the log."""

    entries: list[AuditEntry] = strawberry.field(description="The entries.")
    intact: bool = strawberry.field(
        description="Every entry is as it was written, and without `userId` none is missing between two of them."
    )
    page_info: PageInfo = strawberry.field(description="Where the page stands.")


@strawberry.type
class AuditQuery:
    """Reading the audit log."""

    @strawberry.field(description="Who did what to whom, and when; needs privacy:admin. Null where that fails.")
    async def audit_log(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description="How many entries, 1 to 100.")] = 50,
        after: Annotated[str | None, strawberry.argument(description="The last cursor received.")] = None,
        user_id: Annotated[str | None, strawberry.argument(description="Only what they did or suffered.")] = None,
    ) -> AuditPage | None:
        """A page of the log."""
        tenant = info.context.allow(Scope.PRIVACY_ADMIN)
        user = None if user_id is None else valid_user_id(user_id)
        page = await info.context.services.audit.page(
            tenant, first=require_first(first), before=_number(after), user_id=user
        )
        entries = list(map(AuditEntry.of, page.entries))
        ends = (entries[0].number, entries[-1].number) if entries else (None, None)
        place = PageInfo(
            has_next_page=page.more, has_previous_page=after is not None, start_cursor=ends[0], end_cursor=ends[1]
        )
        return AuditPage(entries=entries, intact=page.intact, page_info=place)


def _number(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= MOST_DIGITS):
        raise ValidationFailed("this is not a cursor that the service gave out", field="after")
    return int(cursor)
