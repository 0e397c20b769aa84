"""Global Privacy Control: the signal is an objection that lasts, whoever sends it and over whichever transport."""

from typing import Any

import httpx
import pytest

from domain.bootstrap import open_services
from domain.errors import Unavailable
from domain.ids import UserId
from domain.privacy.model import PrivacyLevel
from graphql_api.auth import Scope
from tests.api.graphql_room import LIST, NEGOTIATED, Graph, begun, caller, served, socket
from tests.api.rest_room import AGREED, RestRoom, token

ANNA, BERT = "anna", "bert"
GPC = {"Sec-GPC": "1"}
SETTINGS = "query S($u: String!) { privacySettings(userId: $u) { gpc } }"


async def objects(room: RestRoom, user: str) -> bool:
    """Whether the objection of a person is written, as another process sees it."""
    async with open_services(room.settings) as services:
        return (await services.privacy.settings(room.tenant, UserId(user))).gpc


async def by_rest(room: RestRoom) -> httpx.Response:
    async with room.caller(ANNA) as anna:
        return await anna.post("/recommendations", json={"userId": ANNA}, headers=GPC)


async def by_graphql(room: RestRoom) -> httpx.Response:
    return await caller(room.app, room.tenant, ANNA).post({"query": "{ health { status } }"}, **{"Sec-GPC": "1"})


async def by_events(room: RestRoom) -> httpx.Response:
    return await caller(room.app, room.tenant, ANNA).post(
        {"query": LIST, "variables": {"user": ANNA}}, Accept="text/event-stream", **{"Sec-GPC": "1"}
    )


@pytest.mark.parametrize("send", [by_rest, by_graphql, by_events])
async def test_the_signal_is_written_confirmed_and_shown(send: Any, room: RestRoom) -> None:
    assert not await objects(room, ANNA)
    answer = await send(room)
    assert (answer.status_code, answer.headers["x-gpc"]) == (200, "opted-out")
    assert await objects(room, ANNA)
    assert await caller(room.app, room.tenant, ANNA).ask(SETTINGS, u=ANNA) == {"gpc": True}
    async with room.caller(ANNA) as anna:
        shown = await anna.post("/privacy", json={"userId": ANNA, "privacyLevel": "standard"})
    assert shown.json()["privacy"]["gpc"]
    assert not await objects(room, BERT)


@pytest.mark.parametrize("in_handshake", [True, False])
async def test_a_socket_confirms_it_with_the_acknowledgement(in_handshake: bool, room: RestRoom) -> None:
    anna = f"Bearer {token(room.tenant, ANNA, frozenset(Scope) - {Scope.ACT_AS})}"
    headers = {**GPC, "Authorization": anna} if in_handshake else GPC
    async with served(room.app) as address, socket(address, additional_headers=headers) as opened:
        told = await opened.begin(None if in_handshake else anna)
        assert told == {"type": "connection_ack", "payload": {"gpc": "opted-out"}}
        assert await objects(room, ANNA)
    async with served(room.app) as address, begun(address, anna):
        pass


async def test_a_service_that_acts_for_others_passes_it_on_for_whom_it_reaches(room: RestRoom) -> None:
    backend = caller(room.app, room.tenant, "backend", Scope)
    answer = await backend.post({"query": LIST, "variables": {"user": ANNA}}, Accept=NEGOTIATED, **{"Sec-GPC": "1"})
    assert answer.headers["x-gpc"] == "opted-out"
    async with room.caller("backend", Scope) as client:
        assert (await client.get(f"/profile/{BERT}", headers=GPC)).headers["x-gpc"] == "opted-out"
    assert await objects(room, ANNA)
    assert await objects(room, BERT)
    assert not await objects(room, "backend")


async def test_whoever_comes_back_after_an_erasure_is_opted_out_again(room: RestRoom) -> None:
    await by_rest(room)
    await room.services.rights.erase(room.tenant, UserId(ANNA))
    assert not await objects(room, ANNA)
    assert (await by_graphql(room)).headers["x-gpc"] == "opted-out"
    assert await objects(room, ANNA)


