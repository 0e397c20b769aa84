"""What a proposed policy of an experiment would have earned, and when the log is refused."""

from typing import Any

import numpy as np
import pytest

from domain.errors import ValidationFailed
from domain.experiments.off_policy import Logged, evaluate

N = 4000
RATES = np.array([[0.2, 0.5], [0.6, 0.1]])
LOGGING = np.array([[0.7, 0.3], [0.4, 0.6]])


def log(seed: int = 1, n: int = N, **changed: Any) -> tuple[Logged, np.ndarray]:
    """Two contexts, two arms; and which context each exposure had."""
    rng = np.random.default_rng(seed)
    cell = rng.integers(2, size=n)
    arms = (rng.random(n) > LOGGING[cell, 0]).astype(np.int64)
    rewards = (rng.random(n) < RATES[cell, arms]).astype(np.float64)
    columns = {
        "contexts": np.stack((np.ones(n), cell.astype(np.float64)), axis=1),
        "arms": arms,
        "rewards": rewards,
        "propensities": LOGGING[cell, arms],
    }
    return Logged(**{**columns, **changed}), cell


def test_all_estimators_find_what_the_best_policy_is_worth() -> None:
    logged, cell = log()
    found = evaluate(logged, np.array([[0.0, 1.0], [1.0, 0.0]])[cell])
    for value in (found.ips, found.snips, found.dr, found.dm):
        assert value.est == pytest.approx(0.55, abs=0.05)
    assert found.dr.ci is not None
    assert found.dr.ci.low < 0.55 < found.dr.ci.high
    assert found.dr.se is not None
    assert found.ips.se is not None
    assert found.dr.se < found.ips.se
    assert (found.dm.se, found.dm.ci) == (None, None)
    assert found.exposures == N
    assert 100 < found.effective < N


def test_the_policy_that_logged_earned_what_it_earned_and_is_worth_all_exposures() -> None:
    logged, cell = log()
    found = evaluate(logged, LOGGING[cell])
    assert found.effective == pytest.approx(N)
    assert found.ips.est == pytest.approx(logged.rewards.mean())
    assert found.ips.se == pytest.approx(logged.rewards.std(ddof=1) / np.sqrt(N))


def test_doubly_robust_needs_no_right_model() -> None:
    logged, cell = log(contexts=np.ones((N, 1)))
    found = evaluate(logged, np.array([[0.0, 1.0], [1.0, 0.0]])[cell])
    assert abs(found.dm.est - 0.55) > 0.1
    assert found.dr.est == pytest.approx(0.55, abs=0.05)


@pytest.mark.parametrize("missing", [float("nan"), 0.0, -0.1, 1.1])
def test_a_missing_propensity_is_refused(missing: float) -> None:
    propensities = np.full(N, 0.5)
    propensities[17] = missing
    with pytest.raises(ValidationFailed, match="1 of 4000 exposures have no propensity") as refused:
        log(propensities=propensities)
    assert refused.value.field == "propensity"


def test_too_few_effective_exposures_are_refused() -> None:
    logged, cell = log(n=150)
    with pytest.raises(ValidationFailed, match=r"the log is worth \d+ exposures of this policy, and 100 are needed"):
        evaluate(logged, np.array([[0.0, 1.0], [1.0, 0.0]])[cell])
    assert evaluate(logged, np.array([[0.0, 1.0], [1.0, 0.0]])[cell], least=10).effective < 100


def test_a_policy_that_shows_what_was_never_logged_is_refused() -> None:
    logged, _ = log()
    with pytest.raises(ValidationFailed, match="arm 2, which was never logged"):
        evaluate(logged, np.full((N, 3), 1 / 3))


@pytest.mark.parametrize(
    "policy",
    [
        np.full((N, 1), 1.0),
        np.full((N - 1, 2), 0.5),
        np.full(N, 1.0),
        np.full((N, 2), 0.4),
        np.array([[1.5, -0.5]] * N),
    ],
)
def test_what_is_no_policy_is_refused(policy: np.ndarray) -> None:
    logged, _ = log()
    with pytest.raises(ValidationFailed):
        evaluate(logged, policy)


def test_columns_of_a_log_fit_together() -> None:
    with pytest.raises(ValidationFailed):
        log(rewards=np.ones(3))
    with pytest.raises(ValidationFailed):
        log(arms=np.full(N, -1))
