"""Whoever is strict gets, byte for byte, what somebody unknown gets: from every personalised field and every route."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLUnionType, get_named_type, is_leaf_type

from domain.bootstrap import open_services
from domain.clock import FixedClock, SystemClock
from domain.ids import TenantId, UserId
from domain.privacy.model import PrivacyLevel
from domain.settings import Settings
from graphql_api.auth import Scope
from graphql_api.rest.operation import Operation
from graphql_api.schema import build_schema
from tests.api.attack_room import Door, doors, request_of, routes_about_somebody
from tests.api.graphql_room import OWN, begun, caller, served
from tests.api.rest_room import AGREED, LEARNT, RestRoom, application, token

ANNA, NOBODY = "anna", "nobo"
FIRST = "frst"
"""Asks before the others, so that what everybody shares is cached for both of them."""

OWN_RECORDS = {"profile", "users", "privacySettings", "privacyRequests", "realtimeUpdates", "dataExport"}
"""What tells a person what is kept of them and of what they decided: no answer that was personalised."""

DEPTH = 5
SCHEMA = build_schema()._schema
UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
PERSONALISED = [d for d in doors() if d.is_about_somebody and d.kind != "mutation" and d.name not in OWN_RECORDS]
ROUTES = [
    o for o in routes_about_somebody() if (o.successor or "").startswith("Query.") and o.counted_as not in OWN_RECORDS
]


def selection(kind: Any, depth: int = 0) -> str:
    """Everything that can be asked of a type without arguments that are needed."""
    if isinstance(kind, GraphQLUnionType | GraphQLInterfaceType):
        parts = [f"... on {t.name} {selection(t, depth)}" for t in SCHEMA.get_possible_types(kind)]
        return "{ __typename " + " ".join(parts) + " }"
    asked = list(_fields(kind, depth))
    return "{ __typename " + " ".join(asked) + " }"


def _fields(kind: GraphQLObjectType, depth: int) -> Iterator[str]:
    for name, field in kind.fields.items():
        below = get_named_type(field.type)
        if is_leaf_type(below):
            yield name
        elif depth < DEPTH - 1:
            yield f"{name} {selection(below, depth + 1)}"


def whole(door: Door) -> str:
    """The door's document, asking for everything."""
    kinds = {"query": SCHEMA.query_type, "subscription": SCHEMA.subscription_type}
    kept = kinds[door.kind]
    assert kept is not None
    return door.document.replace("{ __typename }", selection(get_named_type(kept.fields[door.name].type)))


@pytest.fixture(scope="module")
async def still(rest_settings: Settings) -> AsyncIterator[tuple[Any, Settings]]:
    """An application whose clock stands still and whose lists leave nothing to chance."""
    settings = rest_settings.model_copy(update={"exploration_share": 0.0})
    async with application(settings) as app, open_services(settings, FixedClock(SystemClock().now())) as services:
        app.state.services = services
        yield app, settings


@pytest.fixture
async def room(still: tuple[Any, Settings], tenant: TenantId) -> RestRoom:
    """Anna did and said much, was learned from, and then chose strict; nobody has heard of `nobo`."""
    room = await RestRoom(still[0], still[1], tenant).furnish()
    await room.agree(ANNA)
    async with room.caller(ANNA) as anna:
        for _ in range(3):
            assert (await anna.post("/learn-preferences", json={"userId": ANNA, "behaviorData": LEARNT})).is_success
        stated = {"userId": ANNA, "preferences": {"visualStyle": "modern"}}
        assert (await anna.put("/profile", json=stated)).is_success
        assert (await anna.post("/recommendations", json={"userId": ANNA})).is_success
        feedback = {"userId": ANNA, "feedback": {"type": "visual", "sentiment": "positive"}}
        assert (await anna.post("/feedback", json=feedback)).is_success
    graph = caller(room.app, tenant, ANNA)
    await graph.whole(f'mutation {{ updateUiSettings(input: {{ userId: "{ANNA}", theme: DARK }}) {{ __typename }} }}')
    await room.learn()
    assert (await graph.ask(f'{{ recommendations(userId: "{ANNA}") {{ personalized }} }}'))["personalized"]
    await room.services.privacy.update_settings(tenant, UserId(ANNA), level=PrivacyLevel.STRICT, evidence=AGREED)
    return room


def told(answer: httpx.Response, user: str) -> tuple[int, bytes, dict[str, str]]:
    """All of an answer but echoed ids."""
    headers = {k: v for k, v in answer.headers.items() if k != "x-correlation-id"}
    return answer.status_code, without_ids(answer.content, user), headers


def without_ids(text: bytes, user: str) -> bytes:
    return UUID.sub(b"ID", text).replace(user.encode(), b"USER")


def test_every_personalised_field_is_compared() -> None:
    names = {door.name for door in PERSONALISED}
    assert {"recommendations", "templateRecommendations", "whyNot", "uiSettings", "metrics", "assignment"} <= names
    assert {operation.name for operation in ROUTES} >= {"recommendations", "metrics", "workflowOptimizations"}


@pytest.mark.parametrize("door", [d for d in PERSONALISED if d.kind == "query"], ids=lambda door: door.name)
async def test_every_field_answers_the_strict_as_the_unknown(door: Door, room: RestRoom) -> None:
    answers = []
    for user in (FIRST, ANNA, NOBODY):
        variables = {**door.about(user), **({"itemId": "modern"} if "itemId" in door.variables else {})}
        answer = await caller(room.app, room.tenant, user, OWN).post({"query": whole(door), "variables": variables})
        assert "QUERY_TOO_COMPLEX" not in answer.text, answer.text
        answers.append(told(answer, user))
    assert answers[1] == answers[2]


@pytest.mark.parametrize("operation", ROUTES, ids=lambda operation: operation.name)
async def test_every_route_answers_the_strict_as_the_unknown(operation: Operation[Any], room: RestRoom) -> None:
    answers = []
    for user in (FIRST, ANNA, NOBODY):
        async with room.caller(user) as client:
            answers.append(told(await client.request(**request_of(operation, user)), user))
    assert answers[1][0] == 200
    assert answers[1] == answers[2]


async def test_a_live_list_begins_alike_too(room: RestRoom) -> None:
    query = """subscription S($u: String!) { recommendationUpdates(userId: $u) {
      recommendations { personalized degraded edges { cursor node { itemId score reasons { code text } } } } } }"""
    answers = []
    async with served(room.app) as address:
        for user in (ANNA, NOBODY):
            async with begun(address, f"Bearer {token(room.tenant, user, frozenset(Scope))}") as opened:
                await opened.subscribe(query, u=user)
                answers.append(await opened.next())
    assert answers[0] == answers[1]
