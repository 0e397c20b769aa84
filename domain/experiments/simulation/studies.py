"""The studies by name, and how they are run."""

from collections.abc import Mapping
from typing import Final
from zlib import crc32

import numpy as np

from domain.errors import ValidationFailed
from domain.experiments.simulation import adaptive, coverage, peeking, policy_values, power, regret, sample_ratios
from domain.experiments.simulation.study import Advance, Outcome, Study, require_runs

STUDIES: Final[Mapping[str, Study]] = {
    study.name: study
    for study in (
        peeking.STUDY,
        coverage.STUDY,
        power.STUDY,
        sample_ratios.STUDY,
        regret.STUDY,
        policy_values.STUDY,
        adaptive.STUDY,
    )
}


def run_study(name: str, seed: int, runs: int | None, advance: Advance) -> Outcome:
    """Draw and measure.

    Args:
        name: of the study.
        seed: decides all chance, of each study apart from the others, 0 or more.
        runs: how many experiments; None for the study's own number.
        advance: told how much more is done.

    Raises:
        ValidationFailed: there is no such study, the seed is negative, or the number of runs says nothing.
    """
    if name not in STUDIES:
        raise ValidationFailed(f"there is no study {name}; there are {', '.join(STUDIES)}", field="--only")
    if seed < 0:
        raise ValidationFailed("a seed is not negative", field="--seed")
    study = STUDIES[name]
    wanted = study.runs if runs is None else runs
    require_runs(wanted)
    return study.measure(np.random.default_rng((seed, crc32(name.encode()))), wanted, advance)
