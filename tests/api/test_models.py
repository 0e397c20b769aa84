"""Choosing which model serves, from the doors that operators have: GraphQL, its subscription and the commands."""

import json
from dataclasses import dataclass
from typing import Any

import pytest

from domain.bootstrap import open_worker
from domain.models.model import ModelRecord
from domain.settings import Settings
from tests.api.command import personalization, variables_of
from tests.api.graphql_room import Graph, begun, caller, served
from tests.api.rest_room import RestRoom, token
from tests.storage.test_model_store import artifact

OLGA = "olga"
MODELS = "{ models { version status stored reasons verdict trainedFrom drift crownedAt } }"
CHANGES = "{ modelChanges { version replaced action actor reason changedAt } }"
PROBLEM = "... on Problem { code message field }"
PROMOTE = f"""mutation P($input: PromoteModelInput!) {{
  promoteModel(input: $input) {{ __typename ... on ModelVersion {{ version status }} {PROBLEM} }} }}"""
ROLL_BACK = f"""mutation R($input: RollbackModelInput) {{
  rollbackModel(input: $input) {{ __typename ... on ModelVersion {{ version status }} {PROBLEM} }} }}"""


@dataclass(frozen=True)
class Trained:
    """A tenant with two versions."""

    olga: Graph
    first: ModelRecord
    second: ModelRecord

    async def serving(self, room: RestRoom) -> str:
        """What a person's list is made with."""
        loaded = await room.services.models.refresh(room.tenant)
        assert loaded is not None
        return str(loaded.record.version)


@pytest.fixture
async def trained(room: RestRoom) -> Trained:
    async with open_worker(room.settings) as worker:
        records = [await worker.services.models.publish(room.tenant, artifact(number)) for number in (1.0, 2.0)]
    return Trained(caller(room.app, room.tenant, OLGA), *records)


async def test_an_operator_rolls_back_and_promotes(room: RestRoom, trained: Trained) -> None:
    assert await trained.serving(room) == trained.second.version
    back = await trained.olga.ask(ROLL_BACK, input={"reason": "clicks fell"})
    assert back == {"__typename": "ModelVersion", "version": trained.first.version, "status": "CHAMPION"}
    assert await trained.serving(room) == trained.first.version
    again = await trained.olga.ask(ROLL_BACK)
    assert (again["__typename"], again["code"]) == ("ConflictProblem", "CONFLICT")
    forth = await trained.olga.ask(PROMOTE, input={"version": trained.second.version, "reason": "it was the weather"})
    assert forth["version"] == trained.second.version == await trained.serving(room)
    changes = await trained.olga.ask(CHANGES)
    [logged, *_] = (await trained.olga.ask("{ auditLog(first: 1) { entries { action actor } } }"))["entries"]
    assert logged["action"] == "promoteModel"
    olga = logged["actor"]
    assert [(change["action"], change["version"], change["actor"], change["reason"]) for change in changes] == [
        ("PROMOTED", trained.second.version, olga, "it was the weather"),
        ("ROLLED_BACK", trained.first.version, olga, "clicks fell"),
        ("PUBLISHED", trained.second.version, "training", ""),
        ("PUBLISHED", trained.first.version, "training", ""),
    ]
    assert [(model["version"], model["status"]) for model in await trained.olga.ask(MODELS)] == [
        (trained.second.version, "CHAMPION"),
        (trained.first.version, "RETIRED"),
    ]


@pytest.mark.parametrize(
    ("query", "given", "code"),
    [
        (PROMOTE, {"version": "20260101T000000.000Z-00000000"}, "NOT_FOUND"),
        (PROMOTE, {"version": "", "reason": "x"}, "NOT_FOUND"),
        (ROLL_BACK, {"expected": "20260101T000000.000Z-00000000"}, "CONFLICT"),
        (ROLL_BACK, {"reason": "x" * 501}, "VALIDATION"),
    ],
)
async def test_what_cannot_be_done_is_said_and_changes_nothing(
    query: str, given: dict[str, Any], code: str, room: RestRoom, trained: Trained
) -> None:
    assert (await trained.olga.ask(query, input=given))["code"] == code
    assert await trained.serving(room) == trained.second.version
    assert len(await trained.olga.ask(CHANGES)) == 2


async def test_listeners_are_told_of_a_rollback(room: RestRoom, trained: Trained) -> None:
    async with (
        served(room.app) as address,
        begun(address, f"Bearer {token(room.tenant, OLGA)}") as listening,
    ):
        await listening.subscribe("subscription { modelUpdates { version } }")
        assert await listening.next() == {"version": trained.second.version}
        await trained.olga.ask(ROLL_BACK)
        assert await listening.next() == {"version": trained.first.version}


def commanded(settings: Settings, *arguments: str) -> dict[str, Any]:
    """What a command of an installation on the tests' servers answers; `failed` if it did."""
    ran = personalization("models", *arguments, "--json", **variables_of(settings))
    return {"failed": ran.stderr} if ran.returncode else dict(json.loads(ran.stdout))


async def test_the_commands_do_the_same(room: RestRoom, trained: Trained) -> None:
    def command(*arguments: str) -> dict[str, Any]:
        return commanded(room.settings, *arguments, "--tenant", room.tenant)

    assert command("rollback", "--reason", "clicks fell")["version"] == trained.first.version
    assert "CONFLICT" in command("rollback")["failed"]
    assert await trained.serving(room) == trained.first.version
    assert command("promote", trained.second.version)["status"] == "champion"
    assert [model["status"] for model in command("list")["models"]] == ["champion", "retired"]
    shown = command("show", trained.second.version)
    assert [change["action"] for change in shown["changes"]] == ["promoted", "rolled_back", "published"]
    assert shown["changes"][1]["reason"] == "clicks fell"
    assert "NOT_FOUND" in command("show", "none")["failed"]


@pytest.mark.parametrize("command", ["list", "show", "promote", "rollback"])
def test_every_command_shows_an_example(command: str) -> None:
    said = personalization("models", command, "--help")
    assert said.returncode == 0
    assert f"personalization models {command}" in said.stdout.partition("Example")[2]
