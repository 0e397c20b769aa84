"""An experiment as it is written down: a JSON object in the names of GrowthBook's SDK specification."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from domain.errors import ValidationFailed
from domain.experiments.bucketing import Namespace, Range
from domain.experiments.targeting import check_condition

MAX_VARIATIONS: Final = 100

Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]


class Written(BaseModel):
    """What people write: unknown fields are refused, names are in camel case."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=False)


class Filter(Written):
    """Units that lie in one of `ranges` under a seed of its own take part."""

    seed: str
    ranges: tuple[Range, ...]
    attribute: str = "id"
    hash_version: Literal[1, 2] = 2


class Experiment(Written):
    """What decides who gets which variation.

    Attributes:
        key: its name; the seed of the hash unless `seed` says another.
        variations: any values, the first is the control; they are told apart by their place.
        weights: the share of each variation; see `bucketing.sound_weights`.
        coverage: the share of those meant that takes part, 0 to 1.
        hash_attribute: the attribute that identifies a unit.
        namespace: where it shares its units with others that exclude it; filters make it void.
        ranges: where each variation lies, in place of what weights and coverage say.
        condition: whom it is for; see `targeting`.
        saved_groups: name -> members, for `$inGroup` and `$notInGroup`.
        forced_variations: unit -> variation, for tests by hand: whatever else is said here.
        force: the one variation of everybody who takes part.
        active: False: nobody takes part, except by `forced_variations`.
    """

    key: Annotated[str, Field(min_length=1)]
    variations: Annotated[tuple[Any, ...], Field(min_length=1, max_length=MAX_VARIATIONS)]
    weights: tuple[float, ...] | None = None
    coverage: Share = 1.0
    seed: str | None = None
    hash_version: Literal[1, 2] = 2
    hash_attribute: Annotated[str, Field(min_length=1)] = "id"
    namespace: Namespace | None = None
    filters: tuple[Filter, ...] = ()
    ranges: tuple[Range, ...] | None = None
    condition: Mapping[str, Any] = Field(default_factory=dict)
    saved_groups: Mapping[str, list[Any]] = Field(default_factory=dict)
    forced_variations: Mapping[str, int] = Field(default_factory=dict)
    force: int | None = None
    active: bool = True

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.ranges is not None and len(self.ranges) != len(self.variations):
            raise ValueError("ranges must be as many as variations")
        return self


def parse_experiment(text: str | bytes) -> Experiment:
    """Read an experiment from its JSON.

    Raises:
        ValidationFailed: it is no JSON, has an unknown field or operator, or a value that means nothing.
    """
    try:
        experiment = Experiment.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "experiment"
        raise ValidationFailed(f"{field}: {first['msg']}", field=field) from None
    check_condition(experiment.condition)
    return experiment
