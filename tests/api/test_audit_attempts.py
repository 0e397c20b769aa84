"""An act is noted before it is done: without that it is not done, and one that was cut short is seen."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from domain.ids import UserId
from graphql_api.auth import Scope
from graphql_api.noting import ORDINARY
from tests.api.attack_room import Door, doors
from tests.api.command import ROOT, environment, personalization
from tests.api.graphql_room import CONSENT, Graph, begun, caller, consent, served
from tests.api.rest_room import RestRoom, token
from tests.api.test_audit_log import variables

ANNA = "anna@example.com"
WITHDRAWN = {"granted": False, "policyVersion": "2026-01"}


@asynccontextmanager
async def refusing(owner_url: str, tenant: str, entries: str) -> AsyncIterator[None]:
    """A database that takes no entry of a tenant for which `entries` is true."""
    owner = await asyncpg.connect(owner_url)
    try:
        await owner.execute(
            f"CREATE TRIGGER refused BEFORE INSERT ON audit_log FOR EACH ROW WHEN (NEW.tenant_id = '{tenant}' "
            f"AND {entries}) EXECUTE FUNCTION refuse_audit_change()"
        )
        yield
    finally:
        await owner.execute("DROP TRIGGER refused ON audit_log")
        await owner.close()


async def told(room: RestRoom) -> list[tuple[int, str, str, int | None]]:
    """Number, action, outcome and what it concludes of every entry, the oldest first."""
    page = await room.services.audit.page(room.tenant, first=100)
    assert page.intact
    found = [(entry.number, entry.act.action, entry.act.outcome, entry.act.concludes) for entry in page.entries]
    return found[::-1]


async def collects(room: RestRoom) -> bool:
    return (await room.services.privacy.settings(room.tenant, UserId(ANNA))).collects


async def test_an_attempt_stands_before_its_outcome_at_every_door(room: RestRoom) -> None:
    anna = caller(room.app, room.tenant, ANNA)
    await anna.ask(CONSENT, input=consent(ANNA, granted=True))
    async with served(room.app) as address, begun(address, f"Bearer {token(room.tenant, ANNA)}") as opened:
        await opened.subscribe(CONSENT, input=consent(ANNA, granted=False))
        await opened.next()
    async with room.caller("bert") as bert:
        assert (await bert.post("/privacy", json={"userId": ANNA, "consent": WITHDRAWN})).status_code == 404
    assert await told(room) == [
        (1, "recordConsent", "ATTEMPTED", None),
        (2, "recordConsent", "OK", 1),
        (3, "recordConsent", "ATTEMPTED", None),
        (4, "recordConsent", "OK", 3),
        (5, "recordConsent", "ATTEMPTED", None),
        (6, "recordConsent", "NOT_FOUND", 5),
    ]
    assert (await room.services.audit.verify(room.tenant)).unfinished == ()


async def test_each_name_of_a_field_is_an_act_of_its_own(room: RestRoom) -> None:
    anna = caller(room.app, room.tenant, ANNA)
    field = "recordConsent(input: $input) { __typename }"
    document = f"mutation M($input: RecordConsentInput!) {{ a: {field} b: {field} }}"
    await anna.whole(document, input=consent(ANNA, granted=True))
    assert [concludes for *_, concludes in await told(room)] == [None, 1, None, 3]


async def test_what_cannot_be_noted_is_not_done(room: RestRoom, owner_url: str) -> None:
    await room.agree(ANNA)
    anna = caller(room.app, room.tenant, ANNA)
    async with refusing(owner_url, room.tenant, "true"), served(room.app) as address:
        answer = await anna.ask(CONSENT, input=consent(ANNA, granted=False))
        assert (answer["__typename"], answer["code"]) == ("UnavailableProblem", "UNAVAILABLE")
        async with begun(address, f"Bearer {token(room.tenant, ANNA)}") as opened:
            await opened.subscribe(CONSENT, input=consent(ANNA, granted=False))
            assert (await opened.next())["code"] == "UNAVAILABLE"
        async with room.caller(ANNA) as client:
            refused = await client.post("/privacy", json={"userId": ANNA, "consent": WITHDRAWN})
        assert (refused.status_code, refused.json()["code"]) == (503, "UNAVAILABLE")
        assert int(refused.headers["retry-after"]) > 0
        ran = await asyncio.to_thread(
            personalization, "privacy", "erase", ANNA, "--tenant", room.tenant, "--yes", **variables(room)
        )
        assert (ran.returncode, ran.stderr.rpartition("UNAVAILABLE: ")[2]) == (1, "the audit log cannot be written\n")
        issued = await asyncio.to_thread(
            personalization, "token", "--tenant", room.tenant, "--user", "x", "--scopes", "act_as", **variables(room)
        )
        assert (issued.returncode, issued.stdout) == (1, "")
    assert await collects(room)
    assert await told(room) == []


@pytest.mark.parametrize("door", [d for d in doors() if d.kind == "mutation"], ids=lambda door: door.name)
async def test_every_mutation_that_is_not_ordinary_is_noted_first(door: Door, room: RestRoom, owner_url: str) -> None:
    operator = caller(room.app, room.tenant, "olga", Scope)
    async with refusing(owner_url, room.tenant, "true"):
        answer = (await operator.post({"query": door.document, "variables": door.variables})).json()
    assert ("UnavailableProblem" in str(answer)) == (door.name not in ORDINARY), answer
    assert await told(room) == []


async def test_an_outcome_that_is_lost_leaves_the_attempt_to_be_seen(room: RestRoom, owner_url: str) -> None:
    anna = caller(room.app, room.tenant, ANNA)
    async with refusing(owner_url, room.tenant, "NEW.concludes IS NOT NULL"):
        assert (await anna.ask(CONSENT, input=consent(ANNA, granted=True)))["collects"]
    assert await told(room) == [(1, "recordConsent", "ATTEMPTED", None)]
    await anna.ask(CONSENT, input=consent(ANNA, granted=True))
    checked = await asyncio.to_thread(personalization, "audit-log", "--tenant", room.tenant, **variables(room))
    assert (checked.returncode, "entry 1 is an attempt without an outcome" in checked.stdout) == (0, True)


def killed(room: RestRoom, door: str, moment: str) -> int:
    command = [sys.executable, "-m", "tests.api.dying_act", room.tenant, ANNA, door, moment]
    ran = subprocess.run(
        command, cwd=ROOT, env=environment(**variables(room)), check=False, timeout=60, capture_output=True
    )
    return ran.returncode


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("door", ["graphql", "rest", "command"])
async def test_an_act_whose_process_is_killed_has_no_outcome(door: str, moment: str, room: RestRoom) -> None:
    await room.agree(ANNA)
    assert await asyncio.to_thread(killed, room, door, moment) == -signal.SIGKILL
    [(number, _, outcome, _)] = await told(room)
    assert (number, outcome) == (1, "ATTEMPTED")
    assert await collects(room) == (moment == "before")
    assert (await room.services.audit.verify(room.tenant)).unfinished == (1,)


async def test_a_caller_without_a_token_leaves_no_entry(room: RestRoom) -> None:
    assert await Graph(room.app, None).code(CONSENT, input=consent(ANNA, granted=True)) == "UNAUTHENTICATED"
    assert await told(room) == []
