"""What runs, as people are assigned by it: all of it, however much is paused beside it; what conditions look at; and
whom a failure keeps from being counted."""

from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import pytest

from domain.clock import FixedClock
from domain.errors import Unavailable
from domain.experiments.model import Policy, Status, Test, TestId
from domain.experiments.plan import ExperimentPlan
from domain.experiments.service import ExperimentService
from domain.exposures.traits import AccountTraits
from domain.ids import TenantId
from domain.outcomes.service import OutcomeService
from domain.privacy.model import Subject
from workers import main
from workers.experiments import ExperimentWatch

AT = datetime(2026, 3, 1, tzinfo=UTC)
TENANT = TenantId("studio")


def experiment(key: str, status: Status) -> Test:
    written = {
        "key": key,
        "variations": [{"key": "control"}, {"key": "green"}],
        "metrics": [{"key": "did", "kind": "proportion", "source": {"goals": [f"goal.{key}"]}}],
    }
    policy = Policy(1, 0, "seed", (0.5, 0.5), 1.0, AT)
    return Test(TENANT, TestId(UUID(int=0)), status, ExperimentPlan.model_validate(written), AT, policy, AT)


class Kept:
    """Experiments by key, told a part at a time."""

    def __init__(self, found: Sequence[Test]) -> None:
        self._found = sorted(found, key=lambda test: test.key)

    async def version(self, _tenant: TenantId) -> int:
        return 1

    async def tests(
        self, _tenant: TenantId, statuses: Sequence[Status], _after: str | None, limit: int
    ) -> Sequence[Test]:
        return [test for test in self._found if test.status in statuses][:limit]


async def test_what_runs_is_not_cut_off_by_what_is_paused() -> None:
    paused = [experiment(f"paused{number}", Status.PAUSED) for number in range(250)]
    store = cast("Any", Kept([*paused, experiment("running", Status.RUNNING)]))
    book = await ExperimentService(store, FixedClock(AT), {}).current(TENANT)
    assert [test.key for test in book.tests] == ["running"]
    assert len(book.goals) == 251


@pytest.mark.parametrize("segment", [None, 2])
async def test_an_attribute_of_the_account_is_no_segment(segment: int | None) -> None:
    said = {"attributes": {"segment": 7, "plan": "pro"}, "roles": ["editor"]}
    subject = cast("Subject", SimpleNamespace(tenant=TENANT, subject_id="s", uses_stated=True, personalizes=True))
    key = SimpleNamespace(open_json=lambda *_: said)

    async def described(*_: object) -> tuple[int | None, bytes]:
        return segment, b"sealed"

    async def keys_for(*_: object) -> dict[str, Any]:
        return {"s": key}

    traits = AccountTraits(
        cast("Any", SimpleNamespace(described=described)), cast("Any", SimpleNamespace(keys_for=keys_for))
    )
    found = await traits.traits(subject)
    assert found.get("segment") == segment
    assert (found["plan"], found["roles"]) == ("pro", ["editor"])


@pytest.mark.parametrize("failure", [ValueError("a defect"), Unavailable("away")])
async def test_what_fails_for_one_tenant_keeps_it_from_no_other(failure: Exception) -> None:
    judged: list[str] = []

    async def tenants() -> list[TenantId]:
        return [TenantId("broken"), TENANT]

    async def count(tenant: TenantId) -> int:
        if tenant == "broken":
            raise failure
        return 0

    async def evaluate_due(tenant: TenantId) -> int:
        judged.append(tenant)
        return 0

    outcomes = cast("OutcomeService", SimpleNamespace(count=count, evaluate_due=evaluate_due))
    await ExperimentWatch(outcomes, cast("Any", SimpleNamespace(tenants=tenants))).look()
    assert judged == [TENANT]


async def test_generations_are_counted_where_another_tenant_fails() -> None:
    counted: list[str] = []

    async def tenants() -> list[TenantId]:
        return [TenantId("broken"), TENANT]

    async def count(tenant: TenantId) -> int:
        if tenant == "broken":
            raise Unavailable("away")
        counted.append(tenant)
        return 1

    services = SimpleNamespace(job_store=SimpleNamespace(tenants=tenants))
    await main.count_generations({"parts": SimpleNamespace(services=services, census=SimpleNamespace(count=count))})
    assert counted == [TENANT]
