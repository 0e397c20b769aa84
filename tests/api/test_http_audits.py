"""What tools ask of any server: the audits of `graphql-http`, the reference implementation, and the whole schema."""

from pathlib import Path

import httpx
from graphql import build_client_schema, build_schema, get_introspection_query
from graphql.utilities import find_breaking_changes, find_dangerous_changes

from domain.settings import Environment, Settings
from tests.api.graphql_room import served
from tests.api.rest_room import application
from tests.node import run_node

AUDITS = 61
"""Four of them ask for the schema, so the server is one of development."""


async def test_every_audit_passes(rest_settings: Settings) -> None:
    development = rest_settings.model_copy(update={"environment": Environment.DEVELOPMENT})
    async with application(development) as app, served(app) as address:
        found = await run_node("audit.mjs", f"http://{address}/graphql")
    assert [audit for audit in found if audit["status"] != "ok"] == []
    assert len(found) == AUDITS


async def test_tools_read_the_schema_that_is_published(rest_settings: Settings) -> None:
    development = rest_settings.model_copy(update={"environment": Environment.DEVELOPMENT})
    asked = get_introspection_query(input_value_deprecation=True, specified_by_url=True, directive_is_repeatable=True)
    async with application(development) as app, served(app) as address, httpx.AsyncClient() as http:
        answer = (await http.post(f"http://{address}/graphql", json={"query": asked})).json()
    assert "errors" not in answer
    read, published = build_client_schema(answer["data"]), build_schema(Path("schema.graphql").read_text())
    assert find_breaking_changes(published, read) == []
    assert find_dangerous_changes(published, read) == []
