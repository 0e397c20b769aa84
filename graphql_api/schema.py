"""The one schema: the nouns' queries, mutations and subscriptions together, and what wraps every operation."""

import time
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any

import strawberry
from graphql import GraphQLError
from strawberry import relay
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types.execution import ExecutionContext, ExecutionResult
from strawberry.types.graphql import OperationType

from domain.errors import NotFound
from domain.storage.postgres import statements_run
from graphql_api.accounts import AccountMutation, AccountQuery
from graphql_api.adaptation import AdaptationMutation, AdaptationQuery
from graphql_api.assignments import AssignmentMutation, AssignmentQuery
from graphql_api.auditing import AuditQuery
from graphql_api.behavior import BehaviorMutation
from graphql_api.caching import CacheReport
from graphql_api.catalog import CatalogItemNode, CatalogMutation, CatalogQuery
from graphql_api.context import GraphQLContext, Info
from graphql_api.data_map import DataMapQuery
from graphql_api.errors import presented
from graphql_api.execution import reading_by
from graphql_api.experiments import ExperimentMutation, ExperimentQuery, ExperimentSubscription
from graphql_api.exports import ExportMutation
from graphql_api.feedback import FeedbackMutation
from graphql_api.generation import GenerationMutation, GenerationQuery
from graphql_api.hooks import OperationHooks
from graphql_api.identities import IdentityMutation
from graphql_api.insights import InsightMutation
from graphql_api.item_import import ItemImportMutation
from graphql_api.kinds import KindQuery
from graphql_api.limits import DocumentCache, OperationLimits
from graphql_api.measurement import CountedOperations, OperationMetrics
from graphql_api.metrics import MetricsQuery
from graphql_api.models import ModelsMutation, ModelsQuery
from graphql_api.operations import OperationsQuery
from graphql_api.plans import SelectionPlans
from graphql_api.privacy import PrivacyMutation, PrivacyQuery
from graphql_api.problems import Problem
from graphql_api.profiles import ProfileMutation, ProfileNode, ProfileQuery
from graphql_api.questions import QuestionQuery
from graphql_api.rates import CallRates
from graphql_api.realtime import RealtimeSubscription
from graphql_api.recommendations import RecommendationMutation, RecommendationQuery
from graphql_api.rights import RightsMutation, RightsQuery, RightsSubscription
from graphql_api.rules import RuleMutation, RuleQuery
from graphql_api.segments import SegmentQuery
from graphql_api.service_metrics import ServiceMetricsSubscription
from graphql_api.similar import SimilarItemQuery
from graphql_api.workflows import WorkflowMutation, WorkflowQuery


@strawberry.type
class NodeQuery:
    """Relay's way to any object."""

    @strawberry.field(
        description="Any object by its global id. `NOT_FOUND` beside null, in the same words, for whatever cannot be "
        "had: an id of nothing, of another tenant's item, or of a person who is out of reach, known or not."
    )
    async def node(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The object's global id.")],  # noqa: A002 - Relay
    ) -> relay.Node | None:
        """One object."""
        found = await _found(info, id)
        if found is None:
            raise NotFound("There is nothing of this id.", field="id")
        return found


async def _found(info: Info, global_id: str) -> CatalogItemNode | ProfileNode | None:
    """What a global id leads to. Raises `Unauthenticated`, `Forbidden` or `ValidationFailed`."""
    _ = info.context.caller
    try:
        wanted = relay.GlobalID.from_id(global_id)
    except relay.GlobalIDValueError:
        return None
    kind = NODES.get(wanted.type_name)
    if kind is None:
        return None
    [found] = await kind.resolve_nodes(info=info, node_ids=[wanted.node_id])
    return found


NODES: Mapping[str, type[CatalogItemNode | ProfileNode]] = MappingProxyType(
    {"CatalogItem": CatalogItemNode, "Profile": ProfileNode}
)


@strawberry.type(description="Reading; every field but `health` needs a token.")
class Query(
    NodeQuery,
    AuditQuery,
    ProfileQuery,
    AccountQuery,
    RecommendationQuery,
    CatalogQuery,
    PrivacyQuery,
    DataMapQuery,
    RightsQuery,
    ModelsQuery,
    OperationsQuery,
    SegmentQuery,
    AdaptationQuery,
    WorkflowQuery,
    GenerationQuery,
    KindQuery,
    QuestionQuery,
    MetricsQuery,
    SimilarItemQuery,
    RuleQuery,
    ExperimentQuery,
    AssignmentQuery,
):
    """The nouns' queries."""


