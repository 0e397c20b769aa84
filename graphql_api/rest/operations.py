"""Every documented operation, in the order in which they are described."""

from typing import Any, Final

from graphql_api.rest import (
    adaptation,
    behavior,
    feedback,
    generation,
    health,
    insights,
    kinds,
    live,
    metrics,
    privacy,
    profiles,
    recommendations,
)
from graphql_api.rest.operation import Operation

OPERATIONS: Final[tuple[Operation[Any], ...]] = (
    *behavior.OPERATIONS,
    *feedback.OPERATIONS,
    *recommendations.OPERATIONS,
    *kinds.OPERATIONS,
    *profiles.OPERATIONS,
    *adaptation.OPERATIONS,
    *generation.OPERATIONS,
    *insights.OPERATIONS,
    *live.OPERATIONS,
    *metrics.OPERATIONS,
    *privacy.OPERATIONS,
    *health.OPERATIONS,
)
