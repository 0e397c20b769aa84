"""What a diagnosis makes of facts that no test can plant in a server it shares."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.diagnosis import recommending, serving, testing
from domain.diagnosis.model import Connections, Learned, RedisCondition, Switches, Trial, Verdict
from domain.experiments.model import Status, Test, TestId
from domain.experiments.plan import parse_plan
from domain.ids import ModelVersion, TenantId
from domain.models.model import ModelRecord, ModelStatus
from domain.outcomes.model import Evaluation

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
SWITCHES = Switches(machine_learning=True, experiments=True, cache_ttl=3600, pool_size=10, collects_by_default=False)
ROOMY = RedisCondition(version="7.2.4", used=50 * 2**20, allowed=256 * 2**20, policy="volatile-lru", persists=False)


def record(version: str, status: ModelStatus, reasons: list[str] | None = None) -> ModelRecord:
    return ModelRecord(
        tenant=TenantId("demo"), name="recommendations", version=ModelVersion(version), algorithm="als", status=status,
        sha256="", size_bytes=1, metrics={}, trained_at=NOW - timedelta(hours=1), verdict={"reasons": reasons or []},
    )  # fmt: skip


def trial(alarms: list[str]) -> Trial:
    plan = parse_plan(
        {
            "key": "buttons",
            "variations": [{"key": "control"}, {"key": "green"}],
            "metrics": [{"key": "signup", "kind": "proportion", "source": {"goals": ["signup"]}}],
        },
        {},
    )
    test = Test(TenantId("demo"), TestId(UUID(int=1)), Status.RUNNING, plan, NOW, started_at=NOW)
    phases = [{"phase": 1, "units": [400, 100], "alarms": alarms}]
    return Trial(test, Evaluation(NOW, "2", {}, {"phases": phases}))


def test_a_newer_version_that_was_kept_out_is_told_with_its_reasons() -> None:
    champion = record("1", ModelStatus.CHAMPION)
    newest = record("2", ModelStatus.REJECTED, ["worse than the champion"])
    found = recommending.models(Learned(newest, champion, servable=True, failure=None), SWITCHES, NOW)
    assert (found.verdict, found.found) == (
        Verdict.DOUBTFUL,
        "version 1 serves; the newer 2 was kept out: worse than the champion",
    )


def test_arms_of_wrong_sizes_are_told() -> None:
    assert testing.results([trial([])], NOW).verdict is Verdict.FINE
    told = testing.results([trial(["phase 1: the arms do not have the sizes that they should"])], NOW)
    assert (told.verdict, told.found.startswith("buttons: phase 1: the arms")) == (Verdict.WRONG, True)


@pytest.mark.parametrize(("connections", "verdict"), [(180, Verdict.FINE), (181, Verdict.WRONG)])
def test_a_crowded_database_is_told(connections: int, verdict: Verdict) -> None:
    assert serving.pool(Connections(connections, 200), SWITCHES).verdict is verdict


@pytest.mark.parametrize(
    ("condition", "verdict", "remedy"),
    [
        (ROOMY, Verdict.FINE, ""),
        (replace(ROOMY, persists=None), Verdict.FINE, ""),
        (replace(ROOMY, version="6.2.1"), Verdict.WRONG, "update it"),
        (replace(ROOMY, used=250 * 2**20), Verdict.DOUBTFUL, "raise maxmemory"),
        (replace(ROOMY, allowed=0), Verdict.DOUBTFUL, "set maxmemory"),
        (None, Verdict.WRONG, "PERSONALIZATION_REDIS_URL"),
    ],
)
def test_how_redis_should_be(condition: RedisCondition | None, verdict: Verdict, remedy: str) -> None:
    found = serving.redis(condition)
    assert (found.verdict, remedy in found.remedy) == (verdict, True)
