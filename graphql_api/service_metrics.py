"""How this process is doing, live: for dashboards that have no Prometheus beside them."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import Annotated, Final, NamedTuple

import strawberry
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from domain.errors import Unavailable, ValidationFailed
from domain.ids import TenantId
from graphql_api.auth import Scope
from graphql_api.context import Info

FASTEST_SECONDS: Final = 1
SLOWEST_SECONDS: Final = 60


@strawberry.type(description="What one process of the service did since the last time, and how it stands.")
class ServiceMetrics:
    """A look at the counters."""

    at: datetime = strawberry.field(description="When they were looked at.")
    seconds: float = strawberry.field(description="How long ago they were looked at before; 0 the first time.")
    requests: int = strawberry.field(description="HTTP requests that were answered since then.")
    failed_requests: int = strawberry.field(description="Those of them that failed by a fault of the service (5xx).")
    mean_milliseconds: float | None = strawberry.field(description="Mean time of those requests; null without any.")
    operations: int = strawberry.field(description="GraphQL operations that ended since then.")
    failed_operations: int = strawberry.field(description="Those of them that ended with an error.")
    delivered_updates: int = strawberry.field(description="Live updates handed to listeners since then.")
    resyncs: int = strawberry.field(description="Times since then that a listener was told to fetch anew.")
    cache_hits: int = strawberry.field(description="Answers since then that were cached.")
    cache_misses: int = strawberry.field(description="Answers since then that were made anew.")
    open_sockets: int = strawberry.field(description="WebSockets that are open.")
    subscriptions: int = strawberry.field(description="Subscriptions to live updates.")
    queued_updates: int = strawberry.field(description="Updates that wait for slow listeners.")
    connected: bool = strawberry.field(description="Whether this process hears Redis; false until somebody listens.")
    waiting_events: int | None = strawberry.field(
        description="Events of the tenant that are stored and not yet learned from; null while the database is away."
    )
    oldest_waiting_at: datetime | None = strawberry.field(description="Since when the oldest of them waits.")


class _Counted(NamedTuple):
    """Totals since the process began."""

    requests: float
    failed_requests: float
    seconds: float
    timed: float
    operations: float
    failed_operations: float
    delivered: float
    resyncs: float
    hits: float
    misses: float

    def less(self, before: "_Counted") -> "_Counted":
        """What came since."""
        return _Counted(*(now - then for now, then in zip(self, before, strict=True)))


@strawberry.type
class ServiceMetricsSubscription:
    """Live figures of a process."""

    @strawberry.subscription(
        description="How the process that answers is doing, for all tenants together, and what waits of the tenant; "
        "now, and again every few seconds."
    )
    async def service_metrics(
        self,
        info: Info,
        every_seconds: Annotated[int, strawberry.argument(description="How often, 1 to 60 seconds.")] = 5,
    ) -> AsyncIterator[ServiceMetrics]:
        """The counters, again and again."""
        tenant = info.context.allow(Scope.MODELS_ADMIN)
        if not FASTEST_SECONDS <= every_seconds <= SLOWEST_SECONDS:
            raise ValidationFailed(f"must be within {FASTEST_SECONDS} to {SLOWEST_SECONDS}", field="everySeconds")
        clock = info.context.services.clock
        last, looked_at = None, clock.now()
        while True:
            counted, at = _count(_Samples(_registries(info))), clock.now()
            since = counted.less(last or counted)
            yield await _metrics(info, tenant, since, at, (at - looked_at).total_seconds() if last else 0.0)
            last, looked_at = counted, at
            await asyncio.sleep(every_seconds)


async def _metrics(info: Info, tenant: TenantId, since: _Counted, at: datetime, seconds: float) -> ServiceMetrics:
    now = _Samples(_registries(info))
    try:
        backlog = await info.context.services.behavior.backlog(tenant)
    except Unavailable:
        backlog = None
    return ServiceMetrics(
        at=at,
        seconds=seconds,
        requests=round(since.requests),
        failed_requests=round(since.failed_requests),
        mean_milliseconds=1000.0 * since.seconds / since.timed if since.timed else None,
        operations=round(since.operations),
        failed_operations=round(since.failed_operations),
        delivered_updates=round(since.delivered),
        resyncs=round(since.resyncs),
        cache_hits=round(since.hits),
        cache_misses=round(since.misses),
        open_sockets=round(now.sum("personalization_sockets_open")),
        subscriptions=round(now.sum("personalization_realtime_subscribers")),
        queued_updates=round(now.sum("personalization_realtime_queued")),
        connected=now.sum("personalization_realtime_connected") > 0,
        waiting_events=None if backlog is None else backlog.waiting,
        oldest_waiting_at=None if backlog is None else backlog.oldest_received_at,
    )


def _registries(info: Info) -> tuple[CollectorRegistry, CollectorRegistry]:
    return info.context.options.metrics, info.context.services.metrics


class _Samples:
    """Everything that is counted, at one moment."""

    def __init__(self, registries: Iterable[CollectorRegistry]) -> None:
        found: list[Metric] = [metric for registry in registries for metric in registry.collect()]
        self._samples = [sample for metric in found for sample in metric.samples]

    def sum(self, name: str, **labels: str) -> float:
        """The values under a name, summed; a label's value stands for all that begin with it."""
        return sum(
            sample.value
            for sample in self._samples
            if sample.name == name
            and all(sample.labels.get(label, "").startswith(value) for label, value in labels.items())
        )


def _count(samples: _Samples) -> _Counted:
    operations = samples.sum("personalization_graphql_operations_total")
    lookups = samples.sum("personalization_cache_lookups_total")
    hits = samples.sum("personalization_cache_lookups_total", outcome="hit")
    return _Counted(
        requests=samples.sum("personalization_http_requests_total"),
        failed_requests=samples.sum("personalization_http_requests_total", status="5"),
        seconds=samples.sum("personalization_http_request_seconds_sum"),
        timed=samples.sum("personalization_http_request_seconds_count"),
        operations=operations,
        failed_operations=operations - samples.sum("personalization_graphql_operations_total", outcome="OK"),
        delivered=samples.sum("personalization_realtime_delivered_total"),
        resyncs=samples.sum("personalization_realtime_resyncs_total"),
        hits=hits,
        misses=lookups - hits,
    )
