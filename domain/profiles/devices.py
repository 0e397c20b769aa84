"""Where a person differs from one device to another, by a test that a handful of clicks cannot pass.

A device has a facet of its own if, against all the person's other devices,

1. both sides have at least `ENOUGH` statements about the facet,
2. Wilks' G-test finds a difference at `SIGNIFICANCE`, divided by the number of comparisons (Bonferroni),
3. and the Jensen-Shannon divergence of the two distributions is at least `NOTICEABLE` bits, so that a great many events
   do not make a difference of no account significant.

Sources: Sokal and Rohlf, Biometry, 17.2 (G-test); Lin, "Divergence measures based on the Shannon entropy" (1991).
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import erfc, exp, lgamma, log, log2, sqrt
from typing import Final

ENOUGH: Final = 20
SIGNIFICANCE: Final = 0.01
NOTICEABLE: Final = 0.02
MOST_DEVICES: Final = 20
"""Of a facet so many devices are compared, those with the most statements: a client may name any number of them."""

EXPECTED: Final = 5.0
"""Values expected less often than this are counted together, since the test's distribution holds for larger counts."""

Counts = defaultdict[str, defaultdict[str, defaultdict[str, int]]]
"""Facet -> device -> value -> how many events spoke for it."""


def differing(counts: Mapping[str, Mapping[str, Mapping[str, int]]]) -> dict[str, frozenset[str]]:
    """The facets in which each device differs from the person's others, for the devices that do."""
    compared = [(d, facet, here, there) for facet, devices in counts.items() for d, here, there in _sides(devices)]
    found: defaultdict[str, set[str]] = defaultdict(set)
    for device, facet, here, there in compared:
        different = g_test(here, there) < SIGNIFICANCE / len(compared)
        if different and jensen_shannon(here, there) >= NOTICEABLE:
            found[device].add(facet)
    return {device: frozenset(facets) for device, facets in found.items()}


def g_test(here: Sequence[int], there: Sequence[int]) -> float:
    """How likely two samples differ so much if they are of one distribution: the G-test's p-value.

    Args:
        here: how often each of k values was seen in one sample.
        there: the same in the other.
    """
    total_here, total_there = sum(here), sum(there)
    total = total_here + total_there
    smaller = min(total_here, total_there)
    columns = [(a, b) for a, b in zip(here, there, strict=True) if (a + b) * smaller / total >= EXPECTED]
    rest_here = total_here - sum(a for a, _ in columns)
    rest_there = total_there - sum(b for _, b in columns)
    if rest_here + rest_there:
        columns.append((rest_here, rest_there))
    g = 2 * sum(
        observed * log(observed * total / (side * (a + b)))
        for a, b in columns
        for observed, side in ((a, total_here), (b, total_there))
        if observed
    )
    return chi_squared_tail(max(g, 0.0), len(columns) - 1)


def jensen_shannon(here: Sequence[int], there: Sequence[int]) -> float:
    """The divergence of two samples' distributions in bits, 0 (the same) to 1 (nothing in common)."""
    total_here, total_there = sum(here), sum(there)
    divergence = 0.0
    for a, b in zip(here, there, strict=True):
        p, q = a / total_here, b / total_there
        middle = (p + q) / 2
        divergence += sum(part * log2(part / middle) / 2 for part in (p, q) if part)
    return max(divergence, 0.0)


def chi_squared_tail(statistic: float, freedom: int) -> float:
    """P(X >= statistic) for a chi-squared X, by the recurrence of the incomplete gamma function (DLMF 8.8.6)."""
    if freedom < 1 or statistic <= 0:
        return 1.0
    x = statistic / 2
    degree, tail = (0.5, erfc(sqrt(x))) if freedom % 2 else (1.0, exp(-x))
    while degree < freedom / 2:
        tail += exp(degree * log(x) - x - lgamma(degree + 1))
        degree += 1
    return min(tail, 1.0)


def _sides(devices: Mapping[str, Mapping[str, int]]) -> Iterator[tuple[str, list[int], list[int]]]:
    """The devices to compare, each with how often each value was seen on it, and on all others."""
    seen: Counter[str] = Counter()
    for counts in devices.values():
        seen.update(counts)
    values, total = sorted(seen), seen.total()
    sizes = {device: sum(counts.values()) for device, counts in devices.items()}
    enough = [device for device, size in sizes.items() if min(size, total - size) >= ENOUGH]
    for device in sorted(enough, key=lambda device: (-sizes[device], device))[:MOST_DEVICES]:
        here = [devices[device].get(value, 0) for value in values]
        yield device, here, [seen[value] - own for value, own in zip(values, here, strict=True)]
