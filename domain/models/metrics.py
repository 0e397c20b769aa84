"""What Prometheus is told of models: which version serves, how good it was, how far its input has moved."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from domain.models.model import ModelRecord


class ModelMetrics:
    """Counters and gauges of one process, by tenant.

    Args:
        registry: where they appear; one registry holds one set.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.trained_at = Gauge(
            "personalization_model_trained_timestamp_seconds",
            "When the serving model was trained.",
            ["tenant"],
            registry=registry,
        )
        self.accuracy = Gauge(
            "personalization_model_accuracy",
            "What the serving model reached on the hold-out of its training.",
            ["tenant", "metric"],
            registry=registry,
        )
        self.drift = Gauge(
            "personalization_model_drift",
            "Population stability index of the serving model's input and scores against its training.",
            ["tenant", "distribution"],
            registry=registry,
        )
        self.failed_checks = Counter(
            "personalization_model_failed_checks",
            "Model versions that were not served because signature, checksum or layout were wrong.",
            ["tenant"],
            registry=registry,
        )

    def serving(self, record: ModelRecord) -> None:
        """Say what serves."""
        self.trained_at.labels(record.tenant).set(record.trained_at.timestamp())
        for metric, value in record.metrics.items():
            self.accuracy.labels(record.tenant, metric).set(value)
        for name, measured in record.drift.get("distributions", {}).items():
            self.drift.labels(record.tenant, name).set(measured["psi"])
