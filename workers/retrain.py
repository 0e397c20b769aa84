"""Retraining, off the request path: consented rows become a model, and the gate says whether it may serve."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog

from domain.catalog.service import CatalogService
from domain.errors import Unavailable
from domain.ids import SubjectId, TenantId
from domain.jobs.model import Job
from domain.jobs.service import Report
from domain.models.artifact import Artifact
from domain.models.factor_model import FactorModel
from domain.models.model import LoadedModel, ModelRecord, ModelStatus, Provenance, Verdict
from domain.models.service import ModelRegistry
from workers.apart import Aside, in_a_thread, peak_memory_mib
from workers.snapshot import EXPLORED_LIMIT, Snapshot, TrainingRows, snapshot_of
from workers.training.clicks import ExploredPlaces
from workers.training.config import TrainingConfig
from workers.training.drift import Behaviour, baseline, drift

if TYPE_CHECKING:
    from workers.training.gate import Candidate, Champion

    Judge = Callable[[Candidate, Champion | None, ExploredPlaces, Callable[[str, float], None]], Verdict]

TRAINING_SHARE: Final = 0.5
"""Of a job's progress; the rest is the comparison, which trains once more."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Order:
    """What a training job asks for.

    Attributes:
        config: the settings.
        force: the new version comes into service whatever its comparison says.
        actor: who wants it.
    """

    config: TrainingConfig
    force: bool
    actor: str

    @classmethod
    def of(cls, arguments: Mapping[str, Any], defaults: Mapping[str, Any]) -> "Order":
        """The order in a job's arguments.

        Raises:
            ValidationFailed: a setting is unknown or out of range.
        """
        named = dict(arguments)
        force, actor = bool(named.pop("force", False)), str(named.pop("actor", "training"))
        settings = {**defaults, **named.pop("config", {}), **named}
        return cls(TrainingConfig.parse(settings), force, actor)


@dataclass(frozen=True, slots=True, eq=False)
class _Trained:
    """What came of the work aside."""

    artifact: Artifact
    verdict: Verdict
    baseline: Mapping[str, Any]
    drift: Mapping[str, Any] | None
    peak_memory_mib: float


class Segmenter(Protocol):
    """Who puts people into segments."""

    async def refresh(self, tenant: TenantId, subjects: Collection[SubjectId]) -> None:
        """Compute the segments of these people anew and keep them."""
        ...


class Retraining:
    """Trains, compares and publishes models.

    Args:
        rows: what is trained on.
        catalog: which items there are.
        models: who serves, and where new versions go.
        segments: where people are put by the version that serves.
        settings: of every training, unless its job says otherwise.
        aside: where the work is done that takes a processor.
        judge: compares a new version with the one that serves; the gate if None.
    """

    def __init__(
        self,
        rows: TrainingRows,
        catalog: CatalogService,
        models: ModelRegistry,
        segments: Segmenter,
        settings: Mapping[str, Any] | None = None,
        aside: Aside = in_a_thread,
        judge: "Judge | None" = None,
    ) -> None:
        self._rows = rows
        self._catalog = catalog
        self._models = models
        self._segments = segments
        self._settings = settings or {}
        self._aside = aside
        self._judge = judge

    async def run(self, job: Job, report: Report) -> Mapping[str, Any]:
        """Train the model that a job asks for; answers with its version, its metrics and what the gate said.

        Raises:
            ValidationFailed: a setting is unknown, or there is nothing to learn from yet.
        """
        order = Order.of(job.arguments, self._settings)
        report(0.0, "read")
        snapshot = await snapshot_of(self._rows, await self._catalog.snapshot(job.tenant), job.tenant)
        explored = snapshot.explored(await self._rows.explored(job.tenant, EXPLORED_LIMIT))
        champion = await self._champion(job.tenant)
        given = snapshot.behaviour, explored, order.config, champion, self._judge
        trained = await self._aside(_worked, *given, report=report)
        if champion is not None and trained.drift is not None:
            await self._note_drift(champion.record, trained.drift)
        verdict = trained.verdict if not order.force else _forced(trained.verdict)
        provenance = Provenance(_seen(snapshot, order.config, trained.artifact), trained.baseline, order.actor)
        record = await self._models.publish(job.tenant, trained.artifact, verdict, provenance)
        if record.status is ModelStatus.CHAMPION:
            await self._segments.refresh(job.tenant, snapshot.people.keys())
        log.info(
            "model_trained",
            tenant=job.tenant,
            version=record.version,
            status=record.status.value,
            reasons=record.reasons,
            metrics=dict(record.metrics),
        )
        return _result(record, trained)

    async def _champion(self, tenant: TenantId) -> LoadedModel | None:
        """The version that serves; None if there is none or it cannot be served."""
        try:
            return await self._models.refresh(tenant)
        except Unavailable:
            return None

    async def _note_drift(self, record: ModelRecord, moved: Mapping[str, Any]) -> None:
        await self._models.note_drift(record, moved)
        if moved["alarm"]:
            loud = {name: found["psi"] for name, found in moved["distributions"].items() if found["alarm"]}
            log.warning("model_input_drifted", tenant=record.tenant, version=record.version, distributions=loud)


def _worked(
    behaviour: Behaviour,
    explored: ExploredPlaces,
    config: TrainingConfig,
    champion: LoadedModel | None,
    judge: "Judge | None",
    report: Report,
) -> _Trained:
    """All that takes a processor: training, comparison and the look at drift."""
    # Imported here, since they bring the training libraries, which a worker that never trains can do without.
    from workers.training.gate import Candidate, Champion, judged
    from workers.training.trainer import train

    artifact = train(behaviour.training_set, config, lambda stage, done: report(TRAINING_SHARE * done, stage))
    rival = None
    if champion is not None:
        seen = champion.record.trained_from
        until = datetime.fromisoformat(seen["until"]).timestamp() if "until" in seen else None
        rival = Champion(champion.record.version, champion.model, until, seen.get("settings", {}))
    verdict = (judge or judged)(
        Candidate(artifact, behaviour.training_set, config),
        rival,
        explored,
        lambda stage, done: report(TRAINING_SHARE + (1.0 - TRAINING_SHARE) * done, stage),
    )
    then = {} if champion is None else champion.record.baseline
    return _Trained(
        artifact=artifact,
        verdict=verdict,
        baseline=baseline(behaviour, FactorModel.from_artifact(artifact)),
        drift=drift(then, baseline(behaviour, champion.model, then)) if champion and then else None,
        peak_memory_mib=peak_memory_mib(),
    )


def _forced(verdict: Verdict) -> Verdict:
    return Verdict(passed=verdict.passed, champion=verdict.champion, details=verdict.details, forced=True)


def _seen(snapshot: Snapshot, config: TrainingConfig, artifact: Artifact) -> dict[str, Any]:
    """What data a version saw, and by which settings."""
    moments = snapshot.training_set.occurred_at
    return {
        "events": len(moments),
        **artifact.counts,
        "since": datetime.fromtimestamp(float(moments.min()), UTC).isoformat(),
        "until": datetime.fromtimestamp(float(moments.max()), UTC).isoformat(),
        "settings": config.model_dump(mode="json"),
    }


def _result(record: ModelRecord, trained: _Trained) -> dict[str, Any]:
    return {
        "version": record.version,
        "status": record.status.value,
        "algorithm": record.algorithm,
        "metrics": dict(record.metrics),
        "reasons": list(record.reasons),
        "compared": record.verdict.get("basis"),
        "peak_memory_mib": trained.peak_memory_mib,
    }
