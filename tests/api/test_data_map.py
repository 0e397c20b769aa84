"""The data map as an operator and a data-protection officer meet it: on the command line and in GraphQL."""

import json

from click.testing import CliRunner

from cli.main import main
from domain.privacy.data_map import Basis
from domain.privacy.inventory import DATA_MAP
from graphql_api.auth import Scope
from tests.api.graphql_room import caller
from tests.api.rest_room import RestRoom

MAP = "{ dataMap { entries { store name legalBasis retention erasure personal columns { name sealed } } article30 } }"


def test_the_record_names_every_activity_with_its_basis_and_time_limit() -> None:
    record = CliRunner().invoke(main, ["privacy", "map", "--article-30"]).stdout
    assert record.startswith("# Record of processing activities (GDPR Article 30)")
    for entry in DATA_MAP.entries:
        row = f"{entry.store.value}: `{entry.name}`"
        assert (row in record) == (entry.basis is not Basis.NONE_NEEDED)
    assert "standard: 13 months; permissive: 25 months" in record
    assert "strict: nothing is kept" in record


def test_the_command_prints_it_for_people_and_for_programs() -> None:
    listed = CliRunner().invoke(main, ["privacy", "map"], env={"COLUMNS": "400"}).stdout
    told = json.loads(CliRunner().invoke(main, ["privacy", "map", "--json"]).stdout)["entries"]
    assert [entry["name"] for entry in told] == [entry.name for entry in DATA_MAP.entries]
    assert all(entry.name in listed for entry in DATA_MAP.entries)


async def test_graphql_tells_it_to_whoever_answers_for_privacy(room: RestRoom) -> None:
    told = await caller(room.app, room.tenant, "dpo", {Scope.PRIVACY_ADMIN}).ask(MAP)
    sessions = next(entry for entry in told["entries"] if entry["name"] == "user_sessions")
    assert sessions["personal"]
    assert {column["name"]: column["sealed"] for column in sessions["columns"]}["context_sealed"]
    assert "`user_sessions`" in told["article30"]
    assert await caller(room.app, room.tenant, "anna", set(Scope) - {Scope.PRIVACY_ADMIN}).code(MAP) == "FORBIDDEN"