@pytest.mark.parametrize("value", ["0", "", "true", "1, 0"])
async def test_another_value_is_no_signal(value: str, room: RestRoom) -> None:
    answer = await caller(room.app, room.tenant, ANNA).post({"query": "{ __typename }"}, **{"Sec-GPC": value})
    assert "x-gpc" not in answer.headers
    assert not await objects(room, ANNA)


async def test_one_header_with_the_signal_is_enough(room: RestRoom) -> None:
    answer = await caller(room.app, room.tenant, ANNA).http.post(
        "/graphql", json={"query": "{ __typename }"}, headers=[("Sec-GPC", "0"), ("Sec-GPC", "1")]
    )
    assert answer.headers["x-gpc"] == "opted-out"
    assert await objects(room, ANNA)


async def test_who_cannot_be_told_apart_is_not_told_that_it_was_written(
    room: RestRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = await Graph(room.app, None).post({"query": "{ __typename }"}, **{"Sec-GPC": "1"})
    assert (nobody.status_code, "x-gpc" in nobody.headers) == (200, False)
    refused = await Graph(room.app, "Bearer x").post({"query": "{ __typename }"}, **{"Sec-GPC": "1"})
    assert (refused.status_code, "x-gpc" in refused.headers) == (401, False)
    foreign = await caller(room.app, room.tenant, BERT).post(
        {"query": SETTINGS, "variables": {"u": ANNA}}, **{"Sec-GPC": "1"}
    )
    assert foreign.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert not await objects(room, ANNA)

    async def outage(*_arguments: object, **_options: object) -> None:
        raise Unavailable("away")

    monkeypatch.setattr(room.services.privacy, "update_settings", outage)
    answer = await caller(room.app, room.tenant, "cora").post({"query": "{ __typename }"}, **{"Sec-GPC": "1"})
    assert (answer.status_code, "x-gpc" in answer.headers) == (200, False)


async def test_it_outlasts_every_later_choice_and_ends_training_on_silence(room: RestRoom) -> None:
    await room.services.privacy.update_settings(
        room.tenant, UserId(ANNA), level=PrivacyLevel.PERMISSIVE, evidence=AGREED
    )
    observed = {
        "userId": ANNA,
        "consent": {"granted": True, "policyVersion": "1", "purposes": ["behaviour_collection"]},
    }
    async with room.caller(ANNA) as anna:
        assert (await anna.post("/privacy", json=observed)).json()["privacy"]["collects"]
    before = await room.services.directory.resolve(room.tenant, UserId(ANNA))
    assert before is not None
    assert before.trains
    await by_rest(room)
    async with room.caller(ANNA) as anna:
        await anna.post("/privacy", json={"userId": ANNA, "privacyLevel": "permissive"})
    async with open_services(room.settings) as services:
        after = await services.directory.resolve(room.tenant, UserId(ANNA))
    assert after is not None
    assert (after.gpc, after.collects, after.trains) == (True, True, False)


async def test_browsers_find_what_it_means_here(room: RestRoom) -> None:
    answer = await Graph(room.app, None).http.get("/.well-known/gpc.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {"gpc": True, "lastUpdate": "2026-11-27"}


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_page_of_another_site_cannot_ask_by_get_without_a_preflight(site: str, room: RestRoom) -> None:
    anna, query = caller(room.app, room.tenant, ANNA), {"query": "{ health { status } }"}
    refused = await anna.http.get("/graphql", params=query, headers={"Sec-Fetch-Site": site})
    assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (403, "VALIDATION")
    for intended in ({"Sec-Fetch-Site": site, "GraphQL-Require-Preflight": "1"}, {"Sec-Fetch-Site": "same-origin"}, {}):
        assert (await anna.http.get("/graphql", params=query, headers=intended)).status_code == 200
