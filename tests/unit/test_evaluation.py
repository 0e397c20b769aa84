"""An evaluation as a whole, its blend and report, and the metrics that need descriptions of items."""

from pathlib import Path

import numpy as np
import pytest

from cli.bars import Bar, drawn
from domain.errors import ValidationFailed
from workers.evaluation.asked import Protocol
from workers.evaluation.examples import standardized
from workers.evaluation.features import build_features
from workers.evaluation.histories import Histories, Past, build_histories
from workers.evaluation.hybrid import Blend, Hybrid
from workers.evaluation.metrics import NDCG
from workers.evaluation.mixture import Mixture
from workers.evaluation.report import Report, described, summarize
from workers.evaluation.runner import HYBRID, SERVED, SHORTENED, Result, evaluate
from workers.evaluation.sources import Gaps, ItemToItem
from workers.evaluation.weights import Dense
from workers.training import linear
from workers.training.linear import ContextSettings, TransitionSettings, context, ease, transitions

KINDS = {
    "popularity", "trend", "item-kNN", "user-kNN", "BM25", "ALS", "EASE", "transitions", "between", "served", HYBRID
}  # fmt: skip


def past(*items: int) -> Past:
    return Past(np.array(items, dtype=np.int64), np.arange(len(items), dtype=np.float64), float(len(items)))


def tastes(seed: int = 0, users: int = 40) -> Histories:
    """Users of three groups, each taking to items of its own group of twelve only."""
    random = np.random.default_rng(seed)
    taken = [(user, item + 12 * (user % 3)) for user in range(users) for item in random.permutation(12)[:8]]
    people, items = np.array(taken).T
    return build_histories(people, items, np.arange(len(taken), dtype=np.float64), users, 36)


def evaluated(protocol: Protocol, seed: int = 0) -> Result:
    return evaluate(tastes(), protocol, seed, lambda _stage, _done: None)


@pytest.fixture(scope="module")
def result() -> Result:
    return evaluated(Protocol.HOLDOUT)


@pytest.fixture(scope="module")
def report(result: Result) -> Report:
    return summarize(result, 0)


def test_every_kind_is_measured_on_the_same_users(result: Result) -> None:
    assert set(result.measured) == KINDS
    for measured in result.measured.values():
        np.testing.assert_array_equal(measured.users, result.measured[HYBRID].users)


def test_what_depends_on_taste_beats_popularity(result: Result) -> None:
    assert result.measured[HYBRID].values[NDCG].mean() > 1.5 * result.measured["popularity"].values[NDCG].mean()


def test_the_same_seed_gives_the_same_figures(report: Report) -> None:
    assert described(summarize(evaluated(Protocol.HOLDOUT), 0)) == described(report)


def test_another_seed_holds_out_others(report: Report) -> None:
    assert described(summarize(evaluated(Protocol.HOLDOUT, seed=1), 0))["models"] != described(report)["models"]


def test_whoever_did_nothing_gets_what_is_popular(result: Result) -> None:
    shortened = result.shortened[0]
    np.testing.assert_array_equal(shortened[HYBRID].values[NDCG], shortened["popularity"].values[NDCG])
    assert set(result.shortened) == set(SHORTENED)


def test_newcomers_get_what_is_popular_from_every_kind() -> None:
    old = tastes(users=24)
    newcomers = Histories(np.repeat([24, 25], 4), np.arange(8), np.full(8, 1e6), 26, 36)
    both = [np.concatenate(columns) for columns in ((old.users, newcomers.users), (old.items, newcomers.items))]
    times = np.concatenate((old.times, newcomers.times))
    found = evaluate(build_histories(*both, times, 26, 36), Protocol.TIME, 0, lambda _stage, _done: None)
    unknown = found.lengths == 0
    assert unknown.sum() >= 2
    popular = found.measured["popularity"].values[NDCG][unknown]
    for measured in found.measured.values():
        np.testing.assert_array_equal(measured.values[NDCG][unknown], popular)


def test_a_report_compares_the_hybrid_with_the_strongest_single_model(report: Report) -> None:
    means = {model.kind: model.metrics[NDCG].mean for model in report.models}
    assert report.strongest_single == max(
        (kind for kind in means if kind not in (HYBRID, SERVED)), key=means.__getitem__
    )
    assert report.difference.mean == pytest.approx(means[HYBRID] - means[report.strongest_single])
    assert list(means.values()) == sorted(means.values(), reverse=True)
    for model in report.models:
        assert all(value.low <= value.mean <= value.high for value in model.metrics.values())


def test_slices_hold_every_user_once(result: Result, report: Report) -> None:
    assert [part.name for part in report.slices] == ["0", "1-2", "3-9", "10+"]
    assert sum(part.users for part in report.slices) == len(result.lengths)


def test_progress_never_goes_back() -> None:
    told: list[float] = []
    evaluate(tastes(users=20), Protocol.LEAVE_LAST, 0, lambda _stage, done: told.append(done))
    assert told == sorted(told)
    assert 0 <= told[0] < told[-1] <= 1


@pytest.mark.parametrize("protocol", Protocol)
def test_too_little_data_is_an_error_of_the_caller(protocol: Protocol) -> None:
    one = build_histories(np.array([0]), np.array([0]), np.array([0.0]), 1, 1)
    with pytest.raises(ValidationFailed):
        evaluate(one, protocol, 0, lambda _stage, _done: None)


