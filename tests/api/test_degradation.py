"""A page degrades where a part of it fails: that part is null and says why, the rest stands."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from graphql import is_non_null_type

from domain.bootstrap import open_worker
from domain.ids import TenantId
from domain.settings import Settings
from domain.storage.embedded import EmbeddedValkey
from domain.storage.postgres import Database
from graphql_api.schema import build_schema
from tests.api.graphql_room import LEARN, NEGOTIATED, Graph, caller
from tests.api.rest_room import RestRoom, application, settings_of
from tests.api.test_live_outage import outage
from tests.conftest import TEST_SECRET, copied_database
from tests.storage.test_model_store import SPOIL, artifact

ANNA = "anna"
ACTED = {"userId": ANNA, "actions": [{"type": "template_used", "feature": "modern_template"}]}
PAGE = f"""{{
  health {{ status checks {{ name status }} }}
  profile(userId: "{ANNA}") {{ userId eventCount segment {{ segment }} }}
  recommendations(userId: "{ANNA}") {{ degraded modelVersion edges {{ node {{ title reasons {{ text }} }} }} }}
  whyNot(userId: "{ANNA}", itemId: "modern") {{ codes }}
  segments {{ segments {{ segment }} }}
  catalogItem(itemId: "modern") {{ title insights {{ source }} }}
  models {{ version }}
  rules {{ version }}
}}"""


async def page(graph: Graph) -> tuple[dict[str, Any], dict[str, str], int]:
    """The data, the codes of errors by their paths, and the status."""
    answer = await graph.post({"query": PAGE}, Accept=NEGOTIATED)
    found = answer.json()
    errors = {".".join(map(str, e["path"])): e["extensions"]["code"] for e in found.get("errors", [])}
    return found["data"], errors, answer.status_code


def stands(data: dict[str, Any]) -> None:
    """The list and everything around it."""
    assert len(data["recommendations"]["edges"]) == 10
    assert all(edge["node"]["reasons"] for edge in data["recommendations"]["edges"])
    assert data["profile"]["userId"] == ANNA
    assert data["whyNot"]["codes"]
    assert data["catalogItem"]["title"] == "Modern style"


def test_a_root_field_that_may_fail_is_nullable() -> None:
    query = build_schema()._schema.query_type
    assert query is not None
    # Health touches nothing that it does not report on.
    assert [name for name, field in query.fields.items() if is_non_null_type(field.type)] == ["health"]


async def test_without_a_model_that_can_be_trusted_there_is_a_list_that_says_so(
    room: RestRoom, worker_database: Database, rest_settings: Settings, tmp_path: Path
) -> None:
    await room.agree(ANNA)
    async with open_worker(room.settings) as worker:
        spoiled = (await worker.services.models.publish(room.tenant, artifact())).version
    async with worker_database.transaction(room.tenant) as tx:
        await tx.execute(SPOIL, spoiled)
    async with application(rest_settings.model_copy(update={"data_dir": tmp_path})) as app:
        anna = caller(app, room.tenant, ANNA)
        await anna.ask(LEARN, input=ACTED)
        data, errors, _ = await page(anna)
    stands(data)
    assert (data["recommendations"]["degraded"], data["recommendations"]["modelVersion"]) == (True, None)
    assert data["segments"] is None
    assert data["profile"]["segment"] is None
    assert [model["version"] for model in data["models"]] == [spoiled]
    assert set(errors) <= {"segments", "profile.segment"}


async def test_without_redis_the_page_stands(room: RestRoom, rest_settings: Settings, tmp_path: Path) -> None:
    await room.agree(ANNA)
    valkey = EmbeddedValkey(tmp_path)
    valkey.start()
    try:
        async with application(rest_settings.model_copy(update={"redis_url": valkey.address.url})) as app:
            anna = caller(app, room.tenant, ANNA)
            await outage(valkey)
            assert (await anna.ask(LEARN, input=ACTED))["__typename"] == "EventsRecorded"
            data, errors, status = await page(anna)
    finally:
        valkey.stop()
    stands(data)
    assert (errors, status) == ({}, 200)
    assert data["health"]["status"] == "DEGRADED"
    assert [check["name"] for check in data["health"]["checks"] if check["status"] != "OK"] == ["redis"]


@pytest.fixture
def own_settings(redis_url: str, tmp_path: Path) -> Iterator[Settings]:
    """A database of its own, to break."""
    with copied_database() as url:
        # What is cached would hide what is broken.
        yield settings_of(url, redis_url, tmp_path, TEST_SECRET).model_copy(update={"cache_ttl": 0})


@pytest.mark.parametrize(
    ("table", "missing"),
    [("catalog_insights", "catalogItem.insights"), ("ml_models", "models"), ("user_profiles", "profile")],
)
async def test_one_broken_table_costs_what_it_holds(table: str, missing: str, own_settings: Settings) -> None:
    tenant = TenantId("broken")
    async with application(own_settings) as app:
        room = RestRoom(app, own_settings, tenant)
        await room.services.catalog.ensure_tenant(tenant, "Broken")
        await room.furnish()
        await room.agree(ANNA)
        anna = caller(app, tenant, ANNA)
        await anna.ask(LEARN, input=ACTED)
        before, errors, status = await page(anna)
        assert (errors, status) == ({}, 200)
        owner = await asyncpg.connect(own_settings.database_url)
        await owner.execute(f"ALTER TABLE {table} RENAME TO out_of_reach")
        await owner.close()
        data, errors, status = await page(anna)
    assert (errors, status) == ({missing: "INTERNAL"}, 294)
    *parents, name = missing.split(".")
    for parent in parents:
        before, data = before[parent], data[parent]
    assert data == {**before, name: None, **{k: data[k] for k in ("recommendations", "health") if k in data}}
