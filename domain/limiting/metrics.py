"""What Prometheus is told of rate limits."""

from prometheus_client import CollectorRegistry, Counter


class LimitMetrics:
    """Counters of one process.

    Args:
        registry: where they appear; one registry holds one set.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.refused = Counter(
            "personalization_rate_limited",
            "Calls that were refused because their caller had made too many, by operation.",
            ["operation"],
            registry=registry,
        )
        self.unsettled = Counter(
            "personalization_rate_limit_failures",
            "Times that Redis could not be told what was counted: until it can, each process limits by itself.",
            registry=registry,
        )
