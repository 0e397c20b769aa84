"""Trained models: which versions there are, which serves and why, and how an operator changes that."""

from datetime import datetime
from typing import Annotated, Any, Self, TypeAlias

import strawberry
from strawberry.scalars import JSON

from domain import ids
from domain.jobs.model import JobKind
from domain.models import model
from graphql_api.auth import Scope
from graphql_api.context import Info
from graphql_api.enums import ChangeAction, ModelStatus
from graphql_api.model_configuration import MlConfigInput, documented
from graphql_api.operations import JobNode
from graphql_api.problems import INPUT, AnyProblem, answering_problems


@strawberry.type(description="One trained version of a model.")
class ModelVersion:
    """A version and how well it did."""

    name: str = strawberry.field(description="What the model is for.")
    version: str = strawberry.field(description="Sorts by the time it was trained.")
    algorithm: str = strawberry.field(description="What computed it.")
    status: ModelStatus = strawberry.field(description="The champion is served.")
    sha256: str = strawberry.field(description="Digest of its bytes; equal data gives an equal digest.")
    size_bytes: int = strawberry.field(description="Length of the artifact.")
    metrics: JSON = strawberry.field(description="Measured on held-out actions, beside popularity.")
    trained_at: datetime = strawberry.field(description="When it was published.")
    stored: bool = strawberry.field(description="Whether its bytes are kept, so that it can serve again.")
    crowned_at: datetime | None = strawberry.field(description="When it last came into service.")
    trained_from: JSON = strawberry.field(description="What data it saw: counts, and the time of the latest event.")
    verdict: JSON = strawberry.field(
        description="How it compared with the champion and with popularity, overall and by slice, and the reasons."
    )
    reasons: list[str] = strawberry.field(description="Why it did not come into service; empty if it did.")
    drift: JSON = strawberry.field(description="How far input and scores have moved since its training.")

    @classmethod
    def of(cls, record: model.ModelRecord) -> Self:
        """The version as clients see it."""
        return cls(
            name=record.name,
            version=record.version,
            algorithm=record.algorithm,
            status=record.status,
            sha256=record.sha256,
            size_bytes=record.size_bytes,
            metrics=JSON(dict(record.metrics)),
            trained_at=record.trained_at,
            stored=record.stored,
            crowned_at=record.crowned_at,
            trained_from=JSON(dict(record.trained_from)),
            verdict=JSON(dict(record.verdict)),
            reasons=list(record.reasons),
            drift=JSON(dict(record.drift)),
        )


@strawberry.type(description="One change of the model that serves.")
class ModelChange:
    """Who replaced whom, and why."""

    version: str = strawberry.field(description="What serves from then on.")
    replaced: str | None = strawberry.field(description="What served before; null for the first.")
    action: ChangeAction = strawberry.field(description="How it came about.")
    actor: str = strawberry.field(description="A part of the service, or the pseudonym of the operator who wanted it.")
    reason: str = strawberry.field(description="Why, in words; may be empty.")
    changed_at: datetime = strawberry.field(description="When.")

    @classmethod
    def of(cls, change: model.ModelChange) -> Self:
        """The change as clients see it."""
        return cls(
            version=change.version,
            replaced=change.replaced,
            action=change.action,
            actor=change.actor,
            reason=change.reason,
            changed_at=change.changed_at,
        )


@strawberry.input(description="Which version is to serve.")
class PromoteModelInput:
    """What to promote."""

    version: str = strawberry.field(description="The version.")
    reason: str = strawberry.field(
        default="", description="Why, kept with the change and naming nobody; at most 500 characters."
    )


@strawberry.input(description="What is to be rolled back.")
class RollbackModelInput:
    """What to leave."""

    expected: str | None = strawberry.field(
        default=None, description="The version that is meant; if another one serves by now, nothing happens."
    )
    reason: str = strawberry.field(
        default="", description="Why, kept with the change and naming nobody; at most 500 characters."
    )


