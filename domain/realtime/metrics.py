"""What the bus counts, so that a fault of live updates is seen before a person reports it."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class RealtimeMetrics:
    """Counters and gauges of one process.

    Args:
        registry: where they appear; one registry holds one set.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.published = Counter(
            "personalization_realtime_published", "Updates handed to Redis by this process.", registry=registry
        )
        self.publish_failures = Counter(
            "personalization_realtime_publish_failures",
            "Publications that left updates in the outbox for the sweep.",
            registry=registry,
        )
        self.swept = Counter(
            "personalization_realtime_swept", "Updates that only the sweep published.", registry=registry
        )
        self.received = Counter(
            "personalization_realtime_received", "Updates that arrived live at this process.", registry=registry
        )
        self.delivered = Counter(
            "personalization_realtime_delivered", "Updates handed to a subscriber.", registry=registry
        )
        self.replayed = Counter(
            "personalization_realtime_replayed", "Updates read back from the replay window.", registry=registry
        )
        self.conflated = Counter(
            "personalization_realtime_conflated", "Waiting updates left out for a later one.", registry=registry
        )
        self.resyncs = Counter(
            "personalization_realtime_resyncs",
            "Times a subscriber was told to fetch anew.",
            ["reason"],
            registry=registry,
        )
        self.link_failures = Counter(
            "personalization_realtime_link_failures", "Times the connection to Redis broke.", registry=registry
        )
        self.connected = Gauge(
            "personalization_realtime_connected", "1 while this process hears Redis.", registry=registry
        )
        self.subscribers = Gauge("personalization_realtime_subscribers", "Open subscriptions.", registry=registry)
        self.queued = Gauge(
            "personalization_realtime_queued", "Updates waiting for their subscribers.", registry=registry
        )
