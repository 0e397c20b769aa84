"""What holds for every data set: nothing leaks, metrics agree with their definition, two forms of one model agree."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from domain.errors import ValidationFailed
from workers.evaluation.asked import Protocol
from workers.evaluation.examples import build_examples
from workers.evaluation.histories import Histories, Past, build_histories
from workers.evaluation.metrics import NDCG, Tally, interval, paired_difference
from workers.evaluation.mixture import ascend, best_single
from workers.evaluation.neighbourhood import item_knn
from workers.evaluation.network import Perceptron, features
from workers.evaluation.popularity import LEAST, Popular, Trend
from workers.evaluation.protocols import Split, splits, validation
from workers.evaluation.sources import Model, shallow_autoencoder
from workers.evaluation.weights import nearest
from workers.training.linear import ease, ease_factors

USERS, ITEMS = 12, 9

rows = st.lists(
    st.tuples(st.integers(0, USERS - 1), st.integers(0, ITEMS - 1), st.integers(0, 50)), min_size=2, max_size=120
)


def histories_of(found: Sequence[tuple[int, int, int]]) -> Histories:
    users, items, times = (np.array(column) for column in zip(*found, strict=True))
    return build_histories(users, items, times.astype(np.float64), USERS, ITEMS)


def pairs(histories: Histories) -> set[tuple[int, int]]:
    return set(zip(histories.users.tolist(), histories.items.tolist(), strict=True))


@given(rows, st.sampled_from(Protocol), st.integers(0, 3))
def test_what_is_held_out_is_never_trained_on_and_nothing_is_lost(
    found: list[tuple[int, int, int]], protocol: Protocol, seed: int
) -> None:
    histories = histories_of(found)
    try:
        parts = list(splits(histories, protocol, seed))
    except ValidationFailed:
        return
    for split in parts:
        assert pairs(split.training).isdisjoint(pairs(split.held_out))
        assert pairs(split.training) | pairs(split.held_out) == pairs(histories)
    if protocol is Protocol.CV5:
        assert sum(len(split.held_out) for split in parts) == len(histories)


@given(rows)
def test_leave_last_holds_out_the_latest_of_everybody_who_did_more(found: list[tuple[int, int, int]]) -> None:
    histories = histories_of(found)
    several = [user for user in range(USERS) if len(histories.of(user)) > 1]
    assume(several)
    [split] = splits(histories, Protocol.LEAVE_LAST, 0)
    assert split.measured.tolist() == several
    for user in several:
        assert split.held_out.of(user).tolist() == histories.of(user)[-1:].tolist()


@given(rows)
def test_a_time_split_trains_on_nothing_later_than_it_tests(found: list[tuple[int, int, int]]) -> None:
    try:
        [split] = splits(histories_of(found), Protocol.TIME, 0)
    except ValidationFailed:
        return
    assert split.training.times.max() < split.held_out.times.min()


@given(
    arrays(np.float32, 25, elements=st.integers(-3, 3).map(float)),
    st.sets(st.integers(0, 24), min_size=1, max_size=12),
    st.sets(st.integers(0, 24), max_size=12),
)
def test_metrics_agree_with_a_plain_reading_of_their_definitions(
    scores: NDArray[np.float32], wanted: set[int], seen: set[int]
) -> None:
    wanted -= seen
    assume(wanted)
    history, targets = np.array(sorted(seen), dtype=np.int64), np.array(sorted(wanted))
    scores[history] = -np.inf
    tally = Tally(np.ones(25), 1)
    tally.add(0, scores, history, targets)
    ranked = sorted((item for item in range(25) if item not in seen), key=lambda item: (-scores[item], item))
    gain = sum(1 / math.log2(place + 2) for place, item in enumerate(ranked[:10]) if item in wanted)
    ideal = sum(1 / math.log2(place + 2) for place in range(min(10, len(wanted))))
    values = tally.measured().values
    assert values[NDCG][0] == pytest.approx(gain / ideal)
    assert values["recall_at_10"][0] == pytest.approx(len(wanted & set(ranked[:10])) / len(wanted))
    assert values["recall_at_20"][0] == pytest.approx(len(wanted & set(ranked[:20])) / len(wanted))
    first = next(place for place, item in enumerate(ranked, start=1) if item in wanted)
    assert values["mrr"][0] == pytest.approx(1 / first)


@given(arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 1)), st.integers(0, 5))
def test_an_interval_holds_its_mean(values: NDArray[np.float64], seed: int) -> None:
    users = np.arange(len(values)) // 2
    for found in (interval(values, seed), interval(values, seed, users)):
        assert found.low - 1e-12 <= found.high
        assert values.min() - 1e-12 <= found.low
        assert found.high <= values.max() + 1e-12
    nothing = paired_difference(values, values, seed)
    assert (nothing.mean, nothing.low, nothing.high) == (0, 0, 0)


@given(arrays(np.bool_, st.tuples(st.integers(1, 14), st.integers(1, 14))), st.sampled_from([1.0, 20.0, 500.0]))
def test_both_forms_of_ease_agree(taken: NDArray[np.bool_], regularization: float) -> None:
    wide = csr_matrix(taken.astype(np.float32))
    # As many more users who did nothing change no weight, and make the other form the cheaper one.
    tall = csr_matrix(np.vstack((taken, np.zeros((taken.shape[1] + 1, taken.shape[1])))).astype(np.float32))
    left, right = ease_factors(wide, regularization)
    product = np.asarray(left @ right)
    np.fill_diagonal(product, 0.0)
    np.testing.assert_allclose(product, ease(tall, regularization), atol=1e-4)
    np.testing.assert_allclose(ease(wide, regularization), ease(tall, regularization), atol=1e-4)


@settings(max_examples=25, deadline=None)
@given(rows, st.integers(0, 3))
def test_weights_are_never_worse_than_one_source_on_what_they_were_learned_on(
    found: list[tuple[int, int, int]], seed: int
) -> None:
    try:
        split: Split = next(splits(histories_of(found), Protocol.HOLDOUT, seed))
    except ValidationFailed:
        return
    tried = [item_knn(5, 0.0), shallow_autoencoder(10.0, None, 0.0)]
    models: list[Model] = [
        Popular(split.training),
        *(candidate.serve(candidate.learn(split.training)) for candidate in tried),
    ]
    cases = split.cases()
    examples = build_examples(models, cases, [case.past for case in cases])
    weights = ascend(examples)
    assert float(examples.values(examples.blended(weights)).mean()) >= best_single(examples)[1] - 1e-9


@given(rows, st.sampled_from(Protocol))
def test_nothing_that_is_to_be_found_is_told(found: list[tuple[int, int, int]], protocol: Protocol) -> None:
    histories = histories_of(found)
    try:
        outer = next(splits(histories, protocol, 0))
        inner = validation(outer, protocol, 1)
    except ValidationFailed:
        return
    for split in (outer, inner):
        held_out = pairs(split.held_out)
        asked = [(case.user, item) for case in split.cases() for item in case.wanted.tolist()]
        assert sorted(asked) == sorted(held_out)
        for case in split.cases():
            assert not set(case.past.items.tolist()) & set(case.wanted.tolist())
            assert {(case.user, item) for item in case.past.items.tolist()} <= pairs(outer.training)


@given(
    arrays(np.float32, (4, 7), elements=st.integers(-5, 5).map(float)),
    st.integers(0, 5),
    st.integers(0, 500),
)
def test_a_network_gives_the_same_as_arrays(table: NDArray[np.float32], seed: int, length: int) -> None:
    module = Perceptron(9, seed)
    with torch.no_grad():
        module.direct.weight.uniform_(-1, 1, generator=torch.Generator().manual_seed(seed))
        module.outer.weight.uniform_(-1, 1, generator=torch.Generator().manual_seed(seed + 1))
    seen = features(table, length)
    wanted = module(torch.from_numpy(seen)).detach().numpy()
    np.testing.assert_allclose(module.exported().scores(seen), wanted, atol=1e-5)


@given(rows, st.sampled_from([None, 0.0001, 1.0]), st.integers(-5, 60))
def test_a_trend_counts_what_was_before_and_nothing_later(
    found: list[tuple[int, int, int]], half_life: float | None, at: int
) -> None:
    histories = histories_of(found)
    [row] = Trend(histories, half_life).scores([Past(np.empty(0, dtype=np.int64), np.empty(0), float(at))])
    counts = np.zeros(ITEMS)
    for item, moment in zip(histories.items, histories.times, strict=True):
        if moment <= at:
            counts[item] += 1 if half_life is None else 0.5 ** ((at - moment) / (half_life * 86_400))
    np.testing.assert_allclose(row, np.log(LEAST + counts), atol=1e-4)


@given(arrays(np.int8, (6, 8), elements=st.integers(0, 4)), st.integers(1, 8))
def test_nearest_keeps_the_largest_of_each_row(weights: NDArray[np.int8], count: int) -> None:
    kept = nearest(csr_matrix(weights.astype(np.float32)), count).toarray()
    for before, after in zip(weights, kept, strict=True):
        positive = sorted(before[before > 0])[::-1]
        bound = positive[count - 1] if len(positive) > count else 1
        np.testing.assert_array_equal(after, np.where(before >= bound, before, 0))
