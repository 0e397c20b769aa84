"""Workflow optimizations: what would save a person steps, why, and their word on it."""

from datetime import datetime
from typing import Annotated, Self, TypeAlias

import strawberry

from domain.adaptation.optimization import Optimization
from domain.adaptation.service import WorkflowOptimizations
from domain.adaptation.wording import TitleOf, explanation, headline, step_title
from graphql_api.adaptation_enums import OptimizationKind, OptimizationSource
from graphql_api.auth import Scope
from graphql_api.context import Info
from graphql_api.problems import INPUT, AnyProblem, answering_problems
from graphql_api.used_data import WITHOUT, UsedData, used_data


@strawberry.type(description="One step of a workflow.")
class WorkflowStep:
    """A step."""

    step: str = strawberry.field(description="Such as `template_used` or `feature_used:auto_captions`.")
    title: str = strawberry.field(description="The step in words.")


@strawberry.type(description="What an optimization rests on.")
class WorkflowEvidence:
    """Evidence."""

    times_seen: int = strawberry.field(description="How often it was done.")
    sessions: int = strawberry.field(description="In how many sessions; for a feature, by how many people.")
    people: int = strawberry.field(description="By how many people: 1 for the person's own, else in steps of five.")
    last_seen_at: datetime = strawberry.field(description="When it was done last; the day, where others did it.")


@strawberry.type(description="Something that would save a person steps.")
class WorkflowOptimization:
    """An optimization."""

    optimization_id: strawberry.ID = strawberry.field(description="Name it in `dismissOptimization`.")
    kind: OptimizationKind = strawberry.field(description="What could be better.")
    source: OptimizationSource = strawberry.field(description="Whose behaviour it was found in.")
    title: str = strawberry.field(description="What is offered, in a few words.")
    why: str = strawberry.field(description="Why it is offered, as an English sentence.")
    steps: list[WorkflowStep] = strawberry.field(description="What it is about, in order.")
    item_id: str | None = strawberry.field(description="The choice to repeat, or the feature to try.")
    support: float = strawberry.field(description="The share of sessions, or of people, that show it.")
    confidence: float = strawberry.field(description="How often the rest followed where it began, 0 to 1.")
    lift: float = strawberry.field(description="How many times likelier than by chance.")
    steps_saved: float = strawberry.field(description="Estimated for 30 days; for what is common, for each time.")
    evidence: WorkflowEvidence = strawberry.field(description="What it rests on.")

    @classmethod
    def of(cls, found: Optimization, title_of: TitleOf) -> Self:
        """The optimization as clients see it."""
        evidence = found.evidence
        return cls(
            optimization_id=strawberry.ID(found.optimization_id),
            kind=found.kind,
            source=found.source,
            title=headline(found, title_of),
            why=explanation(found, title_of),
            steps=[WorkflowStep(step=step, title=step_title(step, title_of)) for step in found.steps],
            item_id=found.item_id,
            support=found.support,
            confidence=found.confidence,
            lift=found.lift,
            steps_saved=found.steps_saved,
            evidence=WorkflowEvidence(
                times_seen=evidence.times_seen,
                sessions=evidence.sessions,
                people=evidence.people,
                last_seen_at=evidence.last_seen_at,
            ),
        )


@strawberry.type(name="WorkflowOptimizations", description="What would save a person steps.")
class WorkflowOptimizationsNode:
    """The optimizations of one person."""

    optimizations: list[WorkflowOptimization] = strawberry.field(description="Kind by kind, the best first.")
    sessions: int = strawberry.field(description="How many sessions of the person there are to learn from.")
    mined_at: datetime | None = strawberry.field(description="When common ways were found; null where there are none.")
    personalized: bool = strawberry.field(description="Whether anything of the person had a part in it.")
    used_data: UsedData = strawberry.field(description="What the answer used of the person.")

    @classmethod
    def of(cls, found: WorkflowOptimizations) -> Self:
        """The optimizations as clients see them."""
        return cls(
            optimizations=[WorkflowOptimization.of(entry, found.title_of) for entry in found.optimizations],
            sessions=found.sessions,
            mined_at=found.mined_at,
            personalized=bool(found.used),
            used_data=used_data(found.used),
        )


@strawberry.input(description="An optimization that is not wanted.")
class DismissOptimizationInput:
    """The input of `dismissOptimization`."""

    user_id: str = strawberry.field(description="Who does not want it.")
    optimization_id: strawberry.ID = strawberry.field(description="Which.")
    undo: bool = strawberry.field(default=False, description="It is wanted again.")


DismissOptimizationPayload: TypeAlias = Annotated[
    WorkflowOptimizationsNode | AnyProblem,
    strawberry.union("DismissOptimizationPayload", description="What is offered now, or why nothing changed."),
]


@strawberry.type
class WorkflowQuery:
    """Reading optimizations."""

    @strawberry.field(description="What would save a person steps; what is common for somebody unknown.")
    async def workflow_optimizations(
        self,
        info: Info,
        user_id: Annotated[str, strawberry.argument(description="Whose workflows.")],
        personalized: Annotated[bool, strawberry.argument(description=WITHOUT)] = True,
    ) -> WorkflowOptimizationsNode | None:
        """One person's optimizations."""
        tenant, user = info.context.reach(user_id, Scope.PROFILE_READ)
        found = await info.context.services.adaptation.workflow_optimizations(tenant, user, personalized=personalized)
        return WorkflowOptimizationsNode.of(found)


@strawberry.type
class WorkflowMutation:
    """Saying what is not wanted."""

    @strawberry.mutation(description="Do not offer an optimization to a person again.")
    @answering_problems
    async def dismiss_optimization(
        self,
        info: Info,
        input: Annotated[DismissOptimizationInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> DismissOptimizationPayload:
        """One dismissal."""
        tenant, user = info.context.reach(input.user_id, Scope.PROFILE_WRITE)
        found = await info.context.services.adaptation.dismiss_optimization(
            tenant, user, input.optimization_id, undo=input.undo
        )
        return WorkflowOptimizationsNode.of(found)
