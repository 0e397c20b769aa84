"""What noise by OpenDP would cost the sums that are told of many people, and whether it would promise anything.

Three questions. How wrong are sizes of segments and trends, for a budget spent on one release, and for the same budget
shared by a month of daily releases? By how much does one person change what would be released, on which every promise
rests? What does the library cost a process?

Trends are given every advantage: items and what is usual for each are known without looking at people, each person
counts for at most `COUNTED` items of a period, and ten items of a thousand draw ten times what is usual.

    pip install opendp==0.16.0
    python -m benchmarks.noise [--rounds N]
"""

import argparse
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import opendp.prelude as dp
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.cluster import KMeans

from benchmarks.report import save
from domain.disclosure import FEWEST_PEOPLE

BUDGETS: Final = (0.1, 0.5, 1.0, 2.0)
"""Epsilon."""

RELEASES: Final = {"one": 1, "4 (weekly)": 4, "30 (daily)": 30}
"""Over how many releases of a month the budget is spread."""

DELTA: Final = 1e-6
SIZES: Final = (5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
DRAWS: Final = 2_000
NEAR: Final = 0.1
"""A size is useful if it is told within this part of itself in 95 of 100 releases."""

ACTIVE: Final = (200, 2_000, 20_000)
"""People of a period."""
ITEMS: Final = 1_000
BURSTS: Final = 10
BURST: Final = 10.0
ITEMS_EACH: Final = 4
COUNTED: Final = 3
TOP: Final = 10

IMPORT: Final = """
import time
def pages(): return int(open("/proc/self/statm").read().split()[1])
began, before = time.perf_counter(), pages()
import opendp.prelude
print(time.perf_counter() - began, pages() - before)
"""
"""A process of its own that tells how long the import took, and how many pages of memory."""

TASTES: Final = 5
DIMENSIONS: Final = 16
LEFT_OUT: Final = 50
CLUSTERED: Final = (100, 1_000)

Ints = NDArray[np.int64]


class Noise:
    """The noise of each of several releases that share a budget; OpenDP asks the operating system for randomness.

    One release has discrete Laplace noise and no delta. Several have discrete Gaussian noise and `DELTA` for all of
    them, composed as zero-concentrated privacy (Bun and Steinke, 2016), which adds up to far less noise.

    Args:
        epsilon: for all releases together.
        releases: how many there are.
        cells: how many cells one person changes at most, each by one.
    """

    def __init__(self, epsilon: float, releases: int, cells: int) -> None:
        if releases == 1:
            self._release = _laplace(cells / epsilon)
        else:
            composed = partial(_composed, releases=releases)
            scale = dp.binary_search_param(composed, math.sqrt(cells), (epsilon, DELTA), bounds=(0.1, 1e6))
            self._release = _gaussian(float(scale))

    def added_to(self, counts: Sequence[int]) -> Ints:
        """One release of counts, one for each cell."""
        return np.array(self._release(list(counts)), dtype=np.int64)


def _laplace(scale: float) -> dp.Measurement:
    return dp.m.make_laplace(dp.vector_domain(dp.atom_domain(T=int)), dp.l1_distance(T=int), scale)


def _gaussian(scale: float) -> dp.Measurement:
    return dp.m.make_gaussian(dp.vector_domain(dp.atom_domain(T=int)), dp.l2_distance(T=float), scale)


def _composed(scale: float, releases: int) -> dp.Measurement:
    together = dp.c.make_composition([_gaussian(scale)] * releases)
    return dp.c.make_fix_delta(dp.c.make_zCDP_to_approxDP(together), DELTA)


def segments() -> Iterator[dict[str, Any]]:
    """How wrong the size of a segment would be if one person changed one cell by one."""
    for budget in BUDGETS:
        for name, releases in RELEASES.items():
            errors = np.abs(Noise(budget, releases, 1).added_to([0] * DRAWS))
            most = float(np.quantile(errors, 0.95))
            useful = [size for size in SIZES if most <= NEAR * size]
            yield {
                "epsilon": budget,
                "releases": name,
                "mean error, people": round(float(errors.mean()), 1),
                "95 % within, people": round(most),
                "smallest useful size": min(useful, default=None),
                "useful of the sizes": f"{len(useful)} of {len(SIZES)}",
            }


def one_person() -> Iterator[dict[str, Any]]:
    """By how much the sizes of all segments change if one person is left out: the segments are made of people."""
    for people in CLUSTERED:
        source = np.random.default_rng(people)
        tastes = source.normal(size=(TASTES, DIMENSIONS))
        vectors = tastes[source.integers(TASTES, size=people)] + source.normal(size=(people, DIMENSIONS))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        whole = _sizes(vectors)
        changes = [
            int(np.abs(whole - _sizes(np.delete(vectors, person, axis=0))).sum())
            for person in source.choice(people, LEFT_OUT, replace=False)
        ]
        yield {
            "people": people,
            "promised": 1,
            "median": float(np.median(changes)),
            "95 % within": float(np.quantile(changes, 0.95)),
            "most": max(changes),
            "more than promised": f"{np.mean(np.array(changes) > 1):.0%}",
        }


def _sizes(vectors: NDArray[np.float64]) -> Ints:
    labels = KMeans(TASTES, n_init=4, random_state=7).fit(vectors).labels_
    return np.sort(np.bincount(labels, minlength=TASTES))[::-1].astype(np.int64)


def trends(rounds: int) -> Iterator[dict[str, Any]]:
    """How much of the ten items that draw most more than usual is left."""
    for active in ACTIVE:
        usual = 1.0 / np.arange(1, ITEMS + 1)
        usual /= usual.sum()
        days = [_day(active, usual, np.random.default_rng(number)) for number in range(rounds)]
        for budget in BUDGETS:
            for name, releases in RELEASES.items():
                noise = Noise(budget, releases, COUNTED)
                found = [_compared(day, usual, noise) for day in days]
                same, first, near, told = (float(np.mean(column)) for column in zip(*found, strict=True))
                yield {
                    "active": active,
                    "epsilon": budget,
                    "releases": name,
                    "of the top ten": f"{same:.0%}",
                    "another first": f"{first:.0%}",
                    "within 20 %": f"{near:.0%}",
                    "false, of those told": f"{told:.0%}",
                }


def _day(active: int, usual: NDArray[np.float64], source: np.random.Generator) -> tuple[Ints, Ints]:
    """People for each item, all of them and those that count."""
    drawn = usual.copy()
    drawn[source.choice(np.arange(20, 300), BURSTS, replace=False)] *= BURST
    drawn /= drawn.sum()
    chosen = source.choice(ITEMS, size=(active, ITEMS_EACH), p=drawn)
    distinct = [np.unique(row) for row in chosen]
    counting = [source.permutation(row)[:COUNTED] for row in distinct]
    return _counts(distinct), _counts(counting)


def _counts(rows: Sequence[Ints]) -> Ints:
    return np.bincount(np.concatenate(rows), minlength=ITEMS).astype(np.int64)


def _compared(day: tuple[Ints, Ints], usual: NDArray[np.float64], noise: Noise) -> tuple[float, float, float, float]:
    whole, counting = day
    told = noise.added_to(counting.tolist())
    true, seen = _rising(whole, usual), _rising(told, usual)
    if not len(true):
        return 0.0, 1.0, 0.0, float(len(seen) > 0)
    near = np.abs(told[true] - counting[true]) <= 0.2 * counting[true]
    false = float(np.mean(~np.isin(seen, _all_rising(whole, usual)))) if len(seen) else 0.0
    return len(np.intersect1d(true, seen)) / len(true), float(not len(seen) or seen[0] != true[0]), near.mean(), false


def _all_rising(counts: Ints, usual: NDArray[np.float64]) -> Ints:
    expected = usual * max(int(counts.clip(0).sum()), 1)
    return np.flatnonzero((counts >= FEWEST_PEOPLE) & (counts > 1.5 * expected))


def _rising(counts: Ints, usual: NDArray[np.float64]) -> Ints:
    """The items that draw most more than usual, as `LiveSignals.trending` orders them."""
    rows = _all_rising(counts, usual)
    expected = usual[rows] * max(int(counts.clip(0).sum()), 1)
    surprise = counts[rows] * np.log(counts[rows] / expected)
    return rows[np.argsort(-surprise, kind="stable")][:TOP]


def costs() -> Iterator[dict[str, Any]]:
    """What the library costs a process, and a release."""
    runs = [subprocess.run([sys.executable, "-c", IMPORT], check=True, capture_output=True) for _ in range(5)]
    seconds, pages = zip(*(map(float, run.stdout.split()) for run in runs), strict=True)
    yield {"what": "import", "figure": f"{min(seconds):.2f} s"}
    yield {"what": "memory of the import", "figure": f"{min(pages) * resource.getpagesize() / 2**20:.0f} MiB"}
    noise = Noise(1.0, 1, 1)
    for cells in (5, ITEMS, 10_000):
        taken = _timed(partial(noise.added_to, [1] * cells))
        yield {"what": f"a release of {cells:,} cells", "figure": f"{1000 * taken:.2f} ms"}


def _timed(work: Callable[[], object]) -> float:
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return min(taken)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.noise")
    parser.add_argument("--rounds", type=int, default=30, help="days that trends are made up for")
    rounds = parser.parse_args(arguments).rounds
    dp.enable_features("contrib")
    found: dict[str, list[dict[str, Any]]] = {
        "costs": list(costs()),
        "segments": list(segments()),
        "one person left out": list(one_person()),
        "trends": list(trends(rounds)),
    }
    for title, rows in found.items():
        table = Table(title=title, title_justify="left", header_style="bold")
        for column in rows[0]:
            table.add_column(column)
        for row in rows:
            table.add_row(*map(str, row.values()))
        Console(highlight=False).print(table)
    save("noise", found)


if __name__ == "__main__":
    main()
