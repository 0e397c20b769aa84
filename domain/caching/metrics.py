"""What Prometheus is told of the cache."""

from prometheus_client import CollectorRegistry, Counter

from domain.caching.model import Bypass, CacheName, Lookup, Outcome


class CacheMetrics:
    """Counters of one process.

    Args:
        registry: where they appear; one registry holds one set.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lookups = Counter(
            "personalization_cache_lookups",
            "Questions by what came of looking for a kept answer, and why none was looked for.",
            ["cache", "outcome", "bypass"],
            registry=registry,
        )
        self._collapsed = Counter(
            "personalization_cache_collapsed",
            "Questions answered together with the same question of another caller.",
            ["cache"],
            registry=registry,
        )
        # Looking a child up by its labels costs more than counting.
        self._known: dict[tuple[CacheName, Outcome, Bypass | None], Counter] = {}

    def count(self, lookup: Lookup) -> None:
        """Count what came of one question."""
        kind = (lookup.cache, lookup.outcome, lookup.bypass)
        counter = self._known.get(kind)
        if counter is None:
            counter = self._known[kind] = self._lookups.labels(lookup.cache, lookup.outcome, lookup.bypass or "")
        counter.inc()
        if lookup.collapsed:
            self._collapsed.labels(lookup.cache).inc()
