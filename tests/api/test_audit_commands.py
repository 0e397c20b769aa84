"""Every command that changes something, or reads what is kept of a person, is noted: derived from the commands."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import click
import jwt
import pytest

from cli.main import main
from domain.bootstrap import open_worker
from domain.ids import TenantId
from tests.api.command import personalization
from tests.api.rest_room import JWT_SECRET, RestRoom, application, settings_of
from tests.api.test_audit_log import variables
from tests.conftest import TEST_SECRET, copied_database
from tests.storage.test_model_store import artifact

ANNA = "anna"
NOTED: dict[str, tuple[tuple[str, ...], str, str]] = {
    "import": (("--format", "csv", "--items", "$items"), "import", "OK"),
    "token": (("--user", ANNA, "--scopes", "profile:read act_as", "--ttl", "60"), "issueToken", "OK"),
    "analyst": (("--json",), "giveAnalystLogin", "OK"),
    "models promote": (("$first",), "promoteModel", "OK"),
    "models rollback": ((), "rollbackModel", "OK"),
    # Nobody has done anything, so there is nothing to train on.
    "train": ((), "retrainModels", "VALIDATION"),
    "quarantine replay": ((), "replayQuarantine", "OK"),
    "keys rotate": ((), "rotateKeys", "OK"),
    "privacy export": ((ANNA, "--out", "$out"), "requestExport", "OK"),
    "privacy retention": ((), "runRetention", "OK"),
    "privacy scrub": ((), "scrub", "OK"),
    "privacy erase": ((ANNA, "--yes"), "requestErasure", "OK"),
}
"""Command -> its arguments, what it is noted as, and its outcome here."""

EVERYWHERE = {"keys rotate", "privacy scrub"}
"""Commands about all tenants."""

ELSEWHERE = {"up": "notes the loading of its demo and its token; test_up.py runs it"}

HARMLESS = {
    "api": "a process whose doors note what is done through them",
    "worker": "a process; what it works on was noted when it was asked for",
    "migrate": "has no tenant, and makes the table that it would be noted in; the database keeps which migrations ran",
    "evaluate": "works without a database",
    "assign": "works without a database",
    "analyze": "works without a database",
    "simulate experiments": "works without a database",
    "keys new": "prints a key that nothing uses yet",
    "doctor": "reads states, and sums of many",
    "quarantine list": "reads ids of events and names of errors",
    "models list": "reads of models, which hold nobody",
    "models show": "reads of models, which hold nobody",
    "privacy map": "reads declarations",
    "privacy receipt": "reads a receipt, which names nobody",
    "privacy verify-receipt": "works without a database",
    "verify-receipt": "works without a database",
    "audit-log": "reads pseudonyms",
    "schema": "works without a database",
    "documents build": "works without a database",
    "documents check": "works without a database",
}


def commands(command: click.Command, name: str = "") -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield name.strip()
        return
    context = click.Context(command)
    for part in command.list_commands(context):
        found = command.get_command(context, part)
        assert found is not None
        yield from commands(found, f"{name} {part}")


def test_every_command_is_noted_or_harmless() -> None:
    assert set(commands(main)) == {*NOTED, *ELSEWHERE, *HARMLESS}


@pytest.fixture(scope="module")
def own_url() -> Iterator[str]:
    """A database of its own: two of the commands are about all tenants."""
    with copied_database() as url:
        yield url


@pytest.fixture(scope="module")
async def commanded_app(
    own_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RestRoom]:
    """An application with keys of its own."""
    settings = settings_of(own_url, redis_url, tmp_path_factory.mktemp("commanded"), TEST_SECRET)
    async with application(settings) as app:
        yield RestRoom(app, settings, TenantId("commanded"))


@pytest.fixture
async def commanded(commanded_app: RestRoom, request: pytest.FixtureRequest) -> RestRoom:
    """A tenant of the test's own with one person."""
    tenant = TenantId("c-" + request.node.callspec.params["command"].replace(" ", "-"))
    room = RestRoom(commanded_app.app, commanded_app.settings, tenant)
    await room.services.catalog.ensure_tenant(tenant, tenant)
    await room.agree(ANNA)
    return room


async def filled(room: RestRoom, arguments: tuple[str, ...], folder: Path) -> list[str]:
    """The arguments, with a file of items, a model's version and a place to write to."""
    (folder / "items.csv").write_text("item_id,title,kind\nautumn,Autumn,TEMPLATE\n")
    first = ""
    if "$first" in arguments or not arguments:
        async with open_worker(room.settings) as worker:
            versions = [(await worker.services.models.publish(room.tenant, artifact(n))).version for n in (1.0, 2.0)]
        first = versions[0]
    places = {"$items": str(folder / "items.csv"), "$out": str(folder / "anna.zip"), "$first": first}
    return [places.get(argument, argument) for argument in arguments]


@pytest.mark.parametrize("command", NOTED)
async def test_a_command_is_noted_before_and_after(command: str, commanded: RestRoom, tmp_path: Path) -> None:
    room, (arguments, action, outcome) = commanded, NOTED[command]
    given = await filled(room, arguments, tmp_path) if command != "train" else []
    whose = [] if command in EVERYWHERE else ["--tenant", room.tenant]
    ran = await asyncio.to_thread(personalization, *command.split(), *given, *whose, **variables(room))
    assert (ran.returncode == 0) == (outcome == "OK"), ran.stderr
    page = await room.services.audit.page(room.tenant, first=10)
    assert page.intact
    assert [(e.act.action, e.act.door, e.act.outcome) for e in page.entries] == [
        (action, "command", outcome),
        (action, "command", "ATTEMPTED"),
    ]
    about = None if ANNA not in arguments else room.services.audit.pseudonym(room.tenant, ANNA)
    assert {e.act.subject for e in page.entries} == {about}
    if command == "token":
        claims = jwt.decode(ran.stdout.strip(), JWT_SECRET, algorithms=["HS256"], audience="personalization")
        assert (claims["tenant"], claims["sub"], claims["exp"] - claims["iat"]) == (room.tenant, ANNA, 60)
        assert set(claims["scope"].split()) == {"profile:read", "act_as"}
        assert page.entries[0].act.object == "act_as,profile:read"


async def test_a_token_of_no_tenant_is_not_issued(room: RestRoom) -> None:
    asked = ("token", "--tenant", "no-such-tenant", "--user", ANNA, "--scopes", "act_as")
    ran = await asyncio.to_thread(personalization, *asked, **variables(room))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.endswith("NOT_FOUND: There is no such tenant.\n")
