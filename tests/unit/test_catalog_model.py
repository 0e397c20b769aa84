import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from domain.catalog.model import CatalogItem, ItemKind
from domain.catalog.snapshot import CatalogSnapshot, SnapshotRow, build_snapshot
from domain.errors import ValidationFailed
from domain.ids import ItemId, TenantId

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def item(**changes: Any) -> CatalogItem:
    return CatalogItem(**({"item_id": ItemId("a"), "kind": ItemKind.TEMPLATE, "title": "A"} | changes))


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"item_id": ""}, "item_id"),
        ({"item_id": "_a"}, "item_id"),
        ({"item_id": "a b"}, "item_id"),
        ({"item_id": "a\n"}, "item_id"),
        ({"item_id": "é"}, "item_id"),
        ({"item_id": "a" * 129}, "item_id"),
        ({"item_id": 7}, "item_id"),
        ({"kind": "TEMPLATE?"}, "kind"),
        ({"title": " "}, "title"),
        ({"title": "x" * 301}, "title"),
        ({"title": "a\x00b"}, "title"),
        ({"title": "\ud800"}, "title"),
        ({"title": None}, "title"),
        ({"description": "x" * 4001}, "description"),
        ({"category": "x" * 101}, "category"),
        ({"tags": ["a"]}, "tags"),
        ({"tags": ("a", "a")}, "tags"),
        ({"tags": ("a", "")}, "tags.1"),
        ({"tags": tuple(f"t{number}" for number in range(65))}, "tags"),
        ({"attributes": []}, "attributes"),
        ({"attributes": {"": 1}}, "attributes"),
        ({"attributes": {"a b": 1}}, "attributes"),
        ({"attributes": {f"a{number}": 1 for number in range(65)}}, "attributes"),
        ({"attributes": {"a": math.nan}}, "attributes.a"),
        ({"attributes": {"a": math.inf}}, "attributes.a"),
        ({"attributes": {"a": 2**53}}, "attributes.a"),
        ({"attributes": {"a": -(2**53)}}, "attributes.a"),
        ({"attributes": {"a": 10**400}}, "attributes.a"),
        ({"attributes": {"a": None}}, "attributes.a"),
        ({"attributes": {"a": ["b"]}}, "attributes.a"),
        ({"attributes": {"a": "x" * 1001}}, "attributes.a"),
        ({"available_from": datetime(2026, 1, 1)}, "available_from"),  # noqa: DTZ001 -- the missing zone is the point
        ({"available_until": "2026-01-01"}, "available_until"),
        ({"available_from": NOON, "available_until": NOON}, "available_until"),
        ({"sensitive": 1}, "sensitive"),
    ],
)
def test_what_breaks_a_rule_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        item(**changes)

    assert refusal.value.field == field


def test_the_widest_values_are_allowed() -> None:
    widest = item(
        item_id="9" + "z" * 127,
        title="x" * 300,
        description="x" * 4000,
        tags=tuple(f"t{number}" for number in range(64)),
        attributes={"a": 2**53 - 1, "b": -1.5, "c": True, "d": "x" * 1000, "_e.f-g": ""},
    )

    assert len(widest.tags) == 64


def test_an_item_keeps_its_own_attributes() -> None:
    given = {"pace": "slow"}
    made = item(attributes=given)

    given["pace"] = "fast"

    assert made.attributes["pace"] == "slow"
    with pytest.raises(TypeError):
        made.attributes["pace"] = "fast"  # type: ignore[index]  # that it cannot be written is what is tested


def test_kinds_have_distinct_codes_that_fit_a_byte() -> None:
    assert sorted(kind.code for kind in ItemKind) == [0, 1, 2, 3]


def row(name: str, kind: ItemKind = ItemKind.STYLE, category: str = "", **window: datetime | None) -> SnapshotRow:
    times = {"available_from": None, "available_until": None} | window
    return SnapshotRow(ItemId(name), kind, name.upper(), (f"tag-{name}",), category, sensitive=name == "c", **times)


@pytest.fixture
def snapshot() -> CatalogSnapshot:
    rows = [
        row("c", ItemKind.CONTENT, "films"),
        row("a", ItemKind.TEMPLATE, "intro", available_from=NOON.astimezone(timezone(DAY / 12))),
        row("b", available_until=NOON),
    ]
    return build_snapshot(TenantId("t"), 5, rows)


def test_a_snapshot_is_in_the_order_of_ids_in_every_column(snapshot: CatalogSnapshot) -> None:
    assert snapshot.item_ids == ("a", "b", "c")
    assert snapshot.titles == ("A", "B", "C")
    assert [snapshot.kind_of(index) for index in range(3)] == [ItemKind.TEMPLATE, ItemKind.STYLE, ItemKind.CONTENT]
    assert [snapshot.category_of(index) for index in range(3)] == ["intro", "", "films"]
    assert snapshot.sensitive.tolist() == [False, False, True]
    assert snapshot.rows_of([ItemId("c"), ItemId("x"), ItemId("a")]).tolist() == [2, -1, 0]
    assert len(snapshot) == 3
    assert snapshot.kinds.dtype == np.int8


def test_eligible_items_are_of_the_kind_and_available(snapshot: CatalogSnapshot) -> None:
    assert snapshot.eligible(NOON).tolist() == [True, False, True]
    assert snapshot.eligible(NOON - DAY).tolist() == [False, True, True]
    assert snapshot.eligible(NOON, [ItemKind.TEMPLATE, ItemKind.STYLE]).tolist() == [True, False, False]
    assert not snapshot.eligible(NOON, []).any()


def test_a_snapshot_cannot_be_changed(snapshot: CatalogSnapshot) -> None:
    with pytest.raises(ValueError, match="read-only"):
        snapshot.kinds[0] = 3


def test_an_empty_catalogue_is_a_snapshot_too() -> None:
    empty = build_snapshot(TenantId("t"), 0, [])

    assert (len(empty), empty.eligible(NOON).tolist(), empty.rows_of([ItemId("a")]).tolist()) == (0, [], [-1])
