"""An experiment while it lives: its state, its phases, and the policies by which units were assigned."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, NewType
from uuid import UUID

from domain.experiments.bucketing import Namespace
from domain.experiments.definition import Experiment
from domain.experiments.plan import ExperimentPlan
from domain.ids import TenantId

TestId = NewType("TestId", UUID)


NO_CONTEXT: Final = -1
"""The segment of whoever is in none, or in an experiment that does not look at it."""

FORCED_PHASE: Final = 0
"""Exposures of this phase are variations that were forced by hand; they are never counted."""


class Status(StrEnum):
    """Where an experiment is; a stopped one stays stopped."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Policy:
    """The rule by which units are assigned for a while.

    A change of weights by hand opens a new phase with a fresh seed; a bandit's reallocation, and a growing coverage,
    are a new policy within the phase.

    Attributes:
        phase: from 1 on.
        number: of the policy within the phase, from 0 on.
        seed: of the phase's hashes.
        weights: the share of each variation.
        coverage: the share of those meant that takes part.
        made_at: from when on it holds.
        reason: what it came from; of a bandit, the arms it saw.
        by_context: segment -> the share of each variation for people in it; for all others `weights` hold.
    """

    phase: int
    number: int
    seed: str
    weights: tuple[float, ...]
    coverage: float
    made_at: datetime
    reason: Mapping[str, Any] = field(default_factory=dict)
    by_context: Mapping[int, tuple[float, ...]] = field(default_factory=dict)

    def split(self, context: int) -> tuple[float, ...]:
        """The share of each variation for somebody in a segment; `NO_CONTEXT` for none."""
        return self.by_context.get(context, self.weights)

    @property
    def version(self) -> str:
        """Its name in the record of exposures."""
        return f"{self.phase}.{self.number}"


@dataclass(frozen=True, slots=True)
class Test:
    """An experiment.

    Attributes:
        policy: by which units are assigned now; None before the start.
        revision: grows with every change.
        erased_units: how many units were erased after it was stopped; its results have not been computed without them.
        merged_units: how many ids of its units turned out since then to be another's; its results count them as people.
    """

    tenant: TenantId
    test_id: TestId
    status: Status
    plan: ExperimentPlan
    created_at: datetime
    policy: Policy | None = None
    started_at: datetime | None = None
    stopped_at: datetime | None = None
    revision: int = 0
    erased_units: int = 0
    merged_units: int = 0

    __test__ = False

    @property
    def key(self) -> str:
        """Its name within the tenant."""
        return self.plan.key

    def variation(self, key: str) -> int | None:
        """The place of a variation; None if there is no such one."""
        return next((place for place, one in enumerate(self.plan.variations) if one.key == key), None)

    def definition(self, context: int = NO_CONTEXT) -> Experiment | None:
        """What decides who of a segment gets which variation now; None before the start."""
        if self.policy is None:
            return None
        group = self.plan.exclusion_group
        return Experiment(
            key=self.key,
            variations=tuple(range(len(self.plan.variations))),
            weights=self.policy.split(context),
            coverage=self.policy.coverage,
            seed=self.policy.seed,
            namespace=None if group is None else Namespace(group.name, group.start, group.end),
            condition=self.plan.condition,
            active=self.status is Status.RUNNING,
        )


@dataclass(frozen=True, slots=True)
class TestBook:
    """The experiments of a tenant that assign units.

    Attributes:
        version: grows with every change of any of them.
        tests: those that run, in the order of their keys.
        goals: what may be recorded as a conversion.
    """

    version: int
    tests: tuple[Test, ...] = ()
    goals: frozenset[str] = frozenset()

    __test__ = False

    def by_key(self, key: str) -> Test | None:
        """The experiment of that name."""
        return next((test for test in self.tests if test.key == key), None)


NO_TESTS = TestBook(0)
