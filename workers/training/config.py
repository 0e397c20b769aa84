"""The settings of a training, typed and bounded; an unknown name or a value out of range is refused, not ignored.

The three documented sections are accepted as they are written in the specification, each name of theirs being another
name of a setting; what else a training is free to choose stands beside them.
"""

import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from domain.errors import ValidationFailed
from domain.models.configuration import GROUPS, MAX_CLUSTERS, MAX_DIMENSIONS, SECTIONS, FeatureGroup, MlConfig

_STRICT: Final = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TrainingConfig(BaseModel):
    """What a training is free to choose.

    Attributes:
        algorithm: how item factors are computed.
        factors: dimensions of an item.
        factors_tried: other numbers of dimensions; the one that finds held-out items best is taken.
        regularization: ridge of every solved system.
        alpha: confidence of an average observation, relative to the 1 of "never seen".
        iterations: alternations over users and items.
        half_life_days: age at which an observation weighs half in the factors; None for no fading.
        trend_half_life_days: the same for the trend.
        recency_decay: positions of live history after which an action counts 1/e of the newest one.
        recency_floor: share of that decay which never fades.
        popularity_strength: actions at which popularity and personal score weigh the same, where nothing was learned.
        neighbours: neighbours kept of each item; 0 leaves out what items say of each other.
        neighbour_items: catalogues with more items go without neighbours: the regressions behind them grow with the
            cube of it.
        index_items: catalogues with more items get an index; smaller ones are scored whole, which is faster.
        together_regularization: ridge of the regression on whole histories.
        following_support: items with fewer interactions are left out of what follows recent ones.
        clusters: segments of people.
        network_features: groups of features of the preference network; empty trains none.
        content_landmarks: best-known items that others are compared with by content; 0 leaves content out.
        content_terms: words and labels that count in it, the most frequent ones.
        content_regularization: ridge of the map from content to factors.
        evaluation_users: at most so many users are held out to choose weights and measure the model; 0 skips both.
        seed: of the initial factors, the segments, the network and the users held out.
        threads: processor cores to use; the result does not depend on it.
    """

    model_config = _STRICT

    algorithm: Literal["svd", "als"] = "als"
    factors: int = Field(default=50, ge=1, le=MAX_DIMENSIONS)
    factors_tried: tuple[Annotated[int, Field(ge=1, le=MAX_DIMENSIONS)], ...] = Field(default=(), max_length=8)
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
    index_items: int = Field(default=100_000, ge=1, le=100_000_000)
    together_regularization: float = Field(default=100.0, gt=0, le=1e6)
    following_support: int = Field(default=5, ge=1, le=1_000_000)
    clusters: int = Field(default=5, ge=1, le=MAX_CLUSTERS)
    network_features: tuple[FeatureGroup, ...] = GROUPS
    content_landmarks: int = Field(default=512, ge=0, le=4096)
    content_terms: int = Field(default=2048, ge=0, le=65_536)
    content_regularization: float = Field(default=3.0, gt=0, le=1e6)
    evaluation_users: int = Field(default=1000, ge=0, le=100_000)
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    threads: int = Field(default=1, ge=1, le=256)

    @classmethod
    def parse(cls, values: dict[str, Any]) -> "TrainingConfig":
        """The config in `values`; what is not named keeps its default.

        Args:
            values: settings by name, and any of the documented sections.

        Raises:
            ValidationFailed: a name is unknown or a value out of range, or a setting is named in two ways; `field`
                names the first.
        """
        sections = {name: value for name, value in values.items() if name in SECTIONS}
        settings = {name: value for name, value in values.items() if name not in SECTIONS}
        try:
            documented = MlConfig.parse(sections).settings()
            twice = sorted(documented.keys() & settings.keys())
            if twice:
                raise ValidationFailed("named in two ways", field=twice[0])
            return cls.model_validate(settings | documented)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            raise ValidationFailed(first["msg"], field=".".join(map(str, first["loc"]))) from error


def configured(file: Path | None) -> dict[str, Any]:
    """The settings in a JSON file, checked; none without a file.

    Raises:
        ValidationFailed: it cannot be read, is not a JSON object, or holds what `TrainingConfig.parse` refuses.
    """
    if file is None:
        return {}
    try:
        return settings_in(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ValidationFailed(f"{file} cannot be read as UTF-8", field="config") from error


def settings_in(text: str) -> dict[str, Any]:
    """The settings in a JSON text, checked.

    Raises:
        ValidationFailed: it is not a JSON object, or holds what `TrainingConfig.parse` refuses.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValidationFailed("the configuration is not JSON", field="config") from error
    if not isinstance(values, dict):
        raise ValidationFailed("the configuration is not a JSON object", field="config")
    TrainingConfig.parse(values)
    return values
