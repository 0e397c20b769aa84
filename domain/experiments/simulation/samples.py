"""Drawn units as the sums that the engine takes."""

from collections.abc import Mapping

import numpy as np

from domain.experiments.moments import Arm, Moments
from domain.experiments.simulation.study import Floats


def arms_of(values: Mapping[str, Floats]) -> list[Arm]:
    """One arm for each run.

    Args:
        values: name of a value -> float64[runs, units].
    """
    runs, units = next(iter(values.values())).shape
    sums = {name: one.sum(axis=1).tolist() for name, one in values.items()}
    pairs = [(a, b) for a in values for b in values if a <= b]
    products = {(a, b): np.einsum("ru,ru->r", values[a], values[b]).tolist() for a, b in pairs}
    return [
        Arm(
            {name: Moments(units, sums[name][run], products[name, name][run]) for name in values},
            {f"{a}*{b}": products[a, b][run] for a, b in pairs if a < b},
        )
        for run in range(runs)
    ]