@strawberry.type(description="Writing; success is answered after the commit, an expected failure as a problem.")
class Mutation(
    BehaviorMutation,
    ProfileMutation,
    IdentityMutation,
    AccountMutation,
    RecommendationMutation,
    CatalogMutation,
    ItemImportMutation,
    PrivacyMutation,
    RightsMutation,
    ExportMutation,
    ModelsMutation,
    FeedbackMutation,
    AdaptationMutation,
    WorkflowMutation,
    GenerationMutation,
    RuleMutation,
    InsightMutation,
    ExperimentMutation,
    AssignmentMutation,
):
    """The nouns' mutations."""


@strawberry.type(
    description="Listening, over a WebSocket or server-sent events; it ends when what allows it ends.",
)
class Subscription(RealtimeSubscription, ServiceMetricsSubscription, ExperimentSubscription, RightsSubscription):
    """The nouns' subscriptions."""


class PresentedErrors(SchemaExtension):
    """Shows errors by their stable codes and masks what nobody expected, on single and streamed results alike."""

    def on_operation(self) -> Iterator[None]:
        """After the operation."""
        yield
        self._present(self.execution_context.result)

    def on_stream_result(self, result: Any) -> Iterator[None]:
        """Before each result of a subscription."""
        self._present(result)
        yield

    def _present(self, result: Any) -> None:
        errors = getattr(result, "errors", None)
        if errors:
            context: GraphQLContext = self.execution_context.context
            result.errors = [_shown(error, context) for error in errors]


class Measured(SchemaExtension):
    """With the debug setting: what an operation took, and the SQL it ran."""

    def on_operation(self) -> Iterator[None]:
        """Around the operation."""
        self._started = time.perf_counter()
        self._statements: list[str] = []
        token = statements_run.set(self._statements)
        yield
        statements_run.reset(token)
        if (outer := statements_run.get()) is not None:
            outer += self._statements

    def get_results(self) -> dict[str, Any]:
        """Milliseconds and statement count."""
        taken = (time.perf_counter() - self._started) * 1000
        return {"debug": {"milliseconds": round(taken, 3), "sqlStatements": len(self._statements)}}


class _Schema(strawberry.Schema):
    async def execute(self, query: str | None, *arguments: Any, **options: Any) -> ExecutionResult:
        """Run a query or a mutation; a subscription needs a connection that lasts, where it is streamed instead."""
        allowed = frozenset(options.pop("allowed_operation_types", None) or OperationType)
        options["allowed_operation_types"] = allowed - {OperationType.SUBSCRIPTION}
        return await super().execute(query, *arguments, **options)

    def create_extensions_runner(
        self, execution_context: ExecutionContext, extensions: list[SchemaExtension]
    ) -> OperationHooks:
        """What runs the extensions of one operation."""
        return OperationHooks(execution_context, extensions)

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Present what went wrong before the extensions could see it, such as a syntax error."""
        if execution_context is not None:
            errors[:] = [_shown(error, execution_context.context) for error in errors]


def build_schema(
    *,
    debug: bool = False,
    production: bool = True,
    in_order: bool = False,
    metrics: OperationMetrics | None = None,
    cache: DocumentCache | None = None,
    plans: SelectionPlans | None = None,
) -> strawberry.Schema:
    """The schema with everything that wraps an operation.

    Args:
        debug: answers carry timings and SQL counts.
        production: the schema cannot be asked for, and errors suggest no field names.
        in_order: sorted by name, for printing; Strawberry 0.341 cannot resolve unions of a sorted schema.
        metrics: where operations are counted, if they are.
        cache: documents that were checked already; one of its own if absent.
        plans: how their selections are answered; plans of its own if absent.
    """
    cache = cache or DocumentCache(introspection=not production)
    extensions: list[Any] = [lambda: OperationLimits(cache), CallRates, PresentedErrors, CacheReport]
    if metrics is not None:
        # The first to begin is the last to end, and sees errors as clients do.
        extensions.insert(0, lambda: CountedOperations(metrics))
    return _Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[CatalogItemNode, ProfileNode, Problem],
        extensions=[*extensions, Measured] if debug else extensions,
        execution_context_class=reading_by(plans or SelectionPlans()),
        config=StrawberryConfig(disable_field_suggestions=production, sort_schema=in_order),
    )


def export() -> str:
    """The schema as sorted SDL, as it stands in `schema.graphql`."""
    return build_schema(in_order=True).as_str() + "\n"


def _shown(error: GraphQLError, context: GraphQLContext) -> GraphQLError:
    if isinstance(error, _Presented):
        return error
    shown = presented(error, context.correlation_id, suggestions=not context.options.production)
    return _Presented(
        shown["message"],
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        original_error=error.original_error,
        extensions=shown.get("extensions"),
    )


class _Presented(GraphQLError):
    """An error that has been made fit for clients."""
