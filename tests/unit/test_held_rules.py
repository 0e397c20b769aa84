"""Rules that a process holds: a change holds for the next list, whatever was being read meanwhile."""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from domain.clock import FixedClock
from domain.ids import TenantId
from domain.rules.model import Rule, RuleBook, RuleKind
from domain.rules.service import Change, RuleService

TENANT = TenantId("t")
CAP = Rule("cap", RuleKind.CAP, at_most=1)


class SlowReading:
    """A store whose readers answer with what they found once they are let go."""

    def __init__(self) -> None:
        self.book = RuleBook(1)
        self.let_go = asyncio.Event()

    async def change(self, _tenant: TenantId, change: Change, _at: datetime) -> RuleBook:
        rules: Sequence[Rule] = change(self.book.rules)
        self.book = RuleBook(self.book.version + 1, tuple(rules))
        return self.book

    async def version(self, _tenant: TenantId) -> int:
        return self.book.version

    async def read(self, _tenant: TenantId) -> RuleBook:
        found = self.book
        await self.let_go.wait()
        return found


async def test_a_reader_who_comes_back_late_undoes_no_change(clock: FixedClock) -> None:
    store = SlowReading()
    rules = RuleService(store, clock)
    reading = asyncio.create_task(rules.current(TENANT))
    await asyncio.sleep(0)
    changed = await rules.upsert(TENANT, [CAP])
    store.let_go.set()
    assert await reading == changed
    assert (await rules.current(TENANT)).rules == (CAP,)
