"""What actions weigh for a list: by their type, by the number of a rating, and by what the person called wrong."""

from datetime import UTC, datetime

from domain.catalog.model import ItemKind
from domain.catalog.snapshot import SnapshotRow, build_snapshot
from domain.ids import ItemId, TenantId
from domain.profiles.model import Correction, Verdict
from domain.profiles.portrait import NO_TASTE, Taste, taste_of
from domain.profiles.stated import NOTHING_STATED
from domain.recommendations.history import weighed
from domain.recommendations.page import PastAction

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def row(item: str, category: str) -> SnapshotRow:
    return SnapshotRow(
        item_id=ItemId(item),
        kind=ItemKind.TEMPLATE,
        title=item,
        tags=("Calm",),
        category=category,
        available_from=None,
        available_until=None,
        sensitive=False,
    )


CATALOG = build_snapshot(TenantId("t"), 1, [row("a", "Sports"), row("b", "business")])


def past(*actions: tuple[str, str, float | None]) -> list[PastAction]:
    return [PastAction(ItemId(item), kind, NOON, value) for item, kind, value in actions]


def corrected(facet: str, value: str, verdict: Verdict) -> Taste:
    return taste_of(NOTHING_STATED.corrected(Correction(facet, value, verdict, NOON), None))


def weights(actions: list[PastAction], taste: Taste = NO_TASTE) -> list[float]:
    return [round(entry.weight, 6) for entry in weighed(actions, taste, CATALOG)]


def test_a_rating_weighs_by_its_number_and_a_plain_one_by_its_type() -> None:
    assert weights(past(("a", "rated", 5.0), ("b", "rated", 1.0), ("a", "rated", None))) == [1.0, -0.333333, 1.0]


def test_actions_that_say_nothing_are_left_out_and_ratings_never() -> None:
    actions = past(("a", "recommendation_viewed", None), ("b", "rated", 2.0), ("a", "template_used", None))
    assert weights(actions) == [0.0, 1.0]


def test_what_is_wrong_says_nothing_and_was_still_seen() -> None:
    actions = past(("a", "template_used", None), ("b", "template_used", None))
    wrong = weighed(actions, corrected("category", "sports", Verdict.WRONG), CATALOG)
    assert [(entry.item_id, entry.weight) for entry in wrong] == [("a", 0.0), ("b", 1.0)]
    assert weights(actions, corrected("category", "sports", Verdict.LESS)) == [0.5, 1.0]
    assert weights(actions, corrected("tag", "calm", Verdict.MORE)) == [2.0, 2.0]


def test_a_correction_leaves_dislikes_as_they_are() -> None:
    actions = past(("a", "dismissed", None))
    assert weights(actions, corrected("category", "sports", Verdict.WRONG)) == weights(actions)
