"""Experiments: creating and steering them, and what comes of them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any, TypeAlias

import orjson
import strawberry

from domain.errors import NotFound, ValidationFailed
from domain.experiments import forecast as planning
from domain.experiments.model import Test, TestId
from domain.experiments.service import ExperimentService
from domain.ids import ItemId, TenantId
from domain.realtime import model as realtime
from graphql_api.auth import Scope
from graphql_api.context import GraphQLContext, Info
from graphql_api.experiment_enums import ExperimentStatus
from graphql_api.experiment_inputs import CreateExperimentInput, PlanExperimentInput, written
from graphql_api.experiment_results import ExperimentResults, SplitValue
from graphql_api.experiment_types import Experiment, ExperimentConnection, ExperimentEdge, ExperimentForecast, test_id
from graphql_api.paging import PageInfo, item_after, item_cursor, require_first
from graphql_api.problems import INPUT, AnyProblem, answering_problems

ID = strawberry.argument(description="The experiment's id.")


@strawberry.input(description="An experiment that is there.")
class ExperimentInput:
    """Which one."""

    experiment_id: str = strawberry.field(description="Its id.")


@strawberry.input(description="How to widen or split anew.")
class RampExperimentInput:
    """The input of `rampExperiment`."""

    experiment_id: str = strawberry.field(description="Its id.")
    coverage: float | None = strawberry.field(
        default=None, description="More moves nobody; less opens a new phase, in which everybody is assigned anew."
    )
    weights: list[float] | None = strawberry.field(default=None, description="Other weights open a new phase.")


ExperimentPayload: TypeAlias = Annotated[
    Experiment | AnyProblem,
    strawberry.union("ExperimentPayload", description="The experiment as it is now, or why nothing changed."),
]


@strawberry.type
class ExperimentQuery:
    """Looking at experiments."""

    @strawberry.field(description="One experiment, by id or by key; null if there is none.")
    async def experiment(
        self,
        info: Info,
        experiment_id: Annotated[str | None, ID] = None,
        key: Annotated[str | None, strawberry.argument(description="Its name.")] = None,
    ) -> Experiment | None:
        """One of them."""
        tenant, experiments = info.context.allow(Scope.EXPERIMENTS_ADMIN), info.context.services.experiments
        try:
            if experiment_id is not None and key is None:
                return Experiment.of(await experiments.test(tenant, test_id(experiment_id)))
            if key is not None and experiment_id is None:
                return Experiment.of(await experiments.find(tenant, key))
        except NotFound:
            return None
        raise ValidationFailed("name either an id or a key", field="experimentId")

    @strawberry.field(description="Experiments by key, page by page; null where that fails while the rest works.")
    async def experiments(
        self,
        info: Info,
        status: Annotated[
            list[ExperimentStatus] | None, strawberry.argument(description="Only of these; all if absent.")
        ] = None,
        first: Annotated[int, strawberry.argument(description="Page length, 1 to 100.")] = 10,
        after: Annotated[str | None, strawberry.argument(description="The end cursor of the page before.")] = None,
    ) -> ExperimentConnection | None:
        """A page."""
        tenant = info.context.allow(Scope.EXPERIMENTS_ADMIN)
        page = await info.context.services.experiments.tests(
            tenant, status or (), item_after(after), require_first(first)
        )
        edges = [ExperimentEdge(cursor=item_cursor(ItemId(test.key)), node=Experiment.of(test)) for test in page.tests]
        return ExperimentConnection(
            edges=edges,
            page_info=PageInfo(
                has_next_page=page.has_next,
                has_previous_page=after is not None,
                start_cursor=edges[0].cursor if edges else None,
                end_cursor=edges[-1].cursor if edges else None,
            ),
        )

    @strawberry.field(
        description="What came of an experiment: the latest results of the hourly evaluation, the newest first, or "
        "with `live` the figures as they stand. Null where that fails."
    )
    async def experiment_results(
        self,
        info: Info,
        experiment_id: Annotated[str, ID],
        live: Annotated[bool, strawberry.argument(description="The figures as they stand, and nothing kept.")] = False,
        first: Annotated[int, strawberry.argument(description="How many hours, 1 to 100.")] = 1,
    ) -> list[ExperimentResults] | None:
        """Results."""
        tenant, services = info.context.allow(Scope.EXPERIMENTS_ADMIN), info.context.services
        wanted = test_id(experiment_id)
        test = await services.experiments.test(tenant, wanted)
        if live:
            return [ExperimentResults.of(test, await services.outcomes.live(tenant, wanted))]
        found = await services.outcomes.results(tenant, wanted, require_first(first))
        return [ExperimentResults.of(test, one) for one in found]

    @strawberry.field(
        description="What another split of an experiment's traffic would have earned, from the propensities of what "
        "was shown; an error where too few people speak of it."
    )
    async def split_value(
        self,
        info: Info,
        experiment_id: Annotated[str, ID],
        weights: Annotated[list[float], strawberry.argument(description="The share of each variation.")],
    ) -> SplitValue | None:
        """Off-policy evaluation."""
        tenant, outcomes = info.context.allow(Scope.EXPERIMENTS_ADMIN), info.context.services.outcomes
        return SplitValue.of(await outcomes.value_of(tenant, test_id(experiment_id), weights))

    @strawberry.field(description="How many people an experiment needs, before there is one.")
    async def plan_experiment(
        self,
        info: Info,
        input: Annotated[PlanExperimentInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> ExperimentForecast | None:
        """A forecast."""
        info.context.allow(Scope.EXPERIMENTS_ADMIN)
        found = planning.forecast(input.expectation())
        return ExperimentForecast(
            fixed=found.fixed,
            sequential=found.sequential,
            fixed_days=found.fixed_days,
            sequential_days=found.sequential_days,
        )


def _step(take: Callable[[ExperimentService, TenantId, TestId], Awaitable[Test]], description: str) -> Any:
    """The mutation that takes one step in an experiment's life."""

    @answering_problems
    async def resolver(
        info: Info,
        input: Annotated[ExperimentInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> ExperimentPayload:
        tenant, wanted = info.context.allow(Scope.EXPERIMENTS_ADMIN), test_id(input.experiment_id)
        return Experiment.of(await take(info.context.services.experiments, tenant, wanted))

    return strawberry.mutation(resolver=resolver, description=description)


@strawberry.type
class ExperimentMutation:
    """Steering experiments."""

    @strawberry.mutation(description="Write an experiment down as a draft; needs the scope experiments:admin.")
    @answering_problems
    async def create_experiment(
        self,
        info: Info,
        input: Annotated[CreateExperimentInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> ExperimentPayload:
        """Create."""
        tenant = info.context.allow(Scope.EXPERIMENTS_ADMIN)
        return Experiment.of(await info.context.services.experiments.create(tenant, written(input)))

    start_experiment = _step(ExperimentService.start, "Start a draft: from now on people are assigned.")
    pause_experiment = _step(ExperimentService.pause, "Show everybody the control for a while.")
    resume_experiment = _step(
        ExperimentService.resume, "Go on with a paused experiment; everybody has the variation they had."
    )
    stop_experiment = _step(ExperimentService.stop, "End an experiment for good; everybody has the control.")

    @strawberry.mutation(description="Let more people in, or split the traffic anew.")
    @answering_problems
    async def ramp_experiment(
        self,
        info: Info,
        input: Annotated[RampExperimentInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> ExperimentPayload:
        """Ramp."""
        tenant = info.context.allow(Scope.EXPERIMENTS_ADMIN)
        wanted = test_id(input.experiment_id)
        ramped = await info.context.services.experiments.ramp(
            tenant, wanted, coverage=input.coverage, weights=input.weights
        )
        return Experiment.of(ramped)


@strawberry.type
class ExperimentSubscription:
    """Results, live."""

    @strawberry.subscription(description="The figures of an experiment now, and again whenever they change.")
    async def experiment_results(
        self, info: Info, experiment_id: Annotated[str, ID]
    ) -> AsyncIterator[ExperimentResults]:
        """One experiment."""
        context: GraphQLContext = info.context
        tenant, wanted = context.allow(Scope.EXPERIMENTS_ADMIN), test_id(experiment_id)
        experiments, outcomes = context.services.experiments, context.services.outcomes
        async with context.bus.subscribe_to_tenant(tenant) as updates:
            test = await experiments.test(tenant, wanted)
            yield ExperimentResults.of(test, await outcomes.live(tenant, wanted))
            async for update in updates:
                if _concerns(update, wanted):
                    test = await experiments.test(tenant, wanted)
                    yield ExperimentResults.of(test, await outcomes.live(tenant, wanted))


def _concerns(update: realtime.TenantUpdate | realtime.ResyncRequired, wanted: TestId) -> bool:
    """Whether an update tells of an experiment, or may have been missed."""
    if isinstance(update, realtime.ResyncRequired):
        return True
    told = update.kind is realtime.UpdateKind.EXPERIMENT_UPDATED
    return told and bool(orjson.loads(update.body)["experimentId"] == str(wanted))
