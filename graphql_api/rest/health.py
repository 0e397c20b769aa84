"""The health check: how well this process can do its work."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final, Self

from pydantic import Field

from domain.errors import Unavailable
from domain.health import Readiness, ServingState, Status
from graphql_api.auth import Scope
from graphql_api.rest.fields import AnswerPart
from graphql_api.rest.operation import Call, NoBody, Operation

UNAVAILABLE_STATUS: Final = 503


class ServingAnswer(AnswerPart):
    """What the caller's tenant is served by."""

    model_version: str | None = Field(description="Null before the first training.")
    waiting_events: int | None = Field(
        description="The tenant's events that are stored and not yet learned from; null without `models:admin`."
    )
    oldest_waiting_at: datetime | None


class HealthDetails(AnswerPart):
    """What a caller with a token sees beside the status."""

    checks: dict[str, Status]
    checked_at: datetime
    switched_off: list[str] = Field(description="What the settings of the service do without.")
    serving: ServingAnswer | None = Field(description="Null while it cannot be looked up.")

    @classmethod
    def of(cls, readiness: Readiness, serving: ServingState | None) -> Self:
        """The details as clients see them."""
        return cls(
            checks=dict(readiness.checks),
            checked_at=readiness.checked_at,
            switched_off=list(readiness.switched_off),
            serving=None if serving is None else ServingAnswer.model_validate(serving, from_attributes=True),
        )


class HealthAnswer(AnswerPart):
    """How well this process can do its work."""

    status: Status
    details: HealthDetails | None = Field(description="Null without a token.")


async def check_health(call: Call, _body: NoBody) -> HealthAnswer:
    """How this process is; what its parts are called is told only to callers with a token."""
    readiness = await call.services.health.readiness()
    if call.principal is None:
        return HealthAnswer(status=readiness.status, details=None)
    serving = await _serving(call, readiness)
    return HealthAnswer(status=readiness.status, details=HealthDetails.of(readiness, serving))


async def _serving(call: Call, readiness: Readiness) -> ServingState | None:
    if call.principal is None or not readiness.ready:
        return None
    try:
        serving = await call.services.health.serving(call.principal.tenant)
    except Unavailable:
        return None
    if Scope.MODELS_ADMIN in call.principal.scopes:
        return serving
    return replace(serving, waiting_events=None, oldest_waiting_at=None)


def _health_status(answer: HealthAnswer) -> int:
    return UNAVAILABLE_STATUS if answer.status is Status.UNAVAILABLE else 200


OPERATIONS: Final[tuple[Operation[Any], ...]] = (
    Operation(
        name="health",
        method="GET",
        path="/health",
        summary="Service health check",
        description="How well this process can do its work; open to everybody. Details come with a token.",
        body=NoBody,
        answer=HealthAnswer,
        scope=None,
        successor=None,
        handle=check_health,
        statuses={200: "It works, perhaps with losses.", UNAVAILABLE_STATUS: "It cannot do its work at the moment."},
        status_of=_health_status,
    ),
)
