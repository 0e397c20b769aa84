"""What the registry says of a model version, and a version that is ready to serve."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from domain.ids import ModelVersion, TenantId
from domain.models.factor_model import FactorModel

RECOMMENDATION_MODEL: Final = "recommendations"
"""The name under which a tenant's recommendation model is registered."""


class ModelStatus(StrEnum):
    """Where a version stands; a name has at most one champion."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    RETIRED = "retired"
    REJECTED = "rejected"


class ChangeAction(StrEnum):
    """How a version became champion."""

    PUBLISHED = "published"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True)
class ModelChange:
    """One change of champion.

    Attributes:
        version: who serves from then on.
        replaced: who served before; None for the first.
        actor: who did it: a part of the service, or an operator's pseudonym in the audit log.
        reason: why, in words.
    """

    version: ModelVersion
    replaced: ModelVersion | None
    action: ChangeAction
    actor: str
    reason: str
    changed_at: datetime


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
        signature: over tenant, name, version and checksum; None if it was never signed.
        stored: whether its bytes are still kept.
        crowned_at: when it last became champion; None if it never was.
        trained_from: what data it saw: counts, and `until`, the time of the latest event.
        verdict: how it was judged before it was published; empty if it was not.
        baseline: how its input looked at training, to tell drift by.
        drift: how far the input has moved since, as last measured; empty before that.
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
    signature: bytes | None = None
    stored: bool = True
    crowned_at: datetime | None = None
    trained_from: Mapping[str, Any] = field(default_factory=dict)
    verdict: Mapping[str, Any] = field(default_factory=dict)
    baseline: Mapping[str, Any] = field(default_factory=dict)
    drift: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it was not made champion; empty if it was."""
        return tuple(self.verdict.get("reasons", ()))


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate decided about a new version.

    Attributes:
        passed: whether it may become champion.
        champion: the version it was compared with; None if none served. Another champion by now voids the comparison.
        details: what was measured, as JSON; `reasons` among it.
        forced: an operator wants it in service whatever was measured.
    """

    passed: bool
    champion: ModelVersion | None
    details: Mapping[str, Any]
    forced: bool = False


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a new version comes from.

    Attributes:
        trained_from: as in `ModelRecord`.
        baseline: as in `ModelRecord`.
        actor: who wanted it, as `ModelChange` has it.
    """

    trained_from: Mapping[str, Any] = field(default_factory=dict)
    baseline: Mapping[str, Any] = field(default_factory=dict)
    actor: str = "training"


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A verified version whose arrays are mapped."""

    record: ModelRecord
    model: FactorModel


def version_of(trained_at: datetime, sha256: str) -> ModelVersion:
    """A version that sorts by time and names its content, such as `20261123T031500.250Z-1f0c2a9b`."""
    moment = trained_at.astimezone(UTC)
    return ModelVersion(f"{moment:%Y%m%dT%H%M%S}.{moment.microsecond // 1000:03d}Z-{sha256[:8]}")
