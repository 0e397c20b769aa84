"""Use cases of business rules: change them all or none, list them, and hold them for serving."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from domain.clock import Clock
from domain.errors import Conflict, Unavailable, ValidationFailed
from domain.ids import TenantId
from domain.rules.model import MAX_RULES, NO_RULES, Rule, RuleBook, contradiction

RECHECK_SECONDS: Final = 1.0
HELD_TENANTS: Final = 64

Change = Callable[[Sequence[Rule]], Sequence[Rule]]


class RuleStore(Protocol):
    """Where rules are kept."""

    async def change(self, tenant: TenantId, change: Change, at: datetime) -> RuleBook:
        """Replace the rules by what `change` makes of them; whatever it raises leaves them as they were."""
        ...

    async def version(self, tenant: TenantId) -> int:
        """How often the rules have changed."""
        ...

    async def read(self, tenant: TenantId) -> RuleBook:
        """The rules in the order of their ids, no older than their version."""
        ...


class RuleService:
    """A tenant's business rules."""

    def __init__(self, store: RuleStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._held: OrderedDict[TenantId, _Held] = OrderedDict()

    async def upsert(self, tenant: TenantId, rules: Sequence[Rule]) -> RuleBook:
        """Add rules, or replace those with the same ids, all or none; they hold for the next list.

        Raises:
            ValidationFailed: two of them have the same id, or they would be too many.
            Conflict: one contradicts another of them or one that is there.
        """

        def changed(held: Sequence[Rule]) -> Sequence[Rule]:
            return upserted(held, rules)

        return await self._changed(tenant, changed)

    async def delete(self, tenant: TenantId, rule_ids: Collection[str]) -> RuleBook:
        """Take rules away; ids that no rule has change nothing."""
        return await self._changed(tenant, lambda held: [rule for rule in held if rule.rule_id not in rule_ids])

    async def rules(self, tenant: TenantId) -> RuleBook:
        """The rules as they are at this moment."""
        return await self._store.read(tenant)

    async def current(self, tenant: TenantId) -> RuleBook:
        """The rules for serving, at most `RECHECK_SECONDS` old; the last known ones while the database is away."""
        now, held = self._clock.now(), self._held.get(tenant)
        if held is not None and 0 <= (now - held.checked_at).total_seconds() < RECHECK_SECONDS:
            return held.book
        try:
            version = await self._store.version(tenant)
            known = held is not None and held.book.version == version
            book = held.book if held is not None and known else await self._store.read(tenant)
        except Unavailable:
            return NO_RULES if held is None else held.book
        return self._hold(tenant, book, now)

    async def _changed(self, tenant: TenantId, change: Change) -> RuleBook:
        now = self._clock.now()
        return self._hold(tenant, await self._store.change(tenant, change, now), now)

    def _hold(self, tenant: TenantId, book: RuleBook, now: datetime) -> RuleBook:
        """Hold a book unless a change came meanwhile; the newer of the two."""
        held = self._held.get(tenant)
        if held is not None and held.book.version > book.version:
            return held.book
        self._held[tenant] = _Held(book, now)
        self._held.move_to_end(tenant)
        if len(self._held) > HELD_TENANTS:
            self._held.popitem(last=False)
        return book


@dataclass(frozen=True, slots=True)
class _Held:
    book: RuleBook
    checked_at: datetime


def upserted(held: Sequence[Rule], rules: Sequence[Rule]) -> list[Rule]:
    """`held` with `rules` in it. Raises as `RuleService.upsert`."""
    merged = {rule.rule_id: rule for rule in held}
    given: set[str] = set()
    for index, rule in enumerate(rules):
        if rule.rule_id in given:
            raise ValidationFailed("another rule of this call has the same id", field=f"rules.{index}.rule_id")
        given.add(rule.rule_id)
        merged[rule.rule_id] = rule
    if len(merged) > MAX_RULES:
        raise ValidationFailed(f"a tenant has at most {MAX_RULES} rules", field="rules")
    for index, rule in enumerate(rules):
        found = contradiction(rule, merged.values())
        if found is not None:
            raise Conflict(f"It contradicts the rule {found[0].rule_id}: {found[1]}.", field=f"rules.{index}")
    return list(merged.values())
