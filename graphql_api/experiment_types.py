"""Experiments as clients see them."""

from datetime import datetime
from typing import Self
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from domain.errors import NotFound
from domain.experiments.model import Policy, Test, TestId
from graphql_api.auth import Scope
from graphql_api.context import Info
from graphql_api.experiment_enums import ExperimentStatus
from graphql_api.paging import PageInfo


@strawberry.type(description="A way, and its share of the traffic.")
class Variation:
    """A variation."""

    key: str = strawberry.field(description="Its name within the experiment.")
    name: str = strawberry.field(description="For people.")
    parameters: JSON = strawberry.field(description="What it changes.")
    weight: float = strawberry.field(description="Its share now; before the start, the one it begins with.")


@strawberry.type(description="The rule by which people were assigned for a while.")
class AssignmentPolicy:
    """A policy."""

    version: str = strawberry.field(description="Phase and number; kept with every exposure.")
    weights: list[float] = strawberry.field(description="The share of each variation.")
    coverage: float = strawberry.field(description="The share of those meant that takes part.")
    made_at: datetime = strawberry.field(description="From when on.")
    reason: JSON = strawberry.field(description="What it came from; of a bandit, the arms it saw.")

    @classmethod
    def of(cls, policy: Policy) -> Self:
        """The policy as clients see it."""
        return cls(
            version=policy.version,
            weights=list(policy.weights),
            coverage=policy.coverage,
            made_at=policy.made_at,
            reason=JSON(dict(policy.reason)),
        )


@strawberry.type(description="An experiment.")
class Experiment:
    """An experiment."""

    experiment_id: str = strawberry.field(description="Its id.")
    key: str = strawberry.field(description="Its name.")
    name: str = strawberry.field(description="For people.")
    hypothesis: str = strawberry.field(description="What is expected, and why.")
    status: ExperimentStatus = strawberry.field(description="Where it is.")
    variations: list[Variation] = strawberry.field(description="The ways, the control first.")
    coverage: float = strawberry.field(description="The share of those meant that takes part.")
    policy: AssignmentPolicy | None = strawberry.field(description="How people are assigned now; null for a draft.")
    plan: JSON = strawberry.field(description="All that was written to create it, defaults left out.")
    revision: int = strawberry.field(description="Grows with every change.")
    created_at: datetime = strawberry.field(description="When it was written down.")
    started_at: datetime | None = strawberry.field(description="When it started.")
    stopped_at: datetime | None = strawberry.field(description="When it ended.")

    @classmethod
    def of(cls, test: Test) -> Self:
        """The experiment as clients see it."""
        plan, policy = test.plan, test.policy
        weights = plan.split if policy is None else policy.weights
        return cls(
            experiment_id=str(test.test_id),
            key=test.key,
            name=plan.name,
            hypothesis=plan.hypothesis,
            status=test.status,
            variations=[
                Variation(key=one.key, name=one.name, parameters=JSON(dict(one.parameters)), weight=weight)
                for one, weight in zip(plan.variations, weights, strict=True)
            ],
            coverage=plan.coverage if policy is None else policy.coverage,
            policy=None if policy is None else AssignmentPolicy.of(policy),
            plan=JSON(plan.model_dump(mode="json", by_alias=True, exclude_defaults=True)),
            revision=test.revision,
            created_at=test.created_at,
            started_at=test.started_at,
            stopped_at=test.stopped_at,
        )

    @strawberry.field(description="Every policy that it has had, in order.")
    async def policies(self, info: Info) -> list[AssignmentPolicy]:
        """The policies."""
        tenant = info.context.allow(Scope.EXPERIMENTS_ADMIN)
        found = await info.context.services.experiments.policies(tenant, test_id(self.experiment_id))
        return [AssignmentPolicy.of(policy) for policy in found]


@strawberry.type(description="An experiment on a page.")
class ExperimentEdge:
    """An edge."""

    cursor: str = strawberry.field(description="Where it stands.")
    node: Experiment = strawberry.field(description="The experiment.")


@strawberry.type(description="A page of experiments.")
class ExperimentConnection:
    """A page."""

    edges: list[ExperimentEdge] = strawberry.field(description="The experiments, by key.")
    page_info: PageInfo = strawberry.field(description="Where the page stands.")


@strawberry.type(description="How many people, and days, an experiment needs.")
class ExperimentForecast:
    """A forecast."""

    fixed: int = strawberry.field(description="People of all variations, for one look at the end.")
    sequential: int = strawberry.field(description="The same for any number of looks; the most that it takes.")
    fixed_days: float | None = strawberry.field(description="Days for `fixed`; null without people a day.")
    sequential_days: float | None = strawberry.field(description="Days for `sequential`.")


def test_id(text: str) -> TestId:
    """The id. Raises `NotFound` for what cannot be one, as for one that is none."""
    try:
        return TestId(UUID(text))
    except ValueError:
        raise NotFound("There is no such experiment.", field="experimentId") from None
