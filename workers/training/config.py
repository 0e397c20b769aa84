"""The settings of a training, typed and bounded; an unknown name or a value out of range is refused, not ignored."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import ValidationFailed


class TrainingConfig(BaseModel):
    """What a training is free to choose.

    Attributes:
        algorithm: how item factors are computed.
        factors: dimensions of an item.
        regularization: ridge of every solved system.
        alpha: confidence of an average observation, relative to the 1 of "never seen".
        iterations: alternations over users and items.
        half_life_days: age at which an observation weighs half in the factors; None for no fading.
        trend_half_life_days: the same for the trend.
        recency_decay: positions of live history after which an action counts 1/e of the newest one.
        recency_floor: share of that decay which never fades.
        popularity_strength: actions at which popularity and personal score weigh the same.
        neighbours: neighbours kept of each item; 0 leaves out what items say of each other.
        neighbour_items: catalogues with more items go without neighbours: the regressions behind them grow with the
            cube of it.
        together_regularization: ridge of the regression on whole histories.
        evaluation_users: at most so many users are held out to measure the model; 0 skips the measurement.
        seed: of the initial factors and the users held out.
        threads: processor cores to use; the result does not depend on it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    algorithm: Literal["als"] = "als"
    factors: int = Field(default=50, ge=1, le=1024)
    regularization: float = Field(default=30.0, gt=0, le=1e6)
    alpha: float = Field(default=6.0, gt=0, le=1e6)
    iterations: int = Field(default=15, ge=1, le=500)
    half_life_days: float | None = Field(default=None, gt=0, le=36500)
    trend_half_life_days: float = Field(default=14.0, gt=0, le=36500)
    recency_decay: float = Field(default=5.0, gt=0, le=1e6)
    recency_floor: float = Field(default=0.2, ge=0, le=1e6)
    popularity_strength: float = Field(default=5.0, gt=0, le=1e6)
    neighbours: int = Field(default=128, ge=0, le=4096)
    neighbour_items: int = Field(default=12_000, ge=1, le=30_000)
    together_regularization: float = Field(default=100.0, gt=0, le=1e6)
    evaluation_users: int = Field(default=1000, ge=0, le=100_000)
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    threads: int = Field(default=1, ge=1, le=256)

    @classmethod
    def parse(cls, values: dict[str, Any]) -> "TrainingConfig":
        """The config in `values`; what is not named keeps its default.

        Raises:
            ValidationFailed: a name is unknown or a value out of range; `field` names the first.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            raise ValidationFailed(first["msg"], field=".".join(map(str, first["loc"]))) from error
