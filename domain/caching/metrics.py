"""What Prometheus is told of the cache."""

from prometheus_client import CollectorRegistry, Counter

from domain.caching.model import Lookup


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

    def count(self, lookup: Lookup) -> None:
        """Count what came of one question."""
        self._lookups.labels(lookup.cache, lookup.outcome, lookup.bypass or "").inc()
        if lookup.collapsed:
            self._collapsed.labels(lookup.cache).inc()
