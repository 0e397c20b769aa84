"""The documented configuration of the models, as it is written in the specification: three sections in camelCase.

It lies here because the doors check it before a training is handed in; what it means is the trainer's business.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from domain.errors import ValidationFailed

FeatureGroup = Literal["user_actions", "content_features", "temporal_patterns"]
GROUPS: Final[tuple[FeatureGroup, ...]] = ("user_actions", "content_features", "temporal_patterns")
MAX_DIMENSIONS: Final = 1024
MAX_CLUSTERS: Final = 100

_DOCUMENTED: Final = ConfigDict(
    frozen=True, extra="forbid", allow_inf_nan=False, alias_generator=to_camel, populate_by_name=True
)


class PreferencePrediction(BaseModel):
    """The network that reorders the best candidates.

    Attributes:
        type: what it is.
        features: the groups of features that it is told.
    """

    model_config = _DOCUMENTED

    type: Literal["neural_network"] = "neural_network"
    features: tuple[FeatureGroup, ...] = Field(default=GROUPS, min_length=1)


class UserSegmentation(BaseModel):
    """The segments of people with like taste.

    Attributes:
        type: what finds them.
        algorithm: how.
        clusters: how many.
    """

    model_config = _DOCUMENTED

    type: Literal["clustering"] = "clustering"
    algorithm: Literal["kmeans"] = "kmeans"
    clusters: int = Field(default=5, ge=1, le=MAX_CLUSTERS)


class CollaborativeFiltering(BaseModel):
    """The factors of items.

    Attributes:
        type: what they come from.
        algorithm: how they are computed.
        dimensions: how many each item has.
    """

    model_config = _DOCUMENTED

    type: Literal["matrix_factorization"] = "matrix_factorization"
    algorithm: Literal["svd", "als"] = "als"
    dimensions: int = Field(default=50, ge=1, le=MAX_DIMENSIONS)


class MlConfig(BaseModel):
    """The documented configuration; a section or name that is left out keeps its default."""

    model_config = _DOCUMENTED

    preference_prediction: PreferencePrediction = PreferencePrediction()
    user_segmentation: UserSegmentation = UserSegmentation()
    collaborative_filtering: CollaborativeFiltering = CollaborativeFiltering()

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> "MlConfig":
        """The configuration in `values`.

        Raises:
            ValidationFailed: a name is unknown or a value not allowed; `field` is its path.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            raise ValidationFailed(first["msg"], field=".".join(map(str, first["loc"]))) from error

    def settings(self) -> dict[str, Any]:
        """What was named, as settings of a training."""
        named = {
            "network_features": (self.preference_prediction, "features"),
            "clusters": (self.user_segmentation, "clusters"),
            "algorithm": (self.collaborative_filtering, "algorithm"),
            "factors": (self.collaborative_filtering, "dimensions"),
        }
        return {
            setting: getattr(section, name)
            for setting, (section, name) in named.items()
            if name in section.model_fields_set
        }


SECTIONS: Final = frozenset({name for field in MlConfig.model_fields for name in (field, to_camel(field))})
"""The names of the sections, in either spelling."""
