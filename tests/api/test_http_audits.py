"""The audits of GraphQL over HTTP that `graphql-http`, the reference implementation, makes of any server."""

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
