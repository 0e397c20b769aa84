"""Exports: everything that is declared, for the person alone, by a link that works once."""

import asyncio
import csv
import io
import json
import zipfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from jsonschema import Draft202012Validator

from domain.clock import FixedClock, SystemClock
from domain.exports.archive import schema
from domain.exports.service import KEPT_FOR, LINK_LIVES, ExportService
from domain.ids import UserId
from domain.privacy.inventory import DATA_MAP
from graphql_api.auth import Scope
from tests.api.canary import CANARY, MARK, through_every_door
from tests.api.command import ROOT, personalization
from tests.api.graphql_room import LEARN, Graph, caller
from tests.api.rest_room import JWT_SECRET, RestRoom, application, token
from tests.api.training_room import working
from tests.conftest import TEST_SECRET
from workers import main

ANNA, BERT = "anna@example.com", "bert@example.com"
ASK = """mutation Ask($user: String!) { requestExport(input: { userId: $user }) {
  ... on PrivacyRequest { requestId kind state } ... on Problem { code } } }"""
LINK = """mutation Link($user: String!, $id: ID!) { issueExportLink(input: { userId: $user, requestId: $id }) {
  ... on ExportLink { path expiresAt } ... on Problem { code field } } }"""
LOOK = "query Look($id: ID!) { privacyRequest(id: $id) { state progress } }"


def told(archive: bytes) -> dict[str, Any]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        found: dict[str, Any] = json.loads(opened.read("data.json"))
        Draft202012Validator(json.loads(opened.read("schema.json"))).validate(found)
        assert {name for name in opened.namelist() if name.startswith("csv/")} == {
            f"csv/{name}.csv" for name in found["tables"]
        }
    return found


async def made(room: RestRoom, user: str = ANNA) -> tuple[Graph, str]:
    """A person whose export a worker has made, and its request."""
    await room.agree(user)
    graph = caller(room.app, room.tenant, user)
    await graph.ask(LEARN, input={"userId": user, "actions": [{"type": "template_used", "feature": "modern_template"}]})
    asked = await graph.ask(ASK, user=user)
    assert (asked["kind"], asked["state"]) == ("EXPORT", "WAITING")
    async with working(room) as worker:
        await main.run_job(worker, str(await room.services.jobs.enqueue(room.tenant, main.JobKind.PRIVACY)))
    assert await graph.ask(LOOK, id=asked["requestId"]) == {"state": "DONE", "progress": 1}
    return graph, asked["requestId"]


async def fetched(graph: Graph, path: str) -> httpx.Response:
    return await graph.http.get(path)


async def test_every_declared_field_of_a_canary_is_told(room: RestRoom) -> None:
    await through_every_door(room)
    found = told(await room.services.exports.archive(room.tenant, UserId(CANARY)))
    assert found["userId"] == CANARY
    assert set(found["tables"]) == {entry.name for entry in DATA_MAP.exported()}
    for entry in DATA_MAP.exported():
        for row in found["tables"][entry.name]["rows"]:
            assert list(row) == [column.name for column in entry.told]
    text = json.dumps(found)
    for said in ("thing", "style", "category", "aspect", "comment", "place", "pace", "tool", "video", "city", "visit"):
        assert f"{MARK} {said}" in text, said
    for table in ("recommendations", "recommendation_interactions", "consents", "user_segments", "user_interest"):
        assert found["tables"][table]["purpose"]
    [account] = found["tables"]["user_accounts"]["rows"]
    assert account["attributes_sealed"]["attributes"] == {"city": f"{MARK} city"}


async def test_tables_are_told_as_csv_that_no_spreadsheet_computes(room: RestRoom) -> None:
    await room.agree(ANNA)
    graph = caller(room.app, room.tenant, ANNA)
    await graph.ask(LEARN, input={"userId": ANNA, "sessionId": "=1+1", "actions": [{"type": "viewed", "feature": "x"}]})
    archive = await room.services.exports.archive(room.tenant, UserId(ANNA))
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        rows = list(csv.DictReader(io.StringIO(opened.read("csv/user_sessions.csv").decode())))
    assert [row["client_session_sealed"] for row in rows] == ["'=1+1"]


