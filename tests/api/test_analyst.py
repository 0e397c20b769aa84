"""The analyst's login from outside: the command prints it, and the guide's queries answer with sums."""

import asyncio
import json
import re
from datetime import timedelta
from pathlib import Path

import asyncpg

from domain.ids import TenantId, UserId
from tests.api.command import personalization
from tests.api.rest_room import RestRoom
from tests.conftest import TEST_SECRET

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", GUIDE, re.DOTALL)
PEOPLE = 6


async def test_the_guides_queries_answer_with_sums(room: RestRoom, owner_url: str) -> None:
    variables = {"PERSONALIZATION_DATABASE_URL": owner_url, "PERSONALIZATION_SECRET": TEST_SECRET}
    asked = ("analyst", "--tenant", room.tenant)
    ran = await asyncio.to_thread(personalization, *asked, "--json", **variables)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert (told["role"], told["tenant"]) == ("personalization_analyst", room.tenant)
    await _acted(room)
    analyst = await asyncpg.connect(told["url"])
    try:
        activity, lists, items = [[tuple(row) for row in await analyst.fetch(query)] for query in QUERIES]
        assert {(type_, people, events) for _, type_, people, events in activity} >= {("template_used", 5, 5)}
        assert lists == []
        assert items == [("Modern", 5)]
    finally:
        await analyst.close()


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
