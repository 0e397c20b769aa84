"""Running the service: its health and its jobs."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from domain.errors import NotFound
from domain.health import Readiness
from domain.ids import JobId
from domain.jobs.model import Job
from graphql_api.auth import Scope
from graphql_api.behavior import uuid_of
from graphql_api.context import Info
from graphql_api.enums import JobKind, JobState, Status


@strawberry.type(description="The state of one part.")
class HealthCheck:
    """A part and how it is."""

    name: str = strawberry.field(description="The part.")
    status: Status = strawberry.field(description="How it is.")


@strawberry.type(description="The state of the process that answers.")
class Health:
    """Readiness."""

    status: Status = strawberry.field(description="Degraded: it answers with losses; unavailable: send nothing here.")
    checks: list[HealthCheck] = strawberry.field(description="Its parts.")
    checked_at: datetime = strawberry.field(description="When they were asked.")
    switched_off: list[str] = strawberry.field(description="What the settings of the service do without.")

    @classmethod
    def of(cls, readiness: Readiness) -> Self:
        """The readiness as clients see it."""
        checks = [HealthCheck(name=name, status=status) for name, status in readiness.checks.items()]
        return cls(
            status=readiness.status,
            checks=checks,
            checked_at=readiness.checked_at,
            switched_off=list(readiness.switched_off),
        )


@strawberry.type(name="Job", description="Work off the request path.")
class JobNode:
    """A job's state."""

    job_id: strawberry.ID = strawberry.field(description="Its id.")
    kind: JobKind = strawberry.field(description="What it does.")
    state: JobState = strawberry.field(description="Where it is.")
    progress: float = strawberry.field(description="0 to 1.")
    stage: str | None = strawberry.field(description="What it is at; null before its worker has said so.")
    result: JSON | None = strawberry.field(description="What it answered, once done.")
    error: str | None = strawberry.field(description="Why it failed.")
    created_at: datetime = strawberry.field(description="When it was handed in.")
    finished_at: datetime | None = strawberry.field(description="When it ended.")

    @classmethod
    def of(cls, job: Job) -> Self:
        """The job as clients see it."""
        return cls(
            job_id=strawberry.ID(str(job.job_id)),
            kind=job.kind,
            state=job.state,
            progress=job.progress,
            stage=job.stage,
            result=None if job.result is None else JSON(dict(job.result)),
            error=job.error,
            created_at=job.created_at,
            finished_at=job.finished_at,
        )


@strawberry.type
class OperationsQuery:
    """Looking after the service."""

    @strawberry.field(description="How the process that answers is; needs no token.")
    async def health(self, info: Info) -> Health:
        """Asked afresh."""
        return Health.of(await info.context.services.health.readiness())

    @strawberry.field(description="A job's state and progress; null if the tenant has no such job.")
    async def job(
        self, info: Info, job_id: Annotated[strawberry.ID, strawberry.argument(description="The job.")]
    ) -> JobNode | None:
        """One job."""
        tenant = info.context.allow(Scope.MODELS_ADMIN)
        try:
            return JobNode.of(
                await info.context.services.jobs.job(tenant, JobId(uuid_of(job_id, "jobId") or UUID(int=0)))
            )
        except NotFound:
            return None