@pytest.mark.parametrize("number", ["42", "1e5", "true"])
async def test_an_id_that_looks_like_a_number_is_told_as_it_was_sent(number: str, room: RestRoom) -> None:
    await room.agree(number)
    graph = caller(room.app, room.tenant, number)
    await graph.ask(
        LEARN, input={"userId": number, "sessionId": number, "actions": [{"type": "viewed", "feature": "x"}]}
    )
    found = told(await room.services.exports.archive(room.tenant, UserId(number)))
    assert found["userId"] == number
    assert found["tables"]["subjects"]["rows"][0]["external_id_sealed"] == number
    assert found["tables"]["user_sessions"]["rows"][0]["client_session_sealed"] == number


async def test_a_link_works_once_for_its_own_user_with_a_token(room: RestRoom) -> None:
    anna, request = await made(room)
    link = await anna.ask(LINK, user=ANNA, id=request)
    bert = caller(room.app, room.tenant, BERT)
    operator = caller(room.app, room.tenant, "operator", list(Scope))
    assert (await fetched(Graph(room.app, None), link["path"])).status_code == 401
    assert (await fetched(caller(room.app, room.tenant, ANNA, {Scope.PROFILE_READ}), link["path"])).status_code == 403
    for other in (bert, operator):
        assert (await fetched(other, link["path"])).status_code == 404
    assert (await anna.http.head(link["path"])).status_code == 405
    assert (await fetched(anna, link["path"] + "/")).status_code == 404
    answer = await fetched(anna, link["path"])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")
    assert answer.headers["cache-control"] == "no-store"
    assert told(answer.content)["userId"] == ANNA
    replayed, unknown = await fetched(anna, link["path"]), await fetched(anna, "/exports/never")
    assert (replayed.status_code, unknown.status_code) == (404, 404)
    assert replayed.json() == unknown.json()
    assert await anna.ask(LINK, user=ANNA, id=request) == {"code": "NOT_FOUND", "field": "requestId"}


def signed_in(room: RestRoom, user: str, ago: timedelta, **claims: object) -> Graph:
    """A caller with a token of an hour that was issued so long ago; with claims of its own."""
    issued, now = SystemClock().now() - ago, SystemClock().now()
    told = jwt.decode(token(room.tenant, user), options={"verify_signature": False})
    told |= {"iat": issued, "exp": now + timedelta(hours=1)} | claims
    present = {name: value for name, value in told.items() if value is not None}
    return Graph(room.app, f"Bearer {jwt.encode(present, JWT_SECRET, algorithm='HS256')}")


def seconds(at: datetime) -> int:
    return int(at.timestamp())


async def test_who_signed_in_before_asking_signs_in_again_and_the_link_still_works(room: RestRoom) -> None:
    anna, request = await made(room)
    link = await anna.ask(LINK, user=ANNA, id=request)
    now, hour = SystemClock().now(), timedelta(hours=1)
    stale = [
        signed_in(room, ANNA, hour),
        signed_in(room, ANNA, timedelta(0), auth_time=seconds(now - hour)),
        signed_in(room, ANNA, timedelta(0), iat=None),
    ]
    for graph in stale:
        answer = await fetched(graph, link["path"])
        assert (answer.status_code, answer.json()["code"]) == (401, "UNAUTHENTICATED")
        assert "Sign in again" in answer.json()["detail"]
        assert answer.headers["www-authenticate"] == 'Bearer error="insufficient_user_authentication", max_age=900'
        unknown = await fetched(graph, "/exports/never")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "NOT_FOUND")
    assert (await fetched(signed_in(room, ANNA, hour, auth_time=seconds(now)), link["path"])).status_code == 200
    for graph in (*stale, anna):
        assert (await fetched(graph, link["path"])).status_code == 404


async def test_how_recent_a_sign_in_must_be_is_a_setting(room: RestRoom) -> None:
    anna, request = await made(room)
    link = await anna.ask(LINK, user=ANNA, id=request)
    async with application(room.settings.model_copy(update={"export_sign_in_minutes": 5})) as app:
        strict = RestRoom(app, room.settings, room.tenant)
        answer = await fetched(signed_in(strict, ANNA, timedelta(minutes=10)), link["path"])
        assert answer.headers["www-authenticate"].endswith("max_age=300")
    assert (await fetched(signed_in(room, ANNA, timedelta(minutes=10)), link["path"])).status_code == 200


