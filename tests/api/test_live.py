"""Subscriptions over a real server: lists that follow the person, updates that replay, and an end when consent ends."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.applications import Starlette

from domain.ids import UserId
from domain.privacy.model import PrivacyLevel
from domain.realtime.model import Cursor, UpdateKind
from domain.realtime.subscription import Subscription
from domain.settings import Settings
from domain.storage import keys
from domain.storage.redis import RedisStore
from graphql_api.auth import Scope
from tests.api.graphql_room import CONSENT, LEARN, OWN, TRACK, Graph, Socket, begun, caller, consent, served
from tests.api.rest_room import AGREED, RestRoom, application, token

ANNA = "anna"
LIVE = """subscription Live($user: String!, $after: String) {
  recommendationUpdates(userId: $user, first: 5, after: $after) {
    cursor recommendations { personalized edges { node { itemId item { title } } } } } }"""
FOLLOW = """subscription Follow($user: String!, $after: String) { realtimeUpdates(userId: $user, after: $after) {
  __typename ... on RealtimeUpdate { cursor version kind body } ... on ResyncRequired { cursor reason } } }"""
MODELS = "subscription { modelUpdates { version } }"
LEARNT = {"userId": ANNA, "actions": [{"type": "template_used", "feature": "modern_template"}]}


@pytest.fixture(scope="module")
async def address(rest_app: Starlette) -> AsyncIterator[str]:
    async with served(rest_app) as address:
        yield address


@pytest.fixture
async def anna(room: RestRoom) -> Graph:
    await room.agree(ANNA)
    return caller(room.app, room.tenant, ANNA)


@pytest.fixture
async def opened(room: RestRoom, address: str) -> AsyncIterator[Socket]:
    async with begun(address, f"Bearer {token(room.tenant, ANNA, OWN)}") as opened:
        yield opened


def items(update: dict[str, Any]) -> list[str]:
    return [edge["node"]["itemId"] for edge in update["recommendations"]["edges"]]


async def test_a_list_follows_what_the_person_does(anna: Graph, opened: Socket) -> None:
    await opened.subscribe(LIVE, user=ANNA)
    shown = await opened.next()
    for _ in range(3):
        used = items(shown)[0]
        await anna.ask(TRACK, input={"userId": ANNA, "itemId": used, "action": "USED"})
        before, shown = shown, await opened.next()
        assert used not in items(shown)
        assert shown["cursor"] > before["cursor"]
    assert shown["recommendations"]["personalized"]
    assert items(shown) == await anna.ids(ANNA)


async def test_a_list_that_is_still_the_same_is_not_sent_again(anna: Graph, opened: Socket) -> None:
    await opened.subscribe(LIVE, user=ANNA)
    shown = items(await opened.next())
    await anna.ask(TRACK, input={"userId": ANNA, "itemId": shown[0], "action": "VIEWED"})
    await anna.ask(TRACK, input={"userId": ANNA, "itemId": shown[0], "action": "USED"})
    assert shown[0] not in items(await opened.next())


async def test_updates_arrive_in_order_and_replay_after_a_cursor(anna: Graph, opened: Socket, room: RestRoom) -> None:
    await opened.subscribe(FOLLOW, user=ANNA)
    await _listening(room, 1)
    for _ in range(3):
        await anna.ask(LEARN, input=LEARNT)
    seen = [await opened.next() for _ in range(3)]
    assert [update["version"] for update in seen] == [seen[0]["version"] + n for n in range(3)]
    assert {update["kind"] for update in seen} == {"INTERACTION_TRACKED"}
    assert seen[0]["body"] == {"events": 1, "itemIds": ["modern_template"]}
    await opened.subscribe(FOLLOW, "again", user=ANNA, after=seen[0]["cursor"])
    assert [await opened.next() for _ in range(2)] == seen[1:]


async def test_a_worker_is_heard_as_well(anna: Graph, opened: Socket, room: RestRoom) -> None:
    await opened.subscribe(FOLLOW, user=ANNA)
    await _listening(room, 1)
    await anna.ask(LEARN, input=LEARNT)
    await room.learn()
    assert [(await opened.next())["kind"] for _ in range(2)] == ["INTERACTION_TRACKED", "PROFILE_UPDATED"]


async def test_a_gap_is_stated_with_where_to_go_on(anna: Graph, opened: Socket, room: RestRoom, redis_url: str) -> None:
    await anna.ask(LEARN, input=LEARNT)
    subject = await room.services.directory.resolve(room.tenant, UserId(ANNA))
    assert subject is not None
    redis = RedisStore(redis_url, name="test")
    await redis.forget([keys.user_stream(room.tenant, subject.subject_id).name])
    await redis.close()
    await opened.subscribe(FOLLOW, user=ANNA, after=str(Cursor(0)))
    gap = await opened.next()
    assert gap == {"__typename": "ResyncRequired", "cursor": str(Cursor(subject.version)), "reason": "MISSED"}
    await anna.ask(LEARN, input=LEARNT)
    assert (await opened.next())["version"] == subject.version + 1


@pytest.mark.parametrize("after", ["", "x", "1", "AAAAAAAAAAB", "//////////8"])
@pytest.mark.parametrize("query", [LIVE, FOLLOW])
async def test_a_cursor_of_somebody_else_is_refused(query: str, after: str, anna: Graph, opened: Socket) -> None:
    await opened.subscribe(query, user=ANNA, after=after)
    [error] = (await opened.receive())["payload"]["errors"]
    assert error["extensions"] == {"code": "VALIDATION", "field": "after"}


@pytest.mark.parametrize("query", [LIVE, FOLLOW])
@pytest.mark.parametrize("how", ["withdrawn", "strict", "personalization"])
async def test_withdrawn_consent_closes_the_socket(
    query: str, how: str, anna: Graph, opened: Socket, room: RestRoom
) -> None:
    await opened.subscribe(query, user=ANNA)
    await _listening(room, 1)
    if how == "strict":
        await room.services.privacy.update_settings(
            room.tenant, UserId(ANNA), level=PrivacyLevel.STRICT, evidence=AGREED
        )
    else:
        more = {"purposes": ["PERSONALIZATION"]} if how == "personalization" else {}
        await anna.ask(CONSENT, input=consent(ANNA, granted=False, **more))
    assert await asyncio.wait_for(opened.closed(), 5) == 4403


@pytest.mark.parametrize("query", [LIVE, FOLLOW])
async def test_a_consent_that_is_given_again_closes_nothing(
    query: str, anna: Graph, opened: Socket, room: RestRoom
) -> None:
    await opened.subscribe(query, user=ANNA)
    await _listening(room, 1)
    await anna.ask(CONSENT, input=consent(ANNA, granted=False, purposes=["TRAINING"]))
    await anna.ask(CONSENT, input=consent(ANNA, granted=True))
    await anna.ask(LEARN, input=LEARNT)
    while (await opened.next()).get("kind", "INTERACTION_TRACKED") != "INTERACTION_TRACKED":
        pass


@pytest.mark.parametrize("query", [LIVE, FOLLOW])
async def test_somebody_else_cannot_be_listened_to(query: str, anna: Graph, room: RestRoom, address: str) -> None:
    async with begun(address, f"Bearer {token(room.tenant, 'bert', OWN)}") as bert:
        answers = []
        for user in (ANNA, "nobody"):
            await bert.subscribe(query, "same", user=user)
            answers.append((await bert.receive(), await bert.receive()))
    assert answers[0] == answers[1]
    assert answers[0][0]["payload"]["errors"][0]["extensions"] == {"code": "NOT_FOUND", "field": "userId"}
    async with begun(address, f"Bearer {token(room.tenant, 'operator')}") as operator:
        await operator.subscribe(LIVE, user=ANNA)
        assert len(items(await operator.next())) == 5


@pytest.mark.parametrize(
    ("query", "scope"),
    [(LIVE, Scope.RECOMMENDATIONS_READ), (FOLLOW, Scope.RECOMMENDATIONS_READ), (MODELS, Scope.MODELS_ADMIN)],
)
async def test_every_subscription_needs_a_token_with_its_scope(
    query: str, scope: Scope, room: RestRoom, address: str
) -> None:
    async with begun(address, f"Bearer {token(room.tenant, ANNA, OWN - {scope})}") as opened:
        await opened.subscribe(query, user=ANNA)
        assert (await opened.receive())["payload"]["errors"][0]["extensions"] == {"code": "FORBIDDEN"}


async def test_an_unknown_person_gets_what_is_popular(opened: Socket) -> None:
    await opened.subscribe(LIVE, user=ANNA)
    update = await opened.next()
    assert (update["cursor"], len(items(update))) == (None, 5)
    await opened.subscribe(FOLLOW, "2", user=ANNA)
    assert (await opened.receive())["payload"]["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_a_list_follows_somebody_from_the_moment_they_are_known(opened: Socket, room: RestRoom) -> None:
    await opened.subscribe(LIVE, user=ANNA)
    shown = await opened.next()
    await room.agree(ANNA)
    anna = caller(room.app, room.tenant, ANNA)
    for _ in range(2):
        used = items(shown)[0]
        await anna.ask(TRACK, input={"userId": ANNA, "itemId": used, "action": "USED"})
        shown = await opened.next()
        assert used not in items(shown)
    assert Cursor.parse(shown["cursor"]).version > 0


async def test_a_fault_of_ours_ends_the_listening_instead_of_silencing_it(
    anna: Graph, opened: Socket, room: RestRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_subscription: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Subscription, "__anext__", broken)
    await opened.subscribe(LIVE, user=ANNA)
    await opened.next()
    [error] = (await opened.receive())["payload"]["errors"]
    assert error["extensions"]["code"] == "INTERNAL"
    assert (await opened.receive())["type"] == "complete"


async def test_new_models_are_told_to_operators(opened: Socket, room: RestRoom) -> None:
    await opened.subscribe(MODELS)
    for version in ("20260101T000000Z-1", "20260102T000000Z-2"):
        assert await room.services.publisher.tell_tenant(room.tenant, UpdateKind.MODEL_UPDATED, version.encode())
        assert await opened.next() == {"version": version}


async def test_switched_off_updates_say_so(room: RestRoom, rest_settings: Settings) -> None:
    off = rest_settings.model_copy(update={"realtime_enabled": False})
    await room.agree(ANNA)
    async with application(off) as app, served(app) as address:
        async with begun(address, f"Bearer {token(room.tenant, ANNA)}") as opened:
            for n, query in enumerate((LIVE, FOLLOW, MODELS)):
                await opened.subscribe(query, str(n), user=ANNA)
                [error] = (await opened.receive())["payload"]["errors"]
                assert error["extensions"] == {"code": "UNAVAILABLE"}
                assert (await opened.receive())["type"] == "complete"
        anna = caller(app, room.tenant, ANNA)
        assert (await anna.ask(LEARN, input=LEARNT))["accepted"] == 1


async def test_a_stopping_server_sends_its_sockets_elsewhere(room: RestRoom, rest_settings: Settings) -> None:
    async with application(rest_settings) as app:
        async with served(app) as address:
            connection = begun(address, f"Bearer {token(room.tenant, ANNA)}")
            opened = await connection.__aenter__()
            await opened.subscribe(MODELS)
        assert await opened.closed() == 1012
        await connection.__aexit__(None, None, None)


async def _listening(room: RestRoom, count: int) -> None:
    """Return once so many subscriptions to a person have begun."""
    subject = await room.services.directory.resolve(room.tenant, UserId(ANNA))
    assert subject is not None
    assert room.services.bus is not None
    topic = (room.tenant, subject.subject_id)
    async with asyncio.timeout(20):
        while True:
            receivers = room.services.bus._multiplexer.receivers()
            topics = [(r.topic.tenant, getattr(r.topic, "subject", None)) for r in receivers]
            if topics.count(topic) >= count:
                return
            await asyncio.sleep(0.01)
