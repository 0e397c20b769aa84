"""Whatever catalogue, model, history and query come together, a page keeps its promises."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from domain.catalog.model import ItemKind
from domain.catalog.snapshot import CatalogSnapshot, SnapshotRow, build_snapshot
from domain.errors import ValidationFailed
from domain.ids import ItemId, TenantId
from domain.models.factor_model import FactorModel, ServingParameters
from domain.recommendations.diversity import maximal_marginal_relevance
from domain.recommendations.model import HistoryEntry, ReasonCode, Recommendation, RecommendationQuery, Source
from domain.recommendations.ranking import Recommender
from domain.recommendations.retrieval import top

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TAGS = ("calm", "fast", "retro")

scores = arrays(np.float32, st.integers(0, 60), elements=st.integers(-4, 4).map(float) | st.just(float("-inf")))
item_ids = st.integers(0, 39).map(lambda number: ItemId(f"i{number:02d}"))
windows = st.sampled_from([(None, None), (None, NOON), (NOON, None), (NOON - HOUR, NOON + HOUR), (NOON + HOUR, None)])


@st.composite
def catalogs(draw: st.DrawFn) -> CatalogSnapshot:
    chosen = draw(st.lists(item_ids, unique=True, max_size=30))
    return build_snapshot(
        TenantId("t"),
        1,
        [
            SnapshotRow(
                item_id=item_id,
                kind=draw(st.sampled_from(list(ItemKind))),
                title=item_id,
                tags=tuple(draw(st.lists(st.sampled_from(TAGS), unique=True, max_size=2))),
                category=draw(st.sampled_from(["", "Intro"])),
                available_from=(window := draw(windows))[0],
                available_until=window[1],
                sensitive=False,
            )
            for item_id in chosen
        ],
    )


@st.composite
def models(draw: st.DrawFn) -> FactorModel | None:
    """Models that know some of the items, and some that the catalogue does not hold; sometimes none."""
    known = sorted(draw(st.lists(item_ids, unique=True, max_size=30)))
    if not known and draw(st.booleans()):
        return None
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    count, width = len(known), draw(st.integers(1, 6))
    popularity = rng.integers(0, 50, count).astype(np.float32)
    return FactorModel(
        algorithm="als",
        item_ids=tuple(known),
        item_kinds=np.zeros(count, dtype=np.int8),
        factors=(rng.normal(size=(count, width)) * draw(st.sampled_from([0.0, 1e-9, 0.3]))).astype(np.float32),
        popularity=popularity,
        trend=(popularity * rng.random(count)).astype(np.float32),
        parameters=ServingParameters(6.0, 1.0, 1.0, 5.0, 0.2, 5.0),
    )


histories = st.lists(
    st.builds(
        HistoryEntry,
        item_id=item_ids,
        weight=st.sampled_from([-2.0, -0.5, 0.0, 0.2, 1.0, 30.0]),
        occurred_at=st.integers(0, 500).map(lambda hours: NOON - hours * HOUR),
    ),
    max_size=12,
)
queries = st.builds(
    RecommendationQuery,
    kinds=st.none() | st.frozensets(st.sampled_from(list(ItemKind))),
    limit=st.integers(1, 40),
    exclude=st.frozensets(item_ids, max_size=5),
    include_seen=st.booleans(),
    diversity=st.none() | st.floats(0, 1),
    preferences=st.dictionaries(st.sampled_from([*TAGS, "INTRO", "unheard of"]), st.floats(-1, 1), max_size=3),
)


def allowed(catalog: CatalogSnapshot, history: list[HistoryEntry], query: RecommendationQuery) -> set[ItemId]:
    """What may be shown, said once more and plainly."""
    hidden = {entry.item_id for entry in history if not query.include_seen or entry.weight < 0} | query.exclude
    available = catalog.eligible(NOON, query.kinds)
    return {item for row, item in enumerate(catalog.item_ids) if available[row]} - hidden


@given(catalog=catalogs(), model=models(), history=histories, query=queries)
def test_a_page_holds_only_what_may_be_shown_and_is_never_short_without_cause(
    catalog: CatalogSnapshot, model: FactorModel | None, history: list[HistoryEntry], query: RecommendationQuery
) -> None:
    page = [entry.item_id for entry in Recommender(catalog, model).recommend(history, query, at=NOON)]
    may_be_shown = allowed(catalog, history, query)
    assert set(page) <= may_be_shown
    assert len(set(page)) == len(page) == min(query.limit, len(may_be_shown))


@given(catalog=catalogs(), model=models(), history=histories, query=queries)
def test_every_item_says_why(
    catalog: CatalogSnapshot, model: FactorModel | None, history: list[HistoryEntry], query: RecommendationQuery
) -> None:
    liked = {entry.item_id for entry in history if entry.weight > 0}
    for entry in Recommender(catalog, model).recommend(history, query, at=NOON):
        weights = [reason.weight for reason in entry.reasons]
        assert sum(weights) == pytest.approx(1.0)
        assert weights == sorted(weights, reverse=True)
        assert min(weights) > 0
        assert len(entry.sources) == len(entry.reasons)
        assert np.isfinite(entry.score)
        for reason in entry.reasons:
            assert bool(reason.evidence) == (reason.code is ReasonCode.SIMILAR_TO_YOUR_ACTIONS)
            assert bool(reason.preferences) == (reason.code is ReasonCode.MATCHES_PREFERENCE)
            assert set(reason.evidence) <= liked


@given(catalog=catalogs(), model=models(), history=histories, query=queries)
def test_the_same_question_has_the_same_answer(
    catalog: CatalogSnapshot, model: FactorModel | None, history: list[HistoryEntry], query: RecommendationQuery
) -> None:
    first, second = (Recommender(catalog, model).recommend(history, query, at=NOON) for _ in range(2))
    assert first == second


@given(catalog=catalogs(), model=models(), history=histories)
def test_without_diversity_a_page_is_in_the_order_of_its_scores(
    catalog: CatalogSnapshot, model: FactorModel | None, history: list[HistoryEntry]
) -> None:
    page = Recommender(catalog, model).recommend(history, RecommendationQuery(diversity=0.0, limit=40), at=NOON)
    scored = [entry.score for entry in page]
    assert scored == sorted(scored, reverse=True)


@given(catalog=catalogs(), model=models(), limit=st.integers(1, 20))
def test_a_shorter_page_is_the_beginning_of_a_longer_one_without_diversity(
    catalog: CatalogSnapshot, model: FactorModel | None, limit: int
) -> None:
    recommender = Recommender(catalog, model)
    short, long = (
        [entry.item_id for entry in recommender.recommend([], RecommendationQuery(limit=n, diversity=0.0), at=NOON)]
        for n in (limit, 40)
    )
    assert long[:limit] == short


@given(values=scores, count=st.integers(0, 70))
def test_top_is_the_beginning_of_a_full_sort_with_ties_by_index(values: np.ndarray, count: int) -> None:
    expected = sorted(range(len(values)), key=lambda index: (-values[index], index))[:count]
    assert top(values, count).tolist() == expected


@given(
    vectors=arrays(
        np.float32, st.tuples(st.integers(0, 20), st.integers(1, 4)), elements=st.integers(-3, 3).map(float)
    ),
    limit=st.integers(1, 25),
    diversity=st.floats(0, 1),
)
def test_diversity_reorders_without_losing_or_doubling(vectors: np.ndarray, limit: int, diversity: float) -> None:
    relevance = np.linspace(1, 0, len(vectors), dtype=np.float32)
    order = maximal_marginal_relevance(relevance, vectors, limit, diversity).tolist()
    assert len(set(order)) == len(order) == min(limit, len(vectors))
    assert set(order) <= set(range(len(vectors)))
    if order:
        assert order[0] == 0


def test_diversity_passes_over_a_copy_for_something_else() -> None:
    vectors = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    relevance = np.array([1.0, 0.9, 0.5], dtype=np.float32)
    assert maximal_marginal_relevance(relevance, vectors, 3, 0.5).tolist() == [0, 2, 1]
    assert maximal_marginal_relevance(relevance, vectors, 3, 0.0).tolist() == [0, 1, 2]


def row(item_id: str, *tags: str) -> SnapshotRow:
    return SnapshotRow(ItemId(item_id), ItemKind.TEMPLATE, item_id, tags, "", None, None, sensitive=False)


def two_tastes() -> FactorModel:
    """Items a0, a1 of one taste and b0, b1 of another; b1 is the most popular."""
    return FactorModel(
        algorithm="als",
        item_ids=tuple(map(ItemId, ("a0", "a1", "b0", "b1"))),
        item_kinds=np.zeros(4, dtype=np.int8),
        factors=np.array([[0.5, 0], [0.5, 0.01], [0, 0.5], [0.01, 0.5]], dtype=np.float32),
        popularity=np.array([20, 20, 20, 30], dtype=np.float32),
        trend=np.array([1, 1, 9, 1], dtype=np.float32),
        parameters=ServingParameters(6.0, 0.1, 1.0, 5.0, 0.2, 5.0),
    )


def page_of(
    history: list[HistoryEntry], query: RecommendationQuery | None = None, *more: SnapshotRow
) -> list[Recommendation]:
    catalog = build_snapshot(TenantId("t"), 1, [row("a0"), row("a1"), row("b0"), row("b1", "calm"), *more])
    return Recommender(catalog, two_tastes()).recommend(history, query or RecommendationQuery(), at=NOON)


def test_an_unknown_user_gets_what_is_popular() -> None:
    first = page_of([])[0]
    assert first.item_id == "b1"
    assert (first.reasons[0].code, first.sources) == (ReasonCode.POPULAR, (Source.POPULARITY,))


def test_one_action_brings_up_what_is_similar_with_the_action_as_evidence() -> None:
    first = page_of([HistoryEntry(ItemId("a0"), 1.0, NOON)])[0]
    assert first.item_id == "a1"
    assert (first.reasons[0].code, first.reasons[0].evidence) == (ReasonCode.SIMILAR_TO_YOUR_ACTIONS, ("a0",))


def test_an_item_that_came_after_training_stands_with_the_last() -> None:
    page = page_of([HistoryEntry(ItemId("a0"), 1.0, NOON)], RecommendationQuery(diversity=0.0), row("z-new"))
    assert page[-1].item_id == "z-new"
    assert page[-1].score == page[-2].score
    assert page[-1].reasons[0].code is ReasonCode.DISCOVERY


def test_a_stated_preference_brings_an_item_up_and_is_the_reason() -> None:
    query = RecommendationQuery(preferences={"Zen": 1.0, "unheard of": 1.0})
    page = page_of([], query, row("0-new", "zen"))
    place = [entry.item_id for entry in page].index(ItemId("0-new"))
    assert place < len(page) - 1
    assert page[place].reasons[0].code is ReasonCode.MATCHES_PREFERENCE
    assert page[place].reasons[0].preferences == ("Zen",)


def test_a_preference_against_something_takes_it_down() -> None:
    assert page_of([], RecommendationQuery(preferences={"calm": -1.0}))[-1].item_id == "b1"


def test_what_the_user_did_not_want_stays_away_even_when_seen_items_may_return() -> None:
    history = [HistoryEntry(ItemId("a0"), 1.0, NOON), HistoryEntry(ItemId("b0"), -1.0, NOON)]
    page = [entry.item_id for entry in page_of(history, RecommendationQuery(include_seen=True))]
    assert set(page) == {"a0", "a1", "b1"}


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("limit", {"limit": 0}),
        ("limit", {"limit": 501}),
        ("diversity", {"diversity": 1.5}),
        ("diversity", {"diversity": float("nan")}),
        ("preferences.calm", {"preferences": {"calm": 2.0}}),
    ],
)
def test_a_query_out_of_range_is_refused_by_name(field: str, values: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed) as refused:
        RecommendationQuery(**values)
    assert refused.value.field == field