async def test_a_sign_in_after_asking_is_good_however_long_ago(room: RestRoom) -> None:
    exports, now = room.services.exports, SystemClock().now()
    assert exports._is_recent(now - timedelta(hours=2), now - timedelta(hours=3), now)
    assert not exports._is_recent(now - timedelta(hours=4), now - timedelta(hours=3), now)


async def test_a_new_link_ends_the_earlier_one(room: RestRoom) -> None:
    anna, request = await made(room)
    first, second = [await anna.ask(LINK, user=ANNA, id=request) for _ in range(2)]
    assert (await fetched(anna, first["path"])).status_code == 404
    assert (await fetched(anna, second["path"])).status_code == 200


async def test_links_and_archives_end(room: RestRoom) -> None:
    _, request = await made(room)
    exports, now = room.services.exports, room.services.clock.now()
    clock = FixedClock(now)
    later = ExportService(
        exports._store, exports._archives, exports._directory, exports._keys, exports._data_map, clock
    )
    [asked] = await room.services.rights.requests(room.tenant, UserId(ANNA))
    assert str(asked.request_id) == request
    link = await later.issue_link(room.tenant, UserId(ANNA), asked.request_id)
    clock.set(now + LINK_LIVES + timedelta(seconds=1))
    with pytest.raises(Exception, match="no such export"):
        await later.fetch(room.tenant, UserId(ANNA), link.secret, clock.now())
    clock.set(now + KEPT_FOR + timedelta(seconds=1))
    with pytest.raises(Exception, match="no such export"):
        await later.issue_link(room.tenant, UserId(ANNA), asked.request_id)


async def test_an_erasure_takes_the_archive_too(room: RestRoom) -> None:
    anna, request = await made(room)
    link = await anna.ask(LINK, user=ANNA, id=request)
    await room.services.rights.erase(room.tenant, UserId(ANNA))
    assert (await fetched(anna, link["path"])).status_code == 404


async def test_of_whom_nothing_is_kept_there_is_no_archive(room: RestRoom) -> None:
    request = await room.services.rights.request_export(room.tenant, UserId("nobody"))
    await room.services.rights.finish(room.tenant, request.request_id)
    nobody = caller(room.app, room.tenant, "nobody")
    assert (await nobody.ask(LINK, user="nobody", id=str(request.request_id)))["code"] == "NOT_FOUND"


async def test_nobody_asks_for_somebody_else(room: RestRoom) -> None:
    _, request = await made(room)
    bert = caller(room.app, room.tenant, BERT)
    assert (await bert.ask(ASK, user=ANNA))["code"] == "NOT_FOUND"
    assert (await bert.ask(LINK, user=ANNA, id=request))["code"] == "NOT_FOUND"
    assert (await bert.ask(LINK, user=BERT, id=request))["code"] == "NOT_FOUND"


async def test_the_rest_route_asks_as_well(room: RestRoom) -> None:
    await room.agree(ANNA)
    async with room.caller(ANNA) as anna:
        answer = (await anna.post("/privacy", json={"userId": ANNA, "request": "export"})).json()
    assert (answer["request"]["kind"], answer["request"]["state"]) == ("export", "waiting")


async def test_the_command_writes_a_file_that_only_its_owner_reads(room: RestRoom, tmp_path: Path) -> None:
    await room.agree(ANNA)
    variables = {
        f"PERSONALIZATION_{name.upper()}": str(getattr(room.settings, name))
        for name in ("database_url", "redis_url", "data_dir", "kek_file")
    } | {"PERSONALIZATION_SECRET": TEST_SECRET}
    out = tmp_path / "anna.zip"
    asked = ("privacy", "export", ANNA, "--tenant", room.tenant, "--out", str(out))
    ran = await asyncio.to_thread(personalization, *asked, **variables)
    assert ran.returncode == 0, ran.stderr
    assert told(out.read_bytes())["userId"] == ANNA
    assert out.stat().st_mode & 0o777 == 0o600
    again = await asyncio.to_thread(personalization, *asked, **variables)
    assert (again.returncode, again.stderr.partition(":")[0]) == (1, "CONFLICT")


def test_the_schema_is_published() -> None:
    published = json.loads((ROOT / "docs" / "export.schema.json").read_text(encoding="utf-8"))
    assert published == schema(DATA_MAP), "personalization privacy export --schema > docs/export.schema.json"
    Draft202012Validator.check_schema(published)
