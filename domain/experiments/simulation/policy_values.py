"""How often off-policy intervals hold what a proposed policy would really have earned, from logs of another policy."""

from typing import Final

import numpy as np

from domain.errors import ValidationFailed
from domain.experiments.bandits import with_floor
from domain.experiments.off_policy import Evaluation, Logged, evaluate
from domain.experiments.simulation.study import (
    ALPHA,
    Advance,
    Floats,
    Goal,
    Outcome,
    Study,
    chunks,
    mean_of,
    share_of,
)

EXPOSURES: Final = 2000
ARMS: Final = 3
FLOOR: Final = 0.05
CHUNK: Final = 20
NOMINAL: Final = Goal(0.94, 0.96)

CONTEXTS: Final = np.array([[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
"""A constant and two traits; each row is as frequent."""

RATES: Final = np.array([[0.30, 0.20, 0.25], [0.20, 0.45, 0.25], [0.25, 0.15, 0.50], [0.10, 0.60, 0.15]])
"""float64[contexts, arms]; no linear function of the traits, so the reward model alone is wrong."""

LOGGING: Final = np.array(
    [with_floor(row, FLOOR) for row in ([0.6, 0.3, 0.1], [0.3, 0.3, 0.4], [0.5, 0.2, 0.3], [0.4, 0.3, 0.3])]
)
PROPOSED: Final = np.array([with_floor(row, FLOOR) for row in np.eye(ARMS)[RATES.argmax(axis=1)].tolist()])
RARE: Final = np.array([[0.97, 0.01, 0.02]] * len(CONTEXTS))
"""A log that hardly ever showed the second arm, for a policy that always would."""

ALWAYS_SECOND: Final = np.array([[0.0, 1.0, 0.0]] * len(CONTEXTS))

TRUTH: Final = float((PROPOSED * RATES).sum(axis=1).mean())


def _drawn(rng: np.random.Generator, logging: Floats) -> tuple[Logged, np.ndarray]:
    """A log, and the context of each exposure."""
    cell = rng.integers(len(CONTEXTS), size=EXPOSURES)
    beyond = rng.random((EXPOSURES, 1)) > logging.cumsum(axis=1)[cell, :-1]
    arms = beyond.sum(axis=1)
    rewards = (rng.random(EXPOSURES) < RATES[cell, arms]).astype(np.float64)
    return Logged(CONTEXTS[cell], arms, rewards, logging[cell, arms]), cell


def _measure(rng: np.random.Generator, runs: int, advance: Advance) -> Outcome:
    found: list[Evaluation] = []
    refused = 0
    for now in chunks(runs, CHUNK, advance):
        for _ in range(now):
            logged, cell = _drawn(rng, LOGGING)
            found.append(evaluate(logged, PROPOSED[cell], ALPHA))
            refused += _is_refused(*_drawn(rng, RARE))
    values = {name: [getattr(one, name) for one in found] for name in ("ips", "snips", "dr")}
    coverage = [
        share_of(f"{name.upper()}: intervals that hold the truth", sum(_holds(one) for one in of), runs, NOMINAL)
        for name, of in values.items()
    ]
    biases = [
        mean_of(f"{name.upper()}: bias, truth {TRUTH:.4f}", np.array([getattr(one, name).est for one in found]) - TRUTH)
        for name in ("ips", "snips", "dm", "dr")
    ]
    narrower = np.array([one.dr.se / one.ips.se for one in found if one.dr.se and one.ips.se])
    return Outcome(
        (
            *coverage,
            *biases,
            mean_of("DR: error as a share of that of IPS", narrower, Goal(high=1.0)),
            mean_of(f"effective exposures of {EXPOSURES:,}", np.array([one.effective for one in found])),
            share_of("log that says too little: refused", refused, runs, Goal(low=0.99)),
        )
    )


def _holds(value: object) -> bool:
    ci = getattr(value, "ci", None)
    return ci is not None and ci.low <= TRUTH <= ci.high


def _is_refused(logged: Logged, cell: np.ndarray) -> bool:
    try:
        evaluate(logged, ALWAYS_SECOND[cell], ALPHA)
    except ValidationFailed:
        return True
    return False


STUDY: Final = Study(
    "off-policy", f"a policy's value from {EXPOSURES:,} exposures that another policy logged", 4000, _measure
)
