"""Taking part in experiments: what somebody has, that it was shown to them, and that they reached a goal."""

from datetime import datetime
from typing import Annotated, Self, TypeAlias

import strawberry
from strawberry.scalars import JSON

from domain.behavior.conversions import Conversion
from domain.errors import NotFound
from domain.exposures.model import Assigned
from graphql_api.auth import Scope
from graphql_api.behavior import EventsRecorded, receipt, uuid_of
from graphql_api.context import Info
from graphql_api.experiment_enums import AssignmentReason
from graphql_api.experiment_types import test_id
from graphql_api.problems import INPUT, AnyProblem, answering_problems


@strawberry.type(description="What somebody has in an experiment.")
class Assignment:
    """An assignment."""

    experiment_id: str = strawberry.field(description="In which experiment.")
    experiment_key: str = strawberry.field(description="Its name.")
    variation: str = strawberry.field(description="The key of what they have; the control's if they take no part.")
    parameters: JSON = strawberry.field(description="What it changes.")
    takes_part: bool = strawberry.field(description="Whether what they do counts.")
    reason: AssignmentReason = strawberry.field(description="Why.")
    propensity: float | None = strawberry.field(description="How likely they were to have it; null without part.")
    policy_version: str | None = strawberry.field(description="The rule that chose it.")
    exposed_at: datetime | None = strawberry.field(description="When it was shown first; null if it was not yet.")

    @classmethod
    def of(cls, assigned: Assigned) -> Self:
        """The assignment as clients see it."""
        return cls(
            experiment_id=str(assigned.test.test_id),
            experiment_key=assigned.test.key,
            variation=assigned.key,
            parameters=JSON(dict(assigned.parameters)),
            takes_part=assigned.takes_part,
            reason=assigned.reason,
            propensity=assigned.propensity,
            policy_version=assigned.policy_version,
            exposed_at=assigned.exposed_at,
        )


@strawberry.input(description="Whom something is shown to that your product makes different.")
class ExposeUserInput:
    """The input of `exposeUser`."""

    user_id: str = strawberry.field(description="Who.")
    experiment_key: str = strawberry.field(description="In which experiment.")


@strawberry.input(description="Who is to see what.")
class ForceVariationInput:
    """The input of `forceVariation`."""

    experiment_id: str = strawberry.field(description="In which experiment.")
    user_id: str = strawberry.field(description="Who.")
    variation: str | None = strawberry.field(default=None, description="The key of what to see; null takes it back.")


@strawberry.input(description="A goal that somebody reached.")
class RecordConversionInput:
    """The input of `recordConversion`."""

    user_id: str = strawberry.field(description="Who.")
    goal: str = strawberry.field(description="A goal that a metric of an experiment names.")
    value: float | None = strawberry.field(default=None, description="A number that belongs to it, such as an amount.")
    occurred_at: datetime | None = strawberry.field(default=None, description="When; now if absent.")
    event_id: strawberry.ID | None = strawberry.field(default=None, description="A UUID; a retry with it adds nothing.")
    idempotency_key: str | None = strawberry.field(default=None, description="A retry with it adds nothing.")


AssignmentPayload: TypeAlias = Annotated[
    Assignment | AnyProblem,
    strawberry.union("AssignmentPayload", description="What somebody has, or why it could not be said or changed."),
]
RecordConversionPayload: TypeAlias = Annotated[
    EventsRecorded | AnyProblem,
    strawberry.union("RecordConversionPayload", description="The conversion recorded, or why it was not."),
]


@strawberry.type
class AssignmentQuery:
    """Asking for variations."""

    @strawberry.field(
        description="What somebody has in an experiment; asking notes nothing. Null if there is no such experiment."
    )
    async def assignment(
        self,
        info: Info,
        user_id: Annotated[str, strawberry.argument(description="Who.")],
        experiment_key: Annotated[str, strawberry.argument(description="In which experiment.")],
    ) -> Assignment | None:
        """An assignment."""
        tenant, user = info.context.reach(user_id, Scope.RECOMMENDATIONS_READ)
        try:
            return Assignment.of(await info.context.services.exposures.assignment(tenant, user, experiment_key))
        except NotFound:
            return None


@strawberry.type
class AssignmentMutation:
    """Telling what was shown, and what came of it."""

    @strawberry.mutation(
        description="Note that somebody is shown what they have. Call it where your product makes the difference, not "
        "before; what the service itself makes different it notes by itself."
    )
    @answering_problems
    async def expose_user(
        self,
        info: Info,
        input: Annotated[ExposeUserInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> AssignmentPayload:
        """Expose."""
        tenant, user = info.context.reach(input.user_id, Scope.EVENTS_WRITE)
        return Assignment.of(await info.context.services.exposures.expose(tenant, user, input.experiment_key))

    @strawberry.mutation(
        description="Let somebody who agreed to experiments see a variation whatever is assigned, to try it by hand; "
        "they do not count. Others than the caller need `act_as`."
    )
    @answering_problems
    async def force_variation(
        self,
        info: Info,
        input: Annotated[ForceVariationInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> AssignmentPayload:
        """Force."""
        tenant, user = info.context.reach(input.user_id, Scope.EXPERIMENTS_ADMIN)
        wanted = test_id(input.experiment_id)
        return Assignment.of(await info.context.services.exposures.force(tenant, user, wanted, input.variation))

    @strawberry.mutation(description="Record that somebody reached a goal of an experiment.")
    @answering_problems
    async def record_conversion(
        self,
        info: Info,
        input: Annotated[RecordConversionInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> RecordConversionPayload:
        """Convert."""
        tenant, user = info.context.reach(input.user_id, Scope.EVENTS_WRITE)
        services = info.context.services
        await services.exposures.require_goal(tenant, input.goal)
        conversion = Conversion(input.goal, input.value, input.occurred_at, uuid_of(input.event_id, "eventId"))
        return receipt(await services.behavior.record_conversion(tenant, user, conversion, input.idempotency_key))
