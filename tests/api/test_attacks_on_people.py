"""Somebody else's id leads nowhere: at every door it answers, byte for byte, as one that nobody has."""

import base64
import re
from typing import Any
from uuid import UUID

import httpx
import pytest

from domain.ids import UserId
from graphql_api.auth import Scope
from graphql_api.rest.operation import Operation
from tests.api.attack_room import SCALARS, USER, Door, doors, request_of, routes_about_somebody
from tests.api.graphql_room import NEGOTIATED, OWN, Graph, begun, caller, served
from tests.api.rest_room import LEARNT, RestRoom, token

ANNA, NOBODY, BERT = "anna", "nobo", "bert"
"""Ids of one length, so that not even the length of an answer may tell."""

ADMINISTRATIVE = {"syncUsers": Scope.USERS_SYNC, "auditLog": Scope.PRIVACY_ADMIN}
"""Fields about many people at once: they need a scope that a person's token never has."""

SOMEBODYS = [door for door in doors() if door.is_about_somebody and door.name not in ADMINISTRATIVE]
ASKED = [door for door in SOMEBODYS if door.kind != "subscription"]
FOREIGN = {"privacyLevel": "PERMISSIVE", "abGroup": "treatment", "tenant": "another", "subjectId": "1", "scopes": ["x"]}


@pytest.fixture
async def room(room: RestRoom) -> RestRoom:
    """Anna is there, with behaviour, a profile and statements; whoever is `nobo` is not."""
    await room.agree(ANNA)
    async with room.caller(ANNA) as anna:
        answer = await anna.post("/learn-preferences", json={"userId": ANNA, "behaviorData": LEARNT})
        assert answer.is_success
    await room.learn()
    return room


def is_refused(shown: str) -> bool:
    """Whether an answer says that there is no such person."""
    return "NOT_FOUND" in shown or "NotFoundProblem" in shown