def test_more_items_than_fit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linear, "MAX_ITEMS", 10)
    with pytest.raises(ValidationFailed, match="36 items"):
        ease(tastes().matrix(), 10.0)


def test_the_latest_of_several_rows_about_one_pair_counts() -> None:
    users, items = np.array([0, 0, 0]), np.array([1, 0, 1])
    found = build_histories(users, items, np.array([5.0, 7.0, 9.0]), 1, 2)
    assert found.items.tolist() == [0, 1]
    assert found.times.tolist() == [7.0, 9.0]


def test_of_equal_times_the_later_row_is_the_later_one() -> None:
    found = build_histories(np.zeros(4, dtype=np.int64), np.array([3, 1, 2, 3]), np.array([5.0, 5.0, 5.0, 5.0]), 1, 4)
    assert found.items.tolist() == [1, 2, 3]


def test_scores_are_compared_in_deviations_over_what_competes() -> None:
    scores = np.array([[100.0, 1.0, 3.0], [5.0, 5.0, 5.0]], dtype=np.float32)
    found = standardized(scores, [np.array([0]), np.array([], dtype=np.int64)])
    np.testing.assert_allclose(found, [[0, -1, 1], [0, 0, 0]], atol=1e-6)


def test_a_history_counts_more_the_newer_it_is() -> None:
    model = ItemToItem(Dense(np.eye(3, dtype=np.float32)), decay=1.0, floor=0.5)
    [row] = model.scores([past(2, 0)])
    np.testing.assert_allclose(row, [1.5, 0, 0.5 + np.exp(-1)], rtol=1e-6)


def test_a_blend_takes_the_mixture_of_the_length_of_history() -> None:
    models = [
        ItemToItem(Dense(np.eye(3, dtype=np.float32))),
        ItemToItem(Dense(np.eye(3, dtype=np.float32)[::-1].copy())),
    ]
    blend = Blend(("a", "b"), {0: Mixture(np.array([0.0, 1.0])), 2: Mixture(np.array([1.0, 0.0]))})
    short, long = Hybrid(models, blend).scores([past(0), past(0, 1)])
    assert short.argmax() == 2
    np.testing.assert_array_equal(long, standardized(models[0].scores([past(0, 1)]), [np.array([0, 1])])[0])


def test_what_stands_between_neighbours_is_found_in_their_gap() -> None:
    settings = ContextSettings(width=1, decay=1.0, regularization=0.1, support=1)
    weights = context([np.array([0, 1, 2])] * 5 + [np.array([3, 4])] * 5, 5, settings)
    [row] = Gaps(weights, settings).scores([past(0, 2)])
    assert max((1, 3, 4), key=lambda item: row[item]) == 1


def test_support_counts_what_people_did() -> None:
    lists = [np.array([0, 1, 2])] * 3 + [np.array([3, 1])] * 2
    weights = transitions(lists, 4, TransitionSettings(support=3))
    assert weights[0, 1] > 0
    assert not weights[3].any()
    assert not weights[:, 3].any()


def test_a_list_of_one_kind_has_no_diversity_and_another_mix_than_a_mixed_history() -> None:
    features = build_features([{"calm"}, {"calm"}, {"fast"}, set()])
    assert features is not None
    assert features.diversity(np.array([0, 1])) == pytest.approx(0)
    assert features.diversity(np.array([0, 2])) == pytest.approx(1)
    assert features.miscalibration(np.array([0, 2]), np.array([0, 2])) == pytest.approx(0)
    assert features.miscalibration(np.array([0, 1]), np.array([0, 2])) > 1
    assert features.miscalibration(np.array([0, 1]), np.array([3])) == 0
    assert build_features([set(), set()]) is None


def test_a_picture_shows_every_bar_and_nothing_breaks_it() -> None:
    picture = drawn("a < b", [Bar("one & two", 0.5, 0.4, 0.6, marked=True), Bar("none", 0.0, 0.0, 0.0)])
    assert "a &lt; b" in picture
    assert picture.count("<path") == 2
    assert "one &amp; two" in picture


@pytest.mark.slow
def test_the_hybrid_beats_the_tuned_baselines_on_real_films() -> None:
    folder = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ml-latest-small"
    if not folder.is_dir():
        pytest.skip("MovieLens is not here: its licence forbids to pass it on")
    dataset = films(folder)
    found = summarize(evaluate(dataset, Protocol.LEAVE_LAST, 0, lambda _stage, _done: None), 0)
    models = {model.kind: model for model in found.models}
    assert models[HYBRID].metrics[NDCG].mean > 0.07
    assert all(models[kind].difference.low > 0 for kind in ("popularity", "item-kNN", "BM25", "ALS", "EASE"))
    assert not found.below_popularity


def films(folder: Path) -> Histories:
    users, items, times = np.loadtxt(folder / "ratings.csv", delimiter=",", skiprows=1, usecols=(0, 1, 3)).T
    known, numbers = np.unique(items, return_inverse=True)
    return build_histories(users.astype(np.int64) - 1, numbers, times, int(users.max()), len(known))
