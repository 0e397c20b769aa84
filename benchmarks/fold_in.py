"""What a fresh recommendation costs in process, beside `implicit` with fold-in and top ten alone in the same run.

Ours is the whole path: history in, fold-in, neighbours where the model has them, segment, blend of all sources,
network, rules, diversity, reasons. The network is on whether or not it helps. Both get the same factors and the same
histories, take turns, and compute in one thread, whose processor time is what is told: what else runs on the machine
makes them wait, and neither is any dearer for it.

    python -m benchmarks.fold_in [--data FOLDER_WITH_ratings.csv_AND_movies.csv] [--items N] [--json]
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, redirect_stdout
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from benchmarks.report import RESULTS, Figure, publish
from domain.catalog.model import ItemKind
from domain.catalog.snapshot import CatalogSnapshot, SnapshotRow, build_snapshot
from domain.ids import ItemId, TenantId
from domain.models.factor_model import FactorModel
from domain.models.network import Layer, PreferenceNetwork
from domain.recommendations.features import GROUPS
from domain.recommendations.model import HistoryEntry, RecommendationQuery
from domain.recommendations.ranking import Recommender
from workers.training.config import TrainingConfig
from workers.training.interactions import TrainingSet
from workers.training.network import HIDDEN
from workers.training.trainer import train

SYNTHETIC_ITEMS: Final = 9_742
LARGE_ITEMS: Final = 20_000
SYNTHETIC_USERS: Final = 610
SYNTHETIC_ROWS: Final = 100_000
TASTES: Final = 12
USERS_TIMED: Final = 400
ROUNDS: Final = 5
PAGE: Final = 10


def main(arguments: Sequence[str] | None = None) -> None:
    """Time our whole path and `implicit` alone; print and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fold_in")
    parser.add_argument("--data", type=Path, help="a MovieLens folder; made-up data of the same size without it")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON; the table goes to stderr")
    parser.add_argument("--items", type=int, default=LARGE_ITEMS, help="items of the larger, made-up catalogue")
    chosen = parser.parse_args(arguments)
    training_set = read_movielens(chosen.data) if chosen.data else synthetic()
    with threadpool_limits(limits=1):
        figures = compare(training_set, "MovieLens" if chosen.data else "made-up data")
        figures += compare(synthetic(chosen.items), "made-up data")
    with redirect_stdout(sys.stderr) if chosen.json else nullcontext():
        publish("fold_in", "One fresh recommendation in process", figures)
    if chosen.json:
        print((RESULTS / "fold_in.json").read_text(), end="")


def read_movielens(folder: Path) -> TrainingSet:
    """Every movie as an item, every rating as one positive action."""
    ratings = np.loadtxt(folder / "ratings.csv", delimiter=",", skiprows=1)
    lines = (folder / "movies.csv").read_text(encoding="utf-8").splitlines()[1:]
    movie_ids = np.array(sorted(int(line.partition(",")[0]) for line in lines))
    return TrainingSet(
        item_ids=[ItemId(str(movie)) for movie in movie_ids],
        item_kinds=np.full(len(movie_ids), ItemKind.CONTENT.code, dtype=np.int8),
        user_index=ratings[:, 0].astype(np.int64),
        item_index=np.searchsorted(movie_ids, ratings[:, 1].astype(np.int64)),
        weight=np.ones(len(ratings)),
        occurred_at=ratings[:, 3],
    )


def synthetic(item_count: int = SYNTHETIC_ITEMS) -> TrainingSet:
    """As many users and rows as ml-latest-small: users of a few tastes, items with a long tail of popularity."""
    rng = np.random.default_rng(0)
    taste_of_item = rng.integers(TASTES, size=item_count)
    appeal = 1.0 / (1.0 + rng.permutation(item_count)) ** 0.8
    activity = rng.lognormal(mean=4.2, sigma=1.0, size=SYNTHETIC_USERS)
    counts = np.clip(activity / activity.sum() * SYNTHETIC_ROWS, 20, 2_500).astype(np.int64)
    items = []
    for count in counts:
        chances = appeal * np.where(taste_of_item == rng.integers(TASTES), 20.0, 1.0)
        items.append(rng.choice(item_count, size=count, replace=False, p=chances / chances.sum()))
    rows = int(counts.sum())
    return TrainingSet(
        item_ids=[ItemId(f"item-{index:05d}") for index in range(item_count)],
        item_kinds=np.full(item_count, ItemKind.CONTENT.code, dtype=np.int8),
        user_index=np.repeat(np.arange(SYNTHETIC_USERS), counts),
        item_index=np.concatenate(items),
        weight=np.ones(rows),
        occurred_at=rng.uniform(1.6e9, 1.7e9, size=rows),
    )