def told(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """All of an answer but the id under which it was logged."""
    own = {"x-correlation-id", "server-timing"}
    return answer.status_code, answer.content, {k: v for k, v in answer.headers.items() if k not in own}


def test_every_field_with_a_user_id_is_attacked() -> None:
    names = {door.name for door in SOMEBODYS}
    assert {"profile", "recommendations", "updatePrivacy", "learnPreferences", "realtimeUpdates"} <= names
    others = {door.name for door in doors(whole=True) if re.search(r"'userIds?'", str(door.variables))} - names
    assert others == set(ADMINISTRATIVE)


@pytest.mark.parametrize("door", ASKED, ids=lambda door: door.name)
@pytest.mark.parametrize("accept", ["application/json", NEGOTIATED])
async def test_over_http_somebody_else_answers_as_nobody(door: Door, accept: str, room: RestRoom) -> None:
    bert = caller(room.app, room.tenant, BERT)
    answers = []
    for user in (ANNA, NOBODY):
        answer = await bert.post({"query": door.document, "variables": door.about(user)}, Accept=accept)
        assert is_refused(answer.text), answer.text
        answers.append(told(answer))
    assert answers[0] == answers[1]


@pytest.mark.parametrize("door", [d for d in ASKED if d.kind == "query"], ids=lambda door: door.name)
async def test_behind_an_alias_it_does_too(door: Door, room: RestRoom) -> None:
    bert = caller(room.app, room.tenant, BERT)
    start, _, rest = door.document.partition("{ ")
    query = f"{start}{{ mine: {rest.removesuffix(' }')} theirs: {rest.removesuffix(' }')} }}"
    answers = [told(await bert.post({"query": query, "variables": door.about(user)})) for user in (ANNA, NOBODY)]
    assert answers[0] == answers[1]
    assert answers[0][1].count(b"NOT_FOUND") == 2


async def test_on_a_socket_it_does_too_subscriptions_included(room: RestRoom) -> None:
    async with served(room.app) as address, begun(address, f"Bearer {token(room.tenant, BERT, OWN)}") as opened:
        for door in SOMEBODYS:
            messages = []
            for user in (ANNA, NOBODY):
                await opened.subscribe(door.document, "1", **door.about(user))
                messages.append(message := await opened.receive())
                assert is_refused(str(message)), (door.name, message)
                if message["type"] == "next":
                    assert (await opened.receive())["type"] == "complete"
            assert messages[0] == messages[1]


@pytest.mark.parametrize("operation", routes_about_somebody(), ids=lambda operation: operation.name)
async def test_on_rest_it_does_too(operation: Operation[Any], room: RestRoom) -> None:
    async with room.caller(BERT) as bert:
        answers = [told(await bert.request(**request_of(operation, user))) for user in (ANNA, NOBODY)]
    assert answers[0] == answers[1]
    assert answers[0][0] == 404


@pytest.mark.parametrize("kind", ["Profile", "profile", "User", "UserNode"])
async def test_a_global_id_of_somebody_else_is_nobodys(kind: str, room: RestRoom) -> None:
    bert = caller(room.app, room.tenant, BERT)
    query = "query N($id: ID!) { node(id: $id) { __typename id } }"
    answers = []
    for user in (ANNA, NOBODY):
        wanted = base64.b64encode(f"{kind}:{user}".encode()).decode()
        answers.append(told(await bert.post({"query": query, "variables": {"id": wanted}})))
    assert answers[0] == answers[1]
    assert b'"data":{"node":null}' in answers[0][1]
    assert b"NOT_FOUND" in answers[0][1]
    unknown = base64.b64encode(b"CatalogItem:nothing").decode()
    assert told(await bert.post({"query": query, "variables": {"id": unknown}})) == answers[0]


@pytest.mark.parametrize("variant", ["anna ", " anna", "Anna", "anna\u200b", "ａnna", "anna%00", "../anna", "anna/"])
async def test_no_spelling_of_an_id_leads_to_its_owner(variant: str, room: RestRoom) -> None:
    bert = caller(room.app, room.tenant, BERT)
    assert await bert.code("query Q($u: String!) { privacySettings(userId: $u) { gpc } }", u=variant) == "NOT_FOUND"


async def test_the_administrators_fields_are_shut_to_people(room: RestRoom) -> None:
    bert = caller(room.app, room.tenant, BERT, OWN - set(ADMINISTRATIVE.values()))
    for door in doors():
        if door.name in ADMINISTRATIVE:
            answer = await bert.post({"query": door.document, "variables": door.variables})
            assert "ForbiddenProblem" in answer.text or "FORBIDDEN" in answer.text


REQUEST_ID = {"privacyRequest": "id", "issueExportLink": "requestId"}
"""Fields about one request, and where its id stands."""

WITHIN = {"learnPreferences", "trackInteraction", "recordConversion", "dismissOptimization"}
"""Fields whose other ids are looked for among what is kept of their own `userId`."""

ELSEWHERE = {"node", "job"}
"""`node` is attacked above; jobs are nobody's, and need `models:admin`."""


def test_every_field_with_another_id_is_known() -> None:
    found = {door.name for door in doors(whole=True) if SCALARS["ID"] in str(door.variables)}
    assert found == set(REQUEST_ID) | WITHIN | ELSEWHERE


async def test_a_request_of_somebody_else_is_none(room: RestRoom) -> None:
    rights = room.services.rights
    request = (await rights.request_export(room.tenant, UserId(ANNA))).request_id
    bert = caller(room.app, room.tenant, BERT, OWN - {Scope.PRIVACY_ADMIN})
    async with (
        served(room.app) as address,
        begun(address, f"Bearer {token(room.tenant, BERT, OWN - {Scope.PRIVACY_ADMIN})}") as opened,
    ):
        for door in (door for door in doors() if door.name in REQUEST_ID):
            answers = []
            for wanted in (str(request), str(UUID(int=7))):
                variables = door.about(BERT) if door.is_about_somebody else dict(door.variables)
                (variables if "id" in variables else variables["input"])[REQUEST_ID[door.name]] = wanted
                if door.kind == "subscription":
                    await opened.subscribe(door.document, "1", **variables)
                    answers.append(str(await opened.receive()))
                    assert (await opened.receive())["type"] == "complete"
                else:
                    answers.append(str(told(await bert.post({"query": door.document, "variables": variables}))))
            assert answers[0] == answers[1]
            assert is_refused(answers[0]), answers


@pytest.mark.parametrize("door", [d for d in SOMEBODYS if d.kind == "mutation"], ids=lambda door: door.name)
async def test_a_mutation_takes_no_field_that_it_does_not_declare(door: Door, room: RestRoom) -> None:
    anna = caller(room.app, room.tenant, ANNA)
    before = await room.services.privacy.settings(room.tenant, ANNA)  # type: ignore[arg-type]
    for name, value in FOREIGN.items():
        given = door.about(ANNA)
        if name not in given["input"]:
            given["input"][name] = value
            answer = await anna.whole(door.document, **given)
            assert answer.get("data") is None
            assert answer["errors"][0]["extensions"]["code"] == "VALIDATION"
    assert await room.services.privacy.settings(room.tenant, ANNA) == before  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "operation", [o for o in routes_about_somebody() if o.takes_body], ids=lambda operation: operation.name
)
async def test_a_route_takes_no_field_that_it_does_not_declare(operation: Operation[Any], room: RestRoom) -> None:
    async with room.caller(ANNA) as anna:
        for name, value in FOREIGN.items():
            asked = request_of(operation, ANNA)
            if name not in asked["json"]:
                asked["json"][name] = value
                if operation.name == "privacy" and name == "privacyLevel":
                    continue
                answer = await anna.request(**asked)
                assert (answer.status_code, answer.json()["code"]) == (400, "VALIDATION"), (name, answer.text)


async def test_two_ids_in_one_body_are_one_of_them_and_checked(room: RestRoom) -> None:
    body = f'{{"{USER}": "{BERT}", "{USER}": "{ANNA}"}}'
    async with room.caller(BERT) as bert:
        answer = await bert.post("/recommendations", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    graph: Graph = caller(room.app, room.tenant, BERT)
    answer = await graph.http.post(
        "/graphql",
        content=f'{{"query": "query Q($u: String!) {{ privacySettings(userId: $u) {{ gpc }} }}", '
        f'"variables": {{"u": "{BERT}", "u": "{ANNA}"}}}}',
        headers={"Content-Type": "application/json"},
    )
    assert answer.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"
