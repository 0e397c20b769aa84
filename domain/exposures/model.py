"""What a person has in an experiment, and the record of the first time that it was shown to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from domain.experiments.model import NO_CONTEXT, Test, TestId

CONTROL: Final = 0


class Reason(StrEnum):
    """Why a person has a variation, or has the control without taking part."""

    HASHED = "hashed"
    KEPT = "kept"
    FORCED = "forced"
    SWITCHED_OFF = "switched_off"
    NOT_RUNNING = "not_running"
    NO_CONSENT = "no_consent"
    NOT_TARGETED = "not_targeted"
    NOT_COVERED = "not_covered"
    OTHER_EXPERIMENT = "other_experiment"


COUNTS: Final = frozenset({Reason.HASHED, Reason.KEPT})
"""The reasons whose exposures are counted."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """The first time that a person was shown their variation in a phase.

    Attributes:
        variation: its place.
        policy_version: the policy that chose it.
        propensity: how likely that policy was to choose it for whoever takes part.
        context: the segment that the policy looked at.
    """

    test_id: TestId
    phase: int
    variation: int
    policy_version: str
    propensity: float
    exposed_at: datetime
    context: int = NO_CONTEXT


@dataclass(frozen=True, slots=True)
class Assigned:
    """What a person has in an experiment.

    Attributes:
        variation: its place; the control's for whoever takes no part.
        propensity: how likely they were to have it; None without taking part.
        exposed_at: when it was shown first; None if it was not yet.
        context: the segment that was looked at.
    """

    test: Test
    variation: int
    reason: Reason
    policy_version: str | None = None
    propensity: float | None = None
    exposed_at: datetime | None = None
    context: int = NO_CONTEXT

    @property
    def takes_part(self) -> bool:
        """Whether their doings count."""
        return self.reason in COUNTS

    @property
    def has_variation(self) -> bool:
        """Whether a variation was chosen for them, by the hash or by hand, and not just the control for want of one."""
        return self.takes_part or self.reason is Reason.FORCED

    @property
    def key(self) -> str:
        """The variation's name."""
        return self.test.plan.variations[self.variation].key

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What the variation changes."""
        return self.test.plan.variations[self.variation].parameters

    def exposure(self, at: datetime) -> Exposure | None:
        """What is to be noted if it is shown now; None if nothing is."""
        new = self.takes_part and self.exposed_at is None and self.test.policy is not None
        if not new or self.test.policy is None or self.policy_version is None or self.propensity is None:
            return None
        phase = self.test.policy.phase
        noted = (self.policy_version, self.propensity, at, self.context)
        return Exposure(self.test.test_id, phase, self.variation, *noted)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a person before anything is assigned.

    Attributes:
        exposures: what they were shown, those that were forced included.
        traits: what conditions look at.
    """

    exposures: Mapping[tuple[TestId, int], Exposure] = field(default_factory=dict)
    traits: Mapping[str, Any] = field(default_factory=dict)
