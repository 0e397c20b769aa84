"""The documented model configuration as GraphQL input, with the specification's names and values."""

from dataclasses import asdict
from typing import Any

import strawberry
from pydantic.alias_generators import to_camel

from domain.models.configuration import MlConfig


@strawberry.input(description="The network that reorders the best candidates.")
class PreferencePredictionInput:
    """What it is told."""

    type: str | None = strawberry.field(default=None, description="`neural_network`.")
    features: list[str] | None = strawberry.field(
        default=None, description="Of `user_actions`, `content_features` and `temporal_patterns`; all by default."
    )


@strawberry.input(description="Segments of people with like taste.")
class UserSegmentationInput:
    """How they are found."""

    type: str | None = strawberry.field(default=None, description="`clustering`.")
    algorithm: str | None = strawberry.field(default=None, description="`kmeans`.")
    clusters: int | None = strawberry.field(default=None, description="How many; 5 by default.")


@strawberry.input(description="The factors of items.")
class CollaborativeFilteringInput:
    """How they are computed."""

    type: str | None = strawberry.field(default=None, description="`matrix_factorization`.")
    algorithm: str | None = strawberry.field(default=None, description="`als`, the default, or `svd`.")
    dimensions: int | None = strawberry.field(default=None, description="How many each item has; 50 by default.")


@strawberry.input(description="The documented model configuration; what is left out keeps its default.")
class MlConfigInput:
    """The documented configuration."""

    preference_prediction: PreferencePredictionInput | None = strawberry.field(
        default=None, description="The network that reorders the best candidates."
    )
    user_segmentation: UserSegmentationInput | None = strawberry.field(
        default=None, description="Segments of people with like taste."
    )
    collaborative_filtering: CollaborativeFilteringInput | None = strawberry.field(
        default=None, description="The factors of items."
    )


def documented(asked: MlConfigInput) -> dict[str, Any]:
    """What was named, as the document writes it, checked.

    Raises:
        ValidationFailed: a value is not allowed; `field` is its path.
    """
    sections = {name: section for name, section in asdict(asked).items() if section is not None}
    config = {
        to_camel(name): {key: value for key, value in section.items() if value is not None}
        for name, section in sections.items()
    }
    MlConfig.parse(config)
    return config
