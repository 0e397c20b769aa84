"""Reading the audit log."""

from datetime import datetime
from typing import Annotated, Final, Self

import strawberry

from domain.auditing.model import Entry
from domain.errors import ValidationFailed
from domain.privacy.model import valid_user_id
from graphql_api.auth import Scope
from graphql_api.context import Info
from graphql_api.paging import PageInfo, require_first

MOST_DIGITS: Final = 15


@strawberry.type(description="One thing that was to be done, was done, or was refused.")
class AuditEntry:
    """An entry of the log."""

    number: str = strawberry.field(description="1 for the first of a tenant; there are no holes.")
    action: str = strawberry.field(description="The operation: the name of its GraphQL field, whichever the door.")
    actor: str = strawberry.field(description="The pseudonym of who asked.")
    subject: str | None = strawberry.field(description="The pseudonym of the person whom it was about.")
    object: str | None = strawberry.field(description="What else it was about, such as a model's version.")
    outcome: str = strawberry.field(
        description="`ATTEMPTED` before the act, then `OK` or the code of the refusal in an entry of its own."
    )
    concludes: str | None = strawberry.field(
        description="The number of the attempt that this is the outcome of; null for attempts. An attempt that nothing "
        "concludes is under way, or was cut short: what it changed is not known."
    )
    door: str = strawberry.field(description="`graphql`, `rest`, `command` or `worker`.")
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
            concludes=None if act.concludes is None else str(act.concludes),
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
