"""An older copy of the database's folder is put back: the service comes up without whoever was erased since."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.receipts.signing import verified
from tests.api.byte_search import files_with, forms
from tests.api.canary_filling import CANARY
from tests.api.canary_words import VISITOR
from tests.api.command import ROOT, Up, running
from tests.api.scrub_room import catalogued, done, idle, rows, short_folder, visiting

WHOLE = """query P($user: String!) { privacySettings(userId: $user) { privacyLevel collects receipts { source } }
  users(userIds: [$user]) { userId attributes } metrics(userId: $user) { usedData { categories } }
  recommendations(userId: $user) { personalized usedData { categories } } }"""
UNKNOWN = {
    "privacySettings": {"privacyLevel": "STRICT", "collects": False, "receipts": []},
    "users": [],
    "metrics": {"usedData": {"categories": []}},
    "recommendations": {"personalized": False, "usedData": {"categories": []}},
}
FOUND = """
    SELECT subject_id::text FROM subjects WHERE erased_at IS NULL
    UNION ALL SELECT subject_id::text FROM vault.data_keys
    UNION ALL SELECT subject_id::text FROM subject_identities
    UNION ALL SELECT subject_id::text FROM user_behavior_events"""


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A short, empty data folder, named as in the guide, that every user may pass."""
    with short_folder("restored-") as made:
        yield made / ".data"


async def lived(up: Up) -> None:
    """Do everything that a person can."""
    async with visiting(up) as visit:
        await asyncio.to_thread(catalogued, up.data_dir, up.data_dir.parent)
        await visit.prepared()
        await visit.through_everything(lambda: idle(up.data_dir))


async def told(up: Up, user: str) -> tuple[Any, int]:
    """What the service tells of a person by GraphQL, and the status of their profile by REST."""
    async with visiting(up) as visit:
        headers = visit.headers(user)
        graph = await visit.http.post("/graphql", json={"query": WHOLE, "variables": {"user": user}}, headers=headers)
        rest = await visit.http.get(f"/api/personalization/profile/{user}", headers=headers)
    return graph.json().get("data"), rest.status_code


def commands(guide: str, heading: str) -> list[str]:
    """The commands of a section of the guide, block by block."""
    section = guide.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return [block.partition("```")[0] for block in section.split("```sh\n")[1:]]


def follow(block: str, folder: Path) -> None:
    """Run what the guide says, as it stands there."""
    subprocess.run(["/bin/sh", "-ec", block], cwd=folder, check=True)


@pytest.mark.drill
def test_an_older_copy_of_the_folder_comes_up_without_whoever_was_erased(data_dir: Path) -> None:
    guide = (ROOT / "docs" / "operations.md").read_text()
    copy, restore, scrub = commands(guide, "Backups of the database")
    with running(data_dir, "--empty") as up:
        asyncio.run(lived(up))
        assert asyncio.run(told(up, CANARY))[1] == 200
    follow(copy, data_dir.parent)
    with running(data_dir, "--empty") as up:
        done("privacy", "erase", CANARY, "--yes", data_dir=data_dir)
        assert asyncio.run(told(up, CANARY)) == (UNKNOWN, 404)
    follow(restore, data_dir.parent)
    with running(data_dir, "--empty", PERSONALIZATION_DEBUG="true") as up:
        assert [asyncio.run(told(up, user)) for user in (CANARY, VISITOR)] == [(UNKNOWN, 404)] * 2
        assert "erased_again" in up.said()
        assert asyncio.run(rows(data_dir, FOUND)) == []
        assert scrub.split() == ["personalization", "privacy", "scrub"]
        done("privacy", "scrub", data_dir=data_dir)
        lines = asyncio.run(rows(data_dir, "SELECT document FROM privacy_receipts ORDER BY number"))
    reached = verified(lines[0].encode() + b"\n")["reached"]
    backups = [(entry["level"], "until" in entry) for entry in reached if entry["store"] == "backups"]
    assert backups == [("cryptographic", False), ("pending", True)]
    assert files_with(data_dir, forms()) == set()
