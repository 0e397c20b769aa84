"""Off-policy estimates against simulated logs, where what a policy would have earned is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from workers.training.off_policy import Exposures, difference, estimates

ACTIONS = 10
PEOPLE = 800
EACH = 10
RATES = np.linspace(0.05, 0.5, ACTIONS)
"""What each action earns on average."""


def logged(seed: int, policy: NDArray[np.float64], model: NDArray[np.float64], uniform: float = 0.5) -> Exposures:
    """A log of a policy that prefers low actions, and what `policy` would have done; some people click more."""
    rng = np.random.default_rng(seed)
    logging = uniform / ACTIONS + (1 - uniform) * np.arange(ACTIONS, 0, -1) / np.arange(ACTIONS, 0, -1).sum()
    people = np.repeat(np.arange(PEOPLE), EACH)
    shown = rng.choice(ACTIONS, size=len(people), p=logging)
    keenness = rng.uniform(0.5, 1.5, PEOPLE)[people]
    rewards = (rng.random(len(people)) < RATES[shown] * keenness).astype(np.float64)
    return Exposures(
        rewards=rewards,
        propensities=logging[shown],
        target=policy[shown],
        predicted=model[shown],
        expected=np.full(len(people), float(policy @ model)),
        people=people.astype(np.int64),
    )


def best(count: int) -> NDArray[np.float64]:
    """A policy that draws from the best actions."""
    policy = np.zeros(ACTIONS)
    policy[-count:] = 1.0 / count
    return policy


@pytest.mark.parametrize("policy", [best(1), best(4), np.full(ACTIONS, 1 / ACTIONS)], ids=["best", "four", "uniform"])
@pytest.mark.parametrize("model", [RATES, np.zeros(ACTIONS)], ids=["right model", "useless model"])
def test_intervals_cover_the_truth_about_as_often_as_they_say(
    policy: NDArray[np.float64], model: NDArray[np.float64]
) -> None:
    truth = float(policy @ RATES)
    covered = {"ips": 0, "snips": 0, "doubly_robust": 0}
    errors = []
    for seed in range(25):
        found = estimates(logged(seed, policy, model), seed)
        for name in covered:
            estimate = getattr(found, name)
            covered[name] += estimate.low <= truth <= estimate.high
        errors.append(found.doubly_robust.value - truth)
    assert all(count >= 21 for count in covered.values()), covered
    assert abs(np.mean(errors)) < 0.01


def test_what_was_earned_says_nothing_of_another_policy() -> None:
    exposures = logged(1, best(1), RATES)
    assert estimates(exposures, 1).snips.low > exposures.rewards.mean() + 0.1


def test_a_difference_of_policies_has_the_right_sign_and_an_interval_of_its_own() -> None:
    one, other = logged(3, best(2), np.zeros(ACTIONS)), logged(3, best(9), np.zeros(ACTIONS))
    found = difference(one, other, 3)
    truth = float((best(2) - best(9)) @ RATES)
    assert 0 < found.low <= truth <= found.high
    same = difference(one, one, 3)
    assert (same.value, same.low, same.high) == pytest.approx((0.0, 0.0, 0.0), abs=1e-12)


def test_doubly_robust_is_right_where_either_half_is() -> None:
    policy, rng = best(3), np.random.default_rng(5)
    truth = float(policy @ RATES)
    log = logged(5, policy, RATES)
    wrong = rng.uniform(0.2, 1.0, len(log))
    distorted = Exposures(log.rewards, wrong, log.target, log.predicted, log.expected, log.people)
    assert estimates(distorted, 5).doubly_robust.value == pytest.approx(truth, abs=0.03)
    assert estimates(logged(5, policy, np.ones(ACTIONS)), 5).doubly_robust.value == pytest.approx(truth, abs=0.03)


def test_rewards_at_another_level_move_snips_by_as_much_and_ips_by_more() -> None:
    log = logged(7, best(2), np.zeros(ACTIONS))
    raised = Exposures(log.rewards + 100, log.propensities, log.target, log.predicted, log.expected, log.people)
    before, after = estimates(log, 7), estimates(raised, 7)
    assert after.snips.value == pytest.approx(before.snips.value + 100)
    assert abs(after.ips.value - before.ips.value - 100) > 0.1


def test_clipping_bounds_what_one_exposure_says() -> None:
    log = logged(9, best(1), np.zeros(ACTIONS))
    assert log.weights(3.0).max() == 3.0
    assert log.effective_size(3.0) >= log.effective_size()


def test_what_says_nothing_of_a_policy_is_refused() -> None:
    log = logged(9, np.zeros(ACTIONS), np.zeros(ACTIONS))
    assert log.effective_size() == 0
    with pytest.raises(ValueError, match="no exposure"):
        estimates(log, 1)
    with pytest.raises(ValueError, match="propensity"):
        Exposures(log.rewards, 0 * log.propensities, log.target, log.predicted, log.expected, log.people)
    with pytest.raises(ValueError, match="length"):
        Exposures(log.rewards[1:], log.propensities, log.target, log.predicted, log.expected, log.people)
