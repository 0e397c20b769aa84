"""Which variation a unit gets: a function of the experiment and the unit's attributes, so nobody needs to be asked."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from domain.errors import ValidationFailed
from domain.experiments.bucketing import OUTSIDE, bucket_ranges, choose_variation, in_namespace
from domain.experiments.definition import Experiment, Filter
from domain.experiments.hashing import bucket_of
from domain.experiments.targeting import Attributes, meets

LEAST_VARIATIONS: Final = 2


class Reason(StrEnum):
    """Why a unit takes part or does not."""

    HASHED = "hashed"
    FORCED = "forced"
    TOO_FEW_VARIATIONS = "too few variations"
    INACTIVE = "inactive"
    NO_UNIT = "no unit"
    FILTERED = "filtered"
    OTHER_NAMESPACE = "other namespace"
    NOT_TARGETED = "not targeted"
    NOT_COVERED = "not covered"
    UNKNOWN_VARIATION = "unknown variation"


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a unit gets.

    Attributes:
        unit: its id; None if it has none.
        bucket: where it lies, in [0, 1); None where that was not looked at.
        variation: counted from 0; `OUTSIDE` if it does not take part and sees the control.
        reason: why.
    """

    unit: str | None
    bucket: float | None
    variation: int
    reason: Reason


def assign(experiment: Experiment, attributes: Attributes) -> Assignment:
    """Choose the variation of a unit.

    Args:
        experiment: what decides.
        attributes: of the unit, its id (`experiment.hash_attribute`) among them.

    Raises:
        ValidationFailed: an id is neither text nor a whole number.
    """
    unit = _identity(attributes, experiment.hash_attribute)
    if len(experiment.variations) < LEAST_VARIATIONS:
        return Assignment(unit, None, OUTSIDE, Reason.TOO_FEW_VARIATIONS)
    if unit is not None and unit in experiment.forced_variations:
        return _forced(experiment, unit, None, experiment.forced_variations[unit])
    if not experiment.active:
        return Assignment(unit, None, OUTSIDE, Reason.INACTIVE)
    if unit is None:
        return Assignment(None, None, OUTSIDE, Reason.NO_UNIT)
    refusal = _refusal(experiment, unit, attributes)
    if refusal is not None:
        return Assignment(unit, None, OUTSIDE, refusal)
    return _hashed(experiment, unit)


def _hashed(experiment: Experiment, unit: str) -> Assignment:
    seed = experiment.key if experiment.seed is None else experiment.seed
    bucket = bucket_of(seed, unit, experiment.hash_version)
    ranges = experiment.ranges
    if ranges is None:
        ranges = tuple(bucket_ranges(len(experiment.variations), experiment.coverage, experiment.weights))
    variation = choose_variation(bucket, ranges)
    if variation == OUTSIDE:
        return Assignment(unit, bucket, OUTSIDE, Reason.NOT_COVERED)
    if experiment.force is not None:
        return _forced(experiment, unit, bucket, experiment.force)
    return Assignment(unit, bucket, variation, Reason.HASHED)


def _forced(experiment: Experiment, unit: str, bucket: float | None, variation: int) -> Assignment:
    if 0 <= variation < len(experiment.variations):
        return Assignment(unit, bucket, variation, Reason.FORCED)
    return Assignment(unit, bucket, OUTSIDE, Reason.UNKNOWN_VARIATION)


def _refusal(experiment: Experiment, unit: str, attributes: Attributes) -> Reason | None:
    if experiment.filters:
        if not all(_passes(part, attributes) for part in experiment.filters):
            return Reason.FILTERED
    elif experiment.namespace is not None and not in_namespace(unit, experiment.namespace):
        return Reason.OTHER_NAMESPACE
    return None if meets(experiment.condition, attributes, experiment.saved_groups) else Reason.NOT_TARGETED


def _passes(part: Filter, attributes: Attributes) -> bool:
    unit = _identity(attributes, part.attribute)
    return unit is not None and choose_variation(bucket_of(part.seed, unit, part.hash_version), part.ranges) != OUTSIDE


def _identity(attributes: Attributes, name: str) -> str | None:
    """The attribute as text; None if it is missing or empty."""
    value = attributes.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValidationFailed(f"{name} identifies a unit, so it is text or a whole number", field=name)
    return str(value)
