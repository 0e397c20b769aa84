"""What a training costs, beside `implicit`'s ALS fit alone on the same matrix with the same hyper-parameters.

Ours is all of it: canonical order, hold-out, a second training to choose weights and measure, factors, segments,
network, artifact. Each side runs in a process of its own; memory is the peak of the process less what its imports
took, beside the bytes of the matrix as `implicit` gets it (CSR of float32 values and int32 columns).

    python -m benchmarks.training [--rows N] [--users N] [--items N] [--json]
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stdout
from typing import Final

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from benchmarks.report import RESULTS, Figure, publish
from domain.catalog.model import ItemKind
from domain.ids import ItemId
from domain.models.artifact import write
from workers.training.config import TrainingConfig
from workers.training.factorization import confidences
from workers.training.interactions import TrainingSet, canonical
from workers.training.trainer import train

ROWS: Final = 5_000_000
USERS: Final = 100_000
ITEMS: Final = 20_000
CONFIG: Final = TrainingConfig()
MEBIBYTE: Final = 1 << 20
SIDES: Final = ("ours", "floor")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run both sides, print and write the figures; with `--side`, be one of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training")
    parser.add_argument("--rows", type=int, default=ROWS, help="interactions")
    parser.add_argument("--users", type=int, default=USERS)
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON; the table goes to stderr")
    chosen = parser.parse_args(arguments)
    size = (chosen.rows, chosen.users, chosen.items)
    if chosen.side:
        print(json.dumps(one_side(chosen.side, *size)))
        return
    ours, floor = (_run(side, *size) for side in SIDES)
    with redirect_stdout(sys.stderr) if chosen.json else nullcontext():
        publish("training", "One training", _figures(ours, floor, *size))
    if chosen.json:
        print((RESULTS / "training.json").read_text(), end="")


def _run(side: str, rows: int, users: int, items: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.training", "--side", side]
    command += ["--rows", str(rows), "--users", str(users), "--items", str(items)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    answer: dict[str, float] = json.loads(ran.stdout)
    return answer


def _figures(ours: dict[str, float], floor: dict[str, float], rows: int, users: int, items: int) -> list[Figure]:
    what = f"training on {rows:,} rows of {users:,} people and {items:,} items"
    return [
        Figure(what, "s", ours["seconds"], floor["seconds"], "floor: implicit ALS fit alone, one core"),
        Figure("same, peak memory over imports", "MiB", ours["mebibytes"], ours["matrix"], "floor: the matrix"),
        Figure("same, of the fit alone", "MiB", floor["mebibytes"], floor["matrix"], "floor: the matrix"),
    ]


def one_side(side: str, rows: int, users: int, items: int) -> dict[str, float]:
    """Seconds, peak memory over imports and the matrix, in MiB, of one side in this process."""
    before = _peak()
    training_set = made_up(rows, users, items)
    with threadpool_limits(limits=1):
        if side == "ours":
            started = time.perf_counter()
            artifact = train(training_set, CONFIG, lambda _stage, _done: None)
            write(artifact)
            seconds, pairs = time.perf_counter() - started, artifact.counts["pairs"]
        else:
            interactions = canonical(training_set)
            matrix, pairs = confidences(interactions, interactions.weight_scale), len(interactions)
            model = AlternatingLeastSquares(
                factors=CONFIG.factors,
                regularization=CONFIG.regularization,
                alpha=CONFIG.alpha,
                iterations=CONFIG.iterations,
                num_threads=CONFIG.threads,
                random_state=CONFIG.seed,
            )
            started = time.perf_counter()
            model.fit(matrix, show_progress=False)
            seconds = time.perf_counter() - started
    matrix_bytes = 8.0 * pairs + 4.0 * (users + 1)
    return {
        "seconds": seconds,
        "mebibytes": (_peak() - before) / MEBIBYTE,
        "matrix": matrix_bytes / MEBIBYTE,
    }


def _peak() -> int:
    """Peak resident bytes of this process; Linux counts in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def made_up(rows: int, users: int, items: int) -> TrainingSet:
    """People of a few tastes over items with a long tail of popularity."""
    rng = np.random.default_rng(0)
    user_index = rng.integers(users, size=rows)
    rank = np.minimum((items ** rng.random(rows)).astype(np.int64), items - 1)
    # People of one taste share a permutation of what is popular.
    item_index = (rank * 7919 + (user_index % 12) * (items // 12) * (rank % 3 > 0)) % items
    return TrainingSet(
        item_ids=[ItemId(f"item-{index:06d}") for index in range(items)],
        item_kinds=np.full(items, ItemKind.CONTENT.code, dtype=np.int8),
        user_index=user_index,
        item_index=item_index,
        weight=np.ones(rows),
        occurred_at=rng.uniform(1.6e9, 1.7e9, size=rows),
    )


if __name__ == "__main__":
    main()
