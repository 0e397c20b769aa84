"""The analyst's login from outside: the command prints it, and the guide's queries answer with sums."""

import asyncio
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from domain.ids import TenantId, UserId
from tests.api.command import personalization
from tests.api.rest_room import RestRoom
from tests.api.test_audit_log import variables

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", GUIDE, re.DOTALL)
PEOPLE = 6


async def test_the_guides_queries_answer_with_sums(room: RestRoom) -> None:
    told = await _asked(room)
    assert told["tenant"] == room.tenant
    await _acted(room)
    analyst = await asyncpg.connect(told["url"])
    try:
        activity, lists, items = [[tuple(row) for row in await analyst.fetch(query)] for query in QUERIES]
        assert {(type_, people, events) for _, type_, people, events in activity} >= {("template_used", 5, 5)}
        assert lists == []
        assert items == [("Modern", 5)]
        assert [await _asked(room, "--revoke") for _ in range(2)] == [
            {"tenant": room.tenant, "revoked": True},
            {"tenant": room.tenant, "revoked": False},
        ]
        with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError)):
            await asyncpg.connect(told["url"])
    finally:
        await analyst.close()
    noted = {entry.act.action for entry in (await room.services.audit.page(room.tenant, first=10)).entries}
    assert noted == {"giveAnalystLogin", "revokeAnalystLogin"}


async def _asked(room: RestRoom, *options: str) -> dict[str, Any]:
    """What the command says in JSON."""
    asked = ("analyst", "--tenant", room.tenant, "--json", *options)
    ran = await asyncio.to_thread(personalization, *asked, **variables(room))
    assert ran.returncode == 0, ran.stderr
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


async def _acted(room: RestRoom) -> None:
    """Some people who used a template two weeks ago."""
    long_ago = (room.services.clock.now() - timedelta(days=15)).isoformat()
    for number in range(PEOPLE):
        user = f"user-{number}"
        await room.agree(user)
        async with room.caller(user) as caller:
            action = {"type": "template_used", "feature": "modern_template", "occurredAt": long_ago}
            answer = await caller.post(
                "/learn-preferences", json={"userId": user, "behaviorData": {"actions": [action]}}
            )
            assert answer.status_code == 200, answer.text
    assert await room.services.directory.resolve(room.tenant, UserId("user-0")) is not None


async def test_without_a_running_database_the_command_says_what_to_do(tmp_path: Path) -> None:
    asked = ("analyst", "--tenant", TenantId("demo"), "--data-dir", str(tmp_path / "none"))
    ran = await asyncio.to_thread(personalization, *asked)
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("UNAVAILABLE: No database runs on this data folder; start it with: personalization up")
