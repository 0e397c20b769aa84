"""What the registry says of a model version, and a version that is ready to serve."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from domain.ids import ModelVersion, TenantId
from domain.models.factor_model import FactorModel

RECOMMENDATION_MODEL: Final = "recommendations"
"""The name under which a tenant's recommendation model is registered."""


class ModelStatus(StrEnum):
    """Where a version stands; a name has at most one champion."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """One registered version.

    Attributes:
        name: what the model is for; versions of one name replace each other.
        version: sorts by the millisecond it was trained in.
        algorithm: what computed it.
        sha256: digest of the artifact's bytes, lower-case hexadecimal.
        size_bytes: length of the artifact.
        metrics: name -> value on the trainer's hold-out.
        trained_at: when it was published.
    """

    tenant: TenantId
    name: str
    version: ModelVersion
    algorithm: str
    status: ModelStatus
    sha256: str
    size_bytes: int
    metrics: Mapping[str, float]
    trained_at: datetime


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A verified version whose arrays are mapped."""

    record: ModelRecord
    model: FactorModel


def version_of(trained_at: datetime, sha256: str) -> ModelVersion:
    """A version that sorts by time and names its content, such as `20261123T031500.250Z-1f0c2a9b`."""
    moment = trained_at.astimezone(UTC)
    return ModelVersion(f"{moment:%Y%m%dT%H%M%S}.{moment.microsecond // 1000:03d}Z-{sha256[:8]}")