@strawberry.input(description="How to train.")
class RetrainModelsInput:
    """What to do differently from the daily training."""

    force: bool = strawberry.field(
        default=False, description="Put the new version in service whatever its comparison says."
    )
    config: MlConfigInput | None = strawberry.field(
        default=None, description="How to train; what is left out is as in the daily training."
    )


RetrainModelsPayload: TypeAlias = Annotated[
    JobNode | AnyProblem,
    strawberry.union("RetrainModelsPayload", description="The training that was handed in, or why none was."),
]
PromoteModelPayload: TypeAlias = Annotated[
    ModelVersion | AnyProblem,
    strawberry.union("PromoteModelPayload", description="The version that serves now, or why nothing changed."),
]
RollbackModelPayload: TypeAlias = Annotated[
    ModelVersion | AnyProblem,
    strawberry.union("RollbackModelPayload", description="The version that serves again, or why nothing changed."),
]


@strawberry.type
class ModelsQuery:
    """Looking at models."""

    @strawberry.field(description="Every version of the recommendation model, the newest first; null where that fails.")
    async def models(self, info: Info) -> list[ModelVersion] | None:
        """The tenant's versions."""
        tenant = info.context.allow(Scope.MODELS_ADMIN)
        return [ModelVersion.of(record) for record in await info.context.services.models.versions(tenant)]

    @strawberry.field(description="Every change of the model that serves, the newest first; null where that fails.")
    async def model_changes(self, info: Info) -> list[ModelChange] | None:
        """The tenant's history of champions."""
        tenant = info.context.allow(Scope.MODELS_ADMIN)
        return [ModelChange.of(change) for change in await info.context.services.models.changes(tenant)]


@strawberry.type
class ModelsMutation:
    """Changing what serves."""

    @strawberry.mutation(
        description="Train a new model off the request path; one training of a tenant runs at a time. It comes into "
        "service if it is not shown to be worse than the version that serves."
    )
    @answering_problems
    async def retrain_models(
        self,
        info: Info,
        input: Annotated[RetrainModelsInput | None, INPUT] = None,  # noqa: A002 - the name clients expect
    ) -> RetrainModelsPayload:
        """Hand in a training."""
        tenant = info.context.allow(Scope.MODELS_ADMIN)
        jobs = info.context.services.jobs
        arguments: dict[str, Any] = {}
        if input is not None and input.force:
            arguments |= {"force": True, "actor": _caller(info)}
        if input is not None and input.config is not None:
            arguments["config"] = documented(input.config)
        return JobNode.of(await jobs.job(tenant, await jobs.enqueue(tenant, JobKind.RETRAIN, arguments)))

    @strawberry.mutation(description="Put a version in service, whatever was measured of it.")
    @answering_problems
    async def promote_model(
        self,
        info: Info,
        input: Annotated[PromoteModelInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> PromoteModelPayload:
        """Change the champion."""
        tenant = info.context.allow(Scope.MODELS_ADMIN)
        record = await info.context.services.models.promote(
            tenant, ids.ModelVersion(input.version), actor=_caller(info), reason=input.reason
        )
        return ModelVersion.of(record)

    @strawberry.mutation(
        description="Return to the version that served before. The one that is left does not come back by itself."
    )
    @answering_problems
    async def rollback_model(
        self,
        info: Info,
        input: Annotated[RollbackModelInput | None, INPUT] = None,  # noqa: A002 - the name clients expect
    ) -> RollbackModelPayload:
        """Change the champion back."""
        tenant = info.context.allow(Scope.MODELS_ADMIN)
        wanted = input or RollbackModelInput()
        record = await info.context.services.models.roll_back(
            tenant,
            actor=_caller(info),
            reason=wanted.reason,
            expected=None if wanted.expected is None else ids.ModelVersion(wanted.expected),
        )
        return ModelVersion.of(record)


def _caller(info: Info) -> str:
    """Who asks, as the audit log names them."""
    return info.context.services.audit.pseudonym(info.context.tenant, info.context.caller.user_id).hex()
