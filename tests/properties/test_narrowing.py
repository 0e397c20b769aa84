"""With an index a list is the one that scoring every item gives, whatever rules, chance and wishes come together."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.catalog.model import ItemKind
from domain.catalog.snapshot import CatalogSnapshot, SnapshotRow, build_snapshot
from domain.ids import ItemId, TenantId
from domain.interest.model import LiveInterest, Window
from domain.models.blend import BlendWeights
from domain.models.factor_model import FactorModel, ServingParameters
from domain.models.layout import CorruptArtifact
from domain.models.network import Layer, PreferenceNetwork
from domain.models.norm_index import NormIndex, norm_index
from domain.models.segments import Segments
from domain.recommendations.alignment import Alignment
from domain.recommendations.blending import Scorer
from domain.recommendations.circumstances import Circumstances
from domain.recommendations.exploration import Exploration
from domain.recommendations.factors import observe
from domain.recommendations.model import HistoryEntry, RecommendationQuery
from domain.recommendations.narrowing import Narrowing, Wanted
from domain.recommendations.pruning import BlockScorer
from domain.recommendations.ranking import Recommender
from domain.rules.model import CapGroup, Rule, RuleBook, RuleKind, Selector
from domain.rules.steering import RuleSheet

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ITEMS, WIDTH, BLOCK_ROWS = 20_000, 6, 16
FEWER = 19_000
IDS = tuple(ItemId(f"i{number:05d}") for number in range(ITEMS))


def factors_of(rng: np.random.Generator, people: NDArray[np.float32]) -> NDArray[np.float32]:
    """Long for items that many took to, as trained ones are."""
    directions = rng.normal(size=(len(people), WIDTH))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    return (directions * (people / (people + 400.0))[:, np.newaxis]).astype(np.float32)


def network() -> PreferenceNetwork:
    rng = np.random.default_rng(3)
    names = ("blend", "factors_score", "segment_score", "trend_score", "popularity", "history_length")
    layers = (
        Layer(rng.normal(size=(len(names), 4)).astype(np.float32), np.zeros(4, dtype=np.float32)),
        Layer(rng.normal(size=(4, 1)).astype(np.float32), np.zeros(1, dtype=np.float32)),
    )
    ones, bounds = np.ones(len(names), dtype=np.float32), np.array([0, 3], dtype=np.int32)
    return PreferenceNetwork(names, 0 * ones, ones, layers, bounds, np.array([0.0, 0.5], dtype=np.float32))


def model_of(seed: int, known: int = ITEMS) -> FactorModel:
    """A model of the first `known` items, with an index of small blocks."""
    rng = np.random.default_rng(seed)
    people = np.floor(40_000 / (1 + rng.permutation(known)) ** 0.8).astype(np.float32)
    factors = factors_of(rng, people)
    centroids = rng.normal(size=(3, WIDTH)).astype(np.float32)
    favourites = np.floor(people * rng.random((3, known))).astype(np.float32)
    table = np.array([[0.0, 0.0, 0.2, 0.8], [0.4, 0.2, 0.1, 0.3], [0.7, 0.1, 0.1, 0.1]], dtype=np.float32)
    return FactorModel(
        algorithm="als",
        item_ids=IDS[:known],
        item_kinds=np.zeros(known, dtype=np.int8),
        factors=factors,
        popularity=people,
        trend=(people * rng.random(known)).astype(np.float32),
        parameters=ServingParameters(6.0, 1.0, 1.0, 5.0, 0.2, 5.0),
        blend=BlendWeights(
            ("factors", "segment", "trend", "popularity"), np.array([0, 1, 8], dtype=np.int32), table
        ),
        segments=Segments(
            centroids / np.linalg.norm(centroids, axis=1, keepdims=True), favourites, np.array([3, 2, 1])
        ),
        network=network(),
        index=norm_index(factors, BLOCK_ROWS),
    )  # fmt: skip


def catalog_of(items: int) -> CatalogSnapshot:
    kinds = list(ItemKind)
    return build_snapshot(
        TenantId("t"),
        1,
        [
            SnapshotRow(
                IDS[n], kinds[n % 3], f"i{n}", ("rare",) if n % 97 == 0 else ("even",) if n % 2 == 0 else (),
                f"c{n % 5}", NOON + timedelta(hours=1) if n % 11 == 0 else None, None, sensitive=False,
            )
            for n in range(items)
        ],
    )  # fmt: skip


CATALOGS = {items: catalog_of(items) for items in (FEWER, ITEMS)}
MODELS = {(seed, known): model_of(seed, known) for seed in (0, 1) for known in (FEWER, ITEMS)}
RULES = [
    Rule("caps", RuleKind.CAP, Selector(), per=CapGroup.CATEGORY, at_most=2),
    Rule("tight", RuleKind.CAP, Selector(), per=CapGroup.CATEGORY, at_most=1),
    Rule("out", RuleKind.EXCLUDE, Selector(categories=frozenset({"c1"}))),
    Rule("rare", RuleKind.INCLUDE, Selector(tags=frozenset({"rare"}))),
    Rule("boost", RuleKind.BOOST, Selector(tags=frozenset({"rare"})), amount=1.5),
    Rule("down", RuleKind.BOOST, Selector(categories=frozenset({"c2"})), amount=-1.0),
    Rule("pin", RuleKind.PIN, Selector(item_ids=frozenset({IDS[2100]})), position=2),
]
histories = st.lists(
    st.builds(
        HistoryEntry,
        item_id=st.sampled_from(IDS),
        weight=st.sampled_from([-2.0, 0.5, 1.0, 3.0]),
        occurred_at=st.integers(0, 500).map(lambda hours: NOON - timedelta(hours=hours)),
    ),
    max_size=15,
)
queries = st.builds(
    RecommendationQuery,
    kinds=st.none() | st.frozensets(st.sampled_from(list(ItemKind)[:3]), min_size=1),
    limit=st.integers(1, 30),
    exclude=st.frozensets(st.sampled_from(IDS), max_size=5),
    include_seen=st.booleans(),
    diversity=st.none() | st.floats(0, 1),
    preferences=st.dictionaries(st.sampled_from(["rare", "even", "c3"]), st.floats(-1, 1), max_size=2),
    shown=st.sampled_from([0, 7]),
)
lives = st.none() | st.integers(0, 100)


def interest(seed: int) -> LiveInterest:
    rng = np.random.default_rng(seed)
    items = tuple(sorted(rng.choice(IDS, 40, replace=False)))
    people = {window: rng.integers(0, 60, 40).astype(np.float64) for window in Window}
    pairs = tuple(pairwise(items))
    return LiveInterest(NOON, items, people, pairs, rng.integers(0, 20, len(pairs)).astype(np.float64))


@cache
def recommender_of(known: int, items: int, seed: int, *, kept_network: bool, indexed: bool) -> Recommender:
    model = MODELS[seed, known]
    return Recommender(
        CATALOGS[items],
        replace(model, network=model.network if kept_network else None, index=model.index if indexed else None),
    )


@settings(deadline=None)
@pytest.mark.parametrize("known", [FEWER, ITEMS])
@pytest.mark.parametrize("items", [FEWER, ITEMS])
@given(
    seed=st.sampled_from([0, 1]),
    history=histories,
    query=queries,
    rules=st.lists(st.sampled_from(RULES), unique_by=lambda rule: rule.rule_id, max_size=3),
    chance=st.none() | st.integers(0, 2**64),
    live=lives,
    kept_network=st.booleans(),
)
def test_a_list_is_the_same_with_and_without_an_index(
    known: int,
    items: int,
    seed: int,
    history: list[HistoryEntry],
    query: RecommendationQuery,
    rules: list[Rule],
    chance: int | None,
    live: int | None,
    kept_network: bool,
) -> None:
    catalog = CATALOGS[items]
    steering = RuleSheet(RuleBook(1, tuple(rules)), catalog).steering(query.kinds, None, None, NOON)
    exploration = None if chance is None else Exploration(UUID(int=chance), 0.3)
    lists = []
    for indexed in (True, False):
        recommender = recommender_of(known, items, seed, kept_network=kept_network, indexed=indexed)
        signals = None if live is None else recommender.live_signals(interest(live))
        around = Circumstances(steering, signals, exploration)
        lists.append(recommender.recommend(history, query, at=NOON, around=around))
    ours, whole = lists
    assert [entry.item_id for entry in ours] == [entry.item_id for entry in whole]
    assert [entry.score for entry in ours] == pytest.approx([entry.score for entry in whole], abs=1e-4)
    assert [entry.propensity for entry in ours] == pytest.approx([entry.propensity for entry in whole], abs=1e-4)
    for one, other in zip(ours, whole, strict=True):
        assert [(reason.code, reason.evidence) for reason in one.reasons] == [
            (reason.code, reason.evidence) for reason in other.reasons
        ]


def test_new_items_that_many_take_to_are_not_missed() -> None:
    new = IDS[FEWER : FEWER + 5]
    counts = np.full(5, 1e9)
    arrived = LiveInterest(NOON, new, dict.fromkeys(Window, counts))
    history = [HistoryEntry(IDS[5], 1.0, NOON)]
    for indexed in (True, False):
        recommender = recommender_of(FEWER, ITEMS, 0, kept_network=False, indexed=indexed)
        around = Circumstances(live=recommender.live_signals(arrived))
        page = recommender.recommend(history, RecommendationQuery(limit=10), at=NOON, around=around)
        assert {entry.item_id for entry in page} >= set(new) - {IDS[n] for n in range(0, ITEMS, 11)}


def test_a_pinned_item_that_came_later_has_the_score_of_an_unknown_one() -> None:
    pin = Rule("pin", RuleKind.PIN, Selector(item_ids=frozenset({IDS[FEWER + 3]})), position=2)
    around = Circumstances(RuleSheet(RuleBook(1, (pin,)), CATALOGS[ITEMS]).steering(None, None, None, NOON))
    history = [HistoryEntry(IDS[5], 1.0, NOON)]
    both = [recommender_of(FEWER, ITEMS, 0, kept_network=False, indexed=indexed) for indexed in (True, False)]
    lists = [one.recommend(history, RecommendationQuery(limit=10), at=NOON, around=around) for one in both]
    assert lists[0][2].score == pytest.approx(lists[1][2].score, abs=1e-4)


def test_draws_reach_items_that_nobody_has_tried() -> None:
    people = (np.arange(ITEMS) % 50 == 1).astype(np.float32)
    factors = np.stack((people, people), axis=1)
    plain = replace(
        MODELS[0, ITEMS],
        factors=factors,
        popularity=people,
        trend=people,
        blend=BlendWeights(("trend", "popularity"), np.zeros(1, dtype=np.int32), np.full((1, 2), 0.01, np.float32)),
        segments=None,
        network=None,
    )
    chance = Circumstances(exploration=Exploration(UUID(int=1), 0.5))
    query = RecommendationQuery(limit=30)
    lists = [
        Recommender(CATALOGS[ITEMS], replace(plain, index=index)).recommend([], query, at=NOON, around=chance)
        for index in (norm_index(factors, BLOCK_ROWS), None)
    ]
    assert [entry.item_id for entry in lists[0]] == [entry.item_id for entry in lists[1]]
    assert all(people[IDS.index(entry.item_id)] == 0 for entry in lists[0] if entry.propensity < 1)


def narrowing_of(model: FactorModel) -> tuple[BlockScorer, Narrowing]:
    assert model.index is not None
    scorer = BlockScorer(model, model.index, Scorer(model))
    return scorer, Narrowing(scorer, Alignment(CATALOGS[ITEMS], model))


def wanted(allowed: NDArray[np.bool_]) -> Wanted:
    return Wanted(allowed, None, np.empty(0, dtype=np.int64), 10, None)


def test_few_items_are_scored_where_factors_have_lengths_of_many_sizes() -> None:
    model = MODELS[0, ITEMS]
    scorer, narrowing = narrowing_of(model)
    begun = scorer.begin(observe([HistoryEntry(IDS[5], 1.0, NOON)], model.rows))
    found = narrowing.candidates(begun, wanted(np.ones(ITEMS, dtype=np.bool_)))
    assert found is not None
    assert np.count_nonzero(np.isfinite(begun.scores.blended)) < ITEMS / 2
    assert len(found.rows) < np.count_nonzero(np.isfinite(begun.scores.blended))


def test_where_all_factors_are_as_long_everything_is_scored_instead() -> None:
    directions = np.random.default_rng(0).normal(size=(ITEMS, WIDTH)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    model = replace(MODELS[0, ITEMS], factors=directions, index=norm_index(directions, BLOCK_ROWS))
    scorer, narrowing = narrowing_of(model)
    begun = scorer.begin(observe([HistoryEntry(IDS[5], 1.0, NOON)], model.rows))
    assert narrowing.candidates(begun, wanted(np.ones(ITEMS, dtype=np.bool_))) is None


def test_where_few_items_may_be_shown_those_are_the_candidates() -> None:
    model = MODELS[0, ITEMS]
    scorer, narrowing = narrowing_of(model)
    allowed = np.zeros(ITEMS, dtype=np.bool_)
    allowed[[7, 2000]] = True
    found = narrowing.candidates(scorer.begin(observe([], {})), wanted(allowed))
    assert found is not None
    assert found.rows.tolist() == [7, 2000]


@given(st.integers(0, 2000), st.integers(1, 40), st.integers(0, 5))
def test_an_index_holds_every_row_once_and_bounds_each_block(items: int, block_rows: int, seed: int) -> None:
    factors = np.random.default_rng(seed).normal(size=(items, 3)).astype(np.float32)
    index = norm_index(factors, block_rows)
    assert sorted(index.order.tolist()) == list(range(items))
    lengths = np.linalg.norm(factors.astype(np.float64), axis=1)[index.order]
    for block, bound in enumerate(index.lengths.tolist()):
        assert np.all(lengths[block * block_rows : (block + 1) * block_rows] <= bound)


def test_a_damaged_index_is_refused() -> None:
    index = norm_index(MODELS[0, ITEMS].factors)
    assert NormIndex.restored(index.arrays(), ITEMS) is not None
    assert NormIndex.restored({}, ITEMS) is None
    twice = index.order.copy()
    twice[0] = twice[1]
    beyond = index.order.copy()
    beyond[0] = ITEMS
    for broken in (twice, beyond, index.order[:-1]):
        with pytest.raises(CorruptArtifact, match="index"):
            NormIndex.restored({**index.arrays(), "index_order": broken}, ITEMS)
    with pytest.raises(CorruptArtifact, match="index"):
        NormIndex.restored({**index.arrays(), "index_lengths": -index.lengths}, ITEMS)
