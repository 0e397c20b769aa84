"""Everything that an evaluation rests on, as it is kept beside the result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from domain.experiments.plan import ExperimentPlan
from domain.experiments.quantiles import SampleQuantile
from domain.outcomes.cells import Cell, Place


@dataclass(frozen=True, slots=True)
class Inputs:
    """What goes into an evaluation.

    Attributes:
        plan: as it was when the experiment started.
        started_at: when that was.
        at: the moment that the evaluation stands for, or the end of the experiment if that was sooner.
        weights: policy version -> the share of each variation under it.
        cells: the sums.
        contexts: policy version -> segment -> the share of each variation for people in it.
        quantiles: (metric, variation) -> what the order of units says, for the latest phase.
    """

    plan: ExperimentPlan
    started_at: datetime
    at: datetime
    weights: Mapping[str, Sequence[float]]
    cells: Sequence[Cell]
    quantiles: Mapping[tuple[int, int], SampleQuantile] = field(default_factory=dict)
    contexts: Mapping[str, Mapping[int, Sequence[float]]] = field(default_factory=dict)

    @property
    def phase(self) -> int:
        """The latest one."""
        return max(map(phase_of, self.weights), default=1)

    @property
    def phases(self) -> list[int]:
        """Those that have units, and the latest."""
        return sorted({cell.place.phase for cell in self.cells if cell.units} | {self.phase})

    @property
    def in_use(self) -> list[bool]:
        """Whether each variation has a share of the latest phase; a bandit takes nobody's share away."""
        splits = [weights for version, weights in self.weights.items() if phase_of(version) == self.phase]
        return [any(weights[place] > 0 for weights in splits) for place in range(len(self.plan.variations))]

    def of(self, phase: int, variation: int) -> list[Cell]:
        """The cells of a variation in a phase, one for each policy."""
        return [cell for cell in self.cells if cell.place.phase == phase and cell.place.variation == variation]

    def expected(self, phase: int) -> list[float]:
        """How many units each variation of a phase should have: the units of each policy times its weights."""
        found = [0.0] * len(self.plan.variations)
        for cell in self.cells:
            if cell.place.phase == phase:
                split = self.split(cell.place)
                found = [one + cell.units * weight for one, weight in zip(found, split, strict=True)]
        return found

    def split(self, place: Place) -> Sequence[float]:
        """The share that each variation had for the people of a cell."""
        version = place.policy_version
        return self.contexts.get(version, {}).get(place.context, self.weights[version])

    def for_each_arm(self) -> Self:
        """The same with the level of one variation among several, after Bonferroni."""
        analysis = self.plan.analysis
        alpha = analysis.alpha / (len(self.plan.variations) - 1)
        return replace(
            self, plan=self.plan.model_copy(update={"analysis": analysis.model_copy(update={"alpha": alpha})})
        )

    def to_json(self) -> dict[str, Any]:
        """Everything, in JSON; sums are texts, as they have more digits than a number holds."""
        return {
            "plan": self.plan.model_dump(mode="json", by_alias=True, exclude_defaults=True),
            "startedAt": self.started_at.isoformat(),
            "at": self.at.isoformat(),
            "weights": {version: list(weights) for version, weights in self.weights.items()},
            "contexts": {
                version: {str(context): list(split) for context, split in splits.items()}
                for version, splits in self.contexts.items()
            },
            "cells": [[*cell.place, cell.units, cell.multiples, list(map(str, cell.sums))] for cell in self.cells],
            "quantiles": [[*place, one.n, one.q, one.lo, one.hi] for place, one in sorted(self.quantiles.items())],
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """What `to_json` wrote."""
        return cls(
            plan=ExperimentPlan.model_validate(kept["plan"]),
            started_at=datetime.fromisoformat(kept["startedAt"]),
            at=datetime.fromisoformat(kept["at"]),
            weights=kept["weights"],
            contexts={
                version: {int(context): split for context, split in splits.items()}
                for version, splits in kept["contexts"].items()
            },
            cells=[Cell(Place(*one[:4]), one[4], one[5], tuple(map(int, one[6]))) for one in kept["cells"]],
            quantiles={(one[0], one[1]): SampleQuantile(*one[2:]) for one in kept["quantiles"]},
        )


def phase_of(policy_version: str) -> int:
    """The phase of a policy."""
    return int(policy_version.partition(".")[0])
