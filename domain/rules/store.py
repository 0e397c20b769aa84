"""Business rules in Postgres, each as JSON; writers of one tenant take turns, so that contradictions cannot slip in."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson

from domain.catalog.model import ItemKind
from domain.ids import ItemId, TenantId
from domain.rules.model import CapGroup, Rule, RuleBook, RuleKind, Scope, Selector
from domain.rules.service import Change
from domain.storage.postgres import Database, Transaction

_ENSURE_TENANT: Final = """
INSERT INTO tenants (tenant_id, name, created_at) VALUES ($1, $1, $2) ON CONFLICT DO NOTHING"""
_LOCK_TENANT: Final = "SELECT rules_version FROM tenants WHERE tenant_id = $1 FOR NO KEY UPDATE"
_RAISE_VERSION: Final = """
UPDATE tenants SET rules_version = rules_version + 1 WHERE tenant_id = $1 RETURNING rules_version"""
_VERSION: Final = "SELECT rules_version FROM tenants WHERE tenant_id = $1"
_RULES: Final = "SELECT rule_id, definition FROM recommendation_rules WHERE tenant_id = $1 ORDER BY rule_id"
_DELETE: Final = "DELETE FROM recommendation_rules WHERE tenant_id = $1 AND NOT rule_id = ANY ($2::text[])"
_WRITE: Final = """
INSERT INTO recommendation_rules AS held (tenant_id, rule_id, definition, updated_at)
SELECT $1, x.rule_id, x.definition, $2 FROM unnest($3::text[], $4::jsonb[]) AS x (rule_id, definition)
    ON CONFLICT (tenant_id, rule_id) DO UPDATE SET definition = excluded.definition, updated_at = excluded.updated_at
 WHERE held.definition IS DISTINCT FROM excluded.definition"""


class PostgresRuleStore:
    """Business rules, as a `RuleStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def change(self, tenant: TenantId, change: Change, at: datetime) -> RuleBook:
        """Replace the rules by what `change` makes of them; whatever it raises leaves them as they were."""
        async with self._database.transaction(tenant) as tx:
            await tx.execute(_ENSURE_TENANT, tenant, at)
            version = int(await tx.value(_LOCK_TENANT, tenant))
            held = await _read(tx, tenant)
            rules = sorted(change(held), key=lambda rule: rule.rule_id)
            if rules != held:
                await tx.execute(_DELETE, tenant, [rule.rule_id for rule in rules])
                definitions = [orjson.dumps(to_json(rule)).decode() for rule in rules]
                await tx.execute(_WRITE, tenant, at, [rule.rule_id for rule in rules], definitions)
                version = int(await tx.value(_RAISE_VERSION, tenant))
        return RuleBook(version, tuple(rules))

    async def version(self, tenant: TenantId) -> int:
        """How often the rules have changed."""
        async with self._database.transaction(tenant) as tx:
            return int(await tx.value(_VERSION, tenant) or 0)

    async def read(self, tenant: TenantId) -> RuleBook:
        """The rules in the order of their ids, no older than their version."""
        async with self._database.transaction(tenant) as tx:
            # Read before the rules: a change that commits between the two is then seen again at the next check.
            version = int(await tx.value(_VERSION, tenant) or 0)
            return RuleBook(version, tuple(await _read(tx, tenant)))


async def _read(tx: Transaction, tenant: TenantId) -> list[Rule]:
    rows = await tx.rows(_RULES, tenant)
    return [from_json(row["rule_id"], orjson.loads(row["definition"])) for row in rows]


def to_json(rule: Rule) -> dict[str, Any]:
    """A rule without its id, as it is stored; what says nothing is left out."""
    items, lists = rule.items, rule.lists
    selected = {
        "item_ids": sorted(items.item_ids),
        "kinds": sorted(items.kinds),
        "categories": sorted(items.categories),
        "tags": sorted(items.tags),
        "attributes": dict(items.attributes),
    }
    covered = {
        "kinds": sorted(lists.kinds),
        "surfaces": sorted(lists.surfaces),
        "devices": sorted(lists.devices),
        "active_from": lists.active_from,
        "active_until": lists.active_until,
    }
    own = {name: getattr(rule, name) for name in ("position", "factor", "amount", "at_most", "per")}
    return {"kind": rule.kind, "items": _said(selected), "lists": _said(covered)} | _said(own)


def from_json(rule_id: str, stored: Mapping[str, Any]) -> Rule:
    """The rule that `to_json` wrote."""
    items, lists = stored["items"], stored["lists"]
    return Rule(
        rule_id=rule_id,
        kind=RuleKind(stored["kind"]),
        items=Selector(
            item_ids=frozenset(map(ItemId, items.get("item_ids", ()))),
            kinds=frozenset(map(ItemKind, items.get("kinds", ()))),
            categories=frozenset(items.get("categories", ())),
            tags=frozenset(items.get("tags", ())),
            attributes=items.get("attributes", {}),
        ),
        lists=Scope(
            kinds=frozenset(map(ItemKind, lists.get("kinds", ()))),
            surfaces=frozenset(lists.get("surfaces", ())),
            devices=frozenset(lists.get("devices", ())),
            active_from=_moment(lists.get("active_from")),
            active_until=_moment(lists.get("active_until")),
        ),
        position=stored.get("position"),
        factor=stored.get("factor"),
        amount=stored.get("amount"),
        at_most=stored.get("at_most"),
        per=CapGroup(stored["per"]) if "per" in stored else None,
    )


def _said(parts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parts.items() if value is not None and value not in ([], {})}


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