def compare(training_set: TrainingSet, source: str) -> list[Figure]:
    """Train once, then time both sides on the same users, turn by turn."""
    model = with_network(FactorModel.from_artifact(train(training_set, TrainingConfig(), lambda _stage, _done: None)))
    users, counts = np.unique(training_set.user_index, return_counts=True)
    users, counts = users[:USERS_TIMED], counts[:USERS_TIMED]
    ours = our_calls(training_set, model, users)
    floor = floor_calls(training_set, model, users)
    samples = [np.percentile(seconds, (50, 99)) * 1e3 for seconds in timed_in_turns(ours, floor)]
    note = f"{source}: {len(users)} users, median history {np.median(counts):.0f}; floor: implicit alone"
    return [
        Figure(f"whole path over {len(model):,} items, {name}", "ms", float(ours_ms), float(floor_ms), note)
        for name, ours_ms, floor_ms in zip(("p50", "p99"), *samples, strict=True)
    ]


def with_network(model: FactorModel) -> FactorModel:
    """The model with a network over all features, of the size that training makes, on for everybody."""
    rng = np.random.default_rng(0)
    names = tuple(name for group in GROUPS.values() for name in group)
    layers = tuple(
        Layer(rng.normal(size=widths).astype(np.float32), np.zeros(widths[1], dtype=np.float32))
        for widths in pairwise((len(names), *HIDDEN, 1))
    )
    network = PreferenceNetwork(
        features=names,
        means=np.zeros(len(names), dtype=np.float32),
        scales=np.ones(len(names), dtype=np.float32),
        layers=layers,
        bounds=np.zeros(1, dtype=np.int32),
        weights=np.ones(1, dtype=np.float32),
    )
    return replace(model, network=network)


def our_calls(training_set: TrainingSet, model: FactorModel, users: NDArray[np.int64]) -> list[Callable[[], object]]:
    """One call of the whole path per user."""
    recommender = Recommender(catalog_of(training_set), model)
    query, at = RecommendationQuery(limit=PAGE), datetime(2026, 1, 1, tzinfo=UTC)
    return [_our_call(recommender, history_of(training_set, user), query, at) for user in users.tolist()]


def _our_call(
    recommender: Recommender, history: list[HistoryEntry], query: RecommendationQuery, at: datetime
) -> Callable[[], object]:
    return lambda: recommender.recommend(history, query, at=at)


def floor_calls(training_set: TrainingSet, model: FactorModel, users: NDArray[np.int64]) -> list[Callable[[], object]]:
    """One call of `implicit` per user: fold-in and top ten, nothing else."""
    parameters = model.parameters
    library = AlternatingLeastSquares(
        factors=model.factors.shape[1],
        regularization=parameters.regularization,
        alpha=parameters.alpha,
        num_threads=1,
    )
    library.item_factors = np.array(model.factors)
    library.user_factors = np.zeros((1, model.factors.shape[1]), dtype=np.float32)
    return [_floor_call(library, row_of(training_set, model, user)) for user in users.tolist()]


def _floor_call(library: AlternatingLeastSquares, row: csr_matrix) -> Callable[[], object]:
    return lambda: library.recommend(0, row, N=PAGE, recalculate_user=True)


def catalog_of(training_set: TrainingSet) -> CatalogSnapshot:
    """The items as a catalogue without tags or windows."""
    rows = (
        SnapshotRow(item_id, ItemKind.CONTENT, item_id, (), "", None, None, sensitive=False)
        for item_id in training_set.item_ids
    )
    return build_snapshot(TenantId("benchmark"), 1, rows)


def history_of(training_set: TrainingSet, user: int) -> list[HistoryEntry]:
    """Everything a user did."""
    return [
        HistoryEntry(
            training_set.item_ids[training_set.item_index[row]],
            float(training_set.weight[row]),
            datetime.fromtimestamp(float(training_set.occurred_at[row]), UTC),
        )
        for row in np.flatnonzero(training_set.user_index == user).tolist()
    ]


def row_of(training_set: TrainingSet, model: FactorModel, user: int) -> csr_matrix:
    """The same as one row of a sparse matrix over the model's items."""
    places = training_set.item_index[training_set.user_index == user]
    columns = sorted(model.rows[training_set.item_ids[place]] for place in places.tolist())
    values = np.ones(len(columns), dtype=np.float32)
    return csr_matrix((values, ([0] * len(columns), columns)), shape=(1, len(model)))


def timed_in_turns(
    ours: list[Callable[[], object]], floor: list[Callable[[], object]]
) -> tuple[list[float], list[float]]:
    """Processor seconds of each call after one round to warm up; the two sides alternate, so that noise meets both."""
    ours_seconds: list[float] = []
    floor_seconds: list[float] = []
    for round_number in range(ROUNDS + 1):
        for our_call, floor_call in zip(ours, floor, strict=True):
            for call, samples in ((our_call, ours_seconds), (floor_call, floor_seconds)):
                started = time.thread_time()
                call()
                if round_number > 0:
                    samples.append(time.thread_time() - started)
    return ours_seconds, floor_seconds


if __name__ == "__main__":
    main()
