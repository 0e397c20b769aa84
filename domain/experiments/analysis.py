"""The analyst's door: results of every kind from numbers that an analyst already has."""

from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

import numpy as np
from pydantic import ValidationError

from domain.errors import ValidationFailed
from domain.experiments import bandit_cases, comparison_cases, inference_cases, planning_cases
from domain.experiments.case import Case, Result

KINDS: Final[Mapping[str, type[Case]]] = {
    case.kind: case
    for case in (
        comparison_cases.TwoProportion,
        comparison_cases.WelchT,
        comparison_cases.RatioDelta,
        comparison_cases.CupedMean,
        comparison_cases.CupedRatio,
        comparison_cases.Quantile,
        inference_cases.NormalMixtureBoundary,
        inference_cases.AlwaysValidP,
        inference_cases.GroupSequential,
        inference_cases.Srm,
        inference_cases.MultipleComparisons,
        inference_cases.BetaBinomial,
        planning_cases.SampleSizeProportion,
        planning_cases.SampleSizeMean,
        planning_cases.MidExperimentPower,
        bandit_cases.ThompsonAllocation,
        bandit_cases.ProbabilityBestArm,
        bandit_cases.Ucb1,
        bandit_cases.MinExplorationFloor,
        bandit_cases.InverseGapWeighting,
        bandit_cases.LinUcb,
        bandit_cases.OffPolicyEvaluation,
    )
}
"""Name -> the analysis of that kind."""

SEE: Final = "see"
"""Inputs that name an earlier question by its id and take over its inputs."""


class Analyst:
    """Answers questions one after another; a later one may take over the inputs of an earlier one."""

    def __init__(self) -> None:
        self._asked: dict[str, Mapping[str, Any]] = {}

    def answer(self, question: Mapping[str, Any]) -> Result:
        """The result of one question with its method and assumptions.

        Args:
            question: `kind`, `inputs` and, to tell answers apart, `id`; inputs may stand beside them instead.

        Raises:
            ValidationFailed: an unknown kind or field, or values that mean nothing.
        """
        kind = question.get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            raise ValidationFailed(f"unknown kind {kind!r}; there are {', '.join(KINDS)}", field="kind")
        inputs = self._inputs(question)
        case = _read(KINDS[kind], inputs)
        name = {"id": question["id"]} if "id" in question else {}
        try:
            # What overflows becomes null; what a solver or an inverse cannot do with such numbers is a ValueError.
            with np.errstate(all="ignore"):
                result = _finite(case.result())
        except (ArithmeticError, ValueError):
            raise ValidationFailed("these numbers are beyond what can be computed with", field="inputs") from None
        if isinstance(question.get("id"), str):
            self._asked[question["id"]] = inputs
        return {**name, "kind": kind, **result, "method": case.method_used(), "assumptions": list(case.assumptions)}

    def _inputs(self, question: Mapping[str, Any]) -> dict[str, Any]:
        beside = {name: value for name, value in question.items() if name not in ("id", "kind", "inputs")}
        inputs = question.get("inputs", beside)
        if "inputs" in question and beside:
            raise ValidationFailed(f"unknown field {next(iter(beside))}", field=next(iter(beside)))
        if not isinstance(inputs, Mapping):
            raise ValidationFailed("inputs are an object", field="inputs")
        if SEE not in inputs:
            return dict(inputs)
        earlier = self._asked.get(str(inputs[SEE]))
        if earlier is None:
            raise ValidationFailed(f"no earlier question has the id {inputs[SEE]!r}", field=SEE)
        return {**earlier, **{name: value for name, value in inputs.items() if name != SEE}}


def _read(case: type[Case], inputs: Mapping[str, Any]) -> Case:
    try:
        return case.model_validate(inputs)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        said = "unknown field" if first["type"] == "extra_forbidden" else first["msg"]
        raise ValidationFailed(f"{field}: {said}", field=field) from None


def _finite(value: Any) -> Any:
    """The result with null for what is not a number."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value
