"""The variation of a person: what they had before, else what the hash says; pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from domain.experiments import assignment
from domain.experiments.bucketing import OUTSIDE
from domain.experiments.model import FORCED_PHASE, NO_CONTEXT, Test
from domain.experiments.plan import CONTEXTUAL
from domain.exposures.model import CONTROL, Assigned, Known, Reason
from domain.exposures.traits import SEGMENT
from domain.ids import UserId

_REASONS: Final = {
    assignment.Reason.NOT_TARGETED: Reason.NOT_TARGETED,
    assignment.Reason.NOT_COVERED: Reason.NOT_COVERED,
    assignment.Reason.OTHER_NAMESPACE: Reason.OTHER_EXPERIMENT,
    assignment.Reason.INACTIVE: Reason.NOT_RUNNING,
}


def choose(test: Test, user_id: UserId, known: Known) -> Assigned:
    """What somebody has in a test who may take part.

    Whoever was shown a variation of this phase keeps it, whatever has changed since: weights, coverage, condition, or
    the id by which they are known.
    """
    context = context_of(test, known.traits)
    policy, definition = test.policy, test.definition(context)
    if policy is None or definition is None or not definition.active:
        return Assigned(test, CONTROL, Reason.NOT_RUNNING)
    forced = known.exposures.get((test.test_id, FORCED_PHASE))
    if forced is not None and forced.variation < len(test.plan.variations):
        return Assigned(test, forced.variation, Reason.FORCED)
    held = known.exposures.get((test.test_id, policy.phase))
    if held is not None:
        kept = (held.policy_version, held.propensity, held.exposed_at)
        return Assigned(test, held.variation, Reason.KEPT, *kept)
    found = assignment.assign(definition, {**known.traits, "id": user_id})
    if found.variation == OUTSIDE:
        return Assigned(test, CONTROL, _REASONS[found.reason])
    chance = _propensity(policy.split(context), found.variation)
    return Assigned(test, found.variation, Reason.HASHED, policy.version, chance, context=context)


def looks_at_segments(test: Test) -> bool:
    """Whether the traffic is split by the segment that a person is in."""
    return test.plan.allocation.policy in CONTEXTUAL


def context_of(test: Test, traits: Mapping[str, Any]) -> int:
    """The segment that a test looks at."""
    segment = traits.get(SEGMENT) if looks_at_segments(test) else None
    return segment if isinstance(segment, int) else NO_CONTEXT


def _propensity(split: Sequence[float], variation: int) -> float:
    return split[variation] / sum(split)
