"""Accounts of the user management service: in step whatever order changes arrive in, and gone when it says so."""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.accounts.model import AccountChange, SyncOutcome
from domain.accounts.service import AccountService, Keys
from domain.accounts.store import PostgresAccountStore
from domain.errors import Unavailable
from domain.ids import SubjectId, TenantId, UserId
from domain.privacy.data_keys import DataKeys
from domain.privacy.encryption import SubjectKey
from domain.realtime.store import Outbox
from domain.storage.postgres import Database
from graphql_api.auth import Scope
from tests.api.graphql_room import LEARN, Graph, begun, caller, served
from tests.api.rest_room import RestRoom, token

ANNA, BERT = "anna@example.com", "bert"
SYNC = """mutation Sync($input: SyncUsersInput!) { syncUsers(input: $input) {
  ... on UsersSynced { users { userId outcome problem { code field } } } ... on Problem { code field } } }"""
USERS = "query Users($ids: [String!]!) { users(userIds: $ids) { userId attributes roles revision syncedAt } }"
FOLLOW = "subscription F($user: String!) { realtimeUpdates(userId: $user) { __typename } }"
LEARNT = {"userId": ANNA, "actions": [{"type": "template_used", "feature": "modern_template"}]}


@pytest.fixture
def service(room: RestRoom) -> Graph:
    return caller(room.app, room.tenant, "user-management", {Scope.USERS_SYNC})


def change(revision: float, user: str = ANNA, **more: Any) -> dict[str, Any]:
    return {"userId": user, "revision": revision, **more}


async def sync(service: Graph, *changes: dict[str, Any]) -> list[str]:
    return [user["outcome"] for user in (await service.ask(SYNC, input={"users": list(changes)}))["users"]]


async def account(room: RestRoom, user: str = ANNA) -> dict[str, Any] | None:
    found = await caller(room.app, room.tenant, user).ask(USERS, ids=[user])
    return dict(found[0]) if found else None


async def test_what_it_says_of_a_user_is_kept_and_replaced(room: RestRoom, service: Graph) -> None:
    await room.agree(ANNA)
    said = {"plan": "pro", "seats": 3, "trial": False}
    assert await sync(service, change(5, attributes=said, roles=["editor"])) == ["APPLIED"]
    held = await account(room)
    assert held is not None
    assert (held["attributes"], held["roles"], held["revision"]) == (said, ["editor"], 5)
    assert await sync(service, change(5, attributes=said, roles=["editor"])) == ["UNCHANGED"]
    assert await sync(service, change(4, attributes={"plan": "free"})) == ["STALE"]
    assert await sync(service, change(2**53 - 1, attributes={"plan": "team"})) == ["APPLIED"]
    held = await account(room)
    assert held is not None
    assert (held["attributes"], held["roles"]) == ({"plan": "team"}, [])


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.permutations(list(range(6))), st.sampled_from([None, 2, 5]))
async def test_in_whatever_order_changes_arrive_the_last_revision_holds(
    room: RestRoom, service: Graph, order: list[int], deleted: int | None
) -> None:
    user = f"user-{hash((tuple(order), deleted))}"
    await room.agree(user)
    for revision in order:
        gone = revision == deleted
        said = {"deleted": True} if gone else {"roles": [f"r{revision}"]}
        await sync(service, change(revision, user, **said))
        if gone:
            await room.agree(user)
    held = await account(room, user)
    if deleted == 5:
        assert held is None
    else:
        assert held is not None
        assert held["roles"] == ["r5"]


async def test_each_change_is_judged_for_itself(room: RestRoom, service: Graph) -> None:
    await room.agree(ANNA)
    answer = await service.ask(
        SYNC,
        input={
            "users": [
                change(1.5, "fred"),
                change(1, BERT),
                change(1, attributes={"ok": 1}),
                change(1, "carl", attributes={"list": [1]}),
                change(1, "dora", roles=["not a name"]),
                change(1, "emil", deleted=True, roles=["x"]),
            ]
        },
    )
    problems = [user["problem"] and (user["problem"]["code"], user["problem"]["field"]) for user in answer["users"]]
    assert list(zip([user["outcome"] for user in answer["users"]], problems, strict=True)) == [
        ("REFUSED", ("VALIDATION", "revision")),
        ("REFUSED", ("CONSENT_REQUIRED", "userId")),
        ("APPLIED", None),
        ("REFUSED", ("VALIDATION", "attributes.list")),
        ("REFUSED", ("VALIDATION", "roles")),
        ("REFUSED", ("VALIDATION", "deleted")),
    ]


@pytest.mark.parametrize("users", [[], [change(1), change(2)], [change(1, f"u{n}") for n in range(201)]])
async def test_a_batch_that_means_nothing_is_refused_whole(service: Graph, users: list[dict[str, Any]]) -> None:
    assert await service.ask(SYNC, input={"users": users}) == {"code": "VALIDATION", "field": "users"}


async def test_a_deletion_leaves_nothing_of_the_person(room: RestRoom, service: Graph, database: Database) -> None:
    await room.agree(ANNA)
    anna = caller(room.app, room.tenant, ANNA)
    await anna.ask(LEARN, input=LEARNT)
    await sync(service, change(1, attributes={"plan": "pro"}))
    subject = await room.services.directory.resolve(room.tenant, UserId(ANNA))
    assert subject is not None
    assert await sync(service, change(2, deleted=True)) == ["DELETED"]
    async with database.transaction(room.tenant, (subject.subject_id,)) as tx:
        for table in ("user_behavior_events", "user_profiles", "user_accounts", "user_sessions", "subject_identities"):
            assert await tx.value(f"SELECT count(*) FROM {table} WHERE subject_id = $1", subject.subject_id) == 0, table
        left = await tx.row("SELECT * FROM subjects WHERE subject_id = $1", subject.subject_id)
    assert left is not None
    assert (bytes(left["external_id_sealed"]), left["erased_at"] is None, left["trains"]) == (b"", False, False)
    assert await room.services.directory.resolve(room.tenant, UserId(ANNA)) is None
    assert await account(room) is None
    assert await sync(service, change(2, deleted=True), change(1, BERT, deleted=True)) == ["UNCHANGED", "DELETED"]
    assert await sync(service, change(1, attributes={"plan": "pro"})) == ["STALE"]
    await room.agree(ANNA)
    assert await sync(service, change(3, attributes={"plan": "new"})) == ["APPLIED"]
    again = await room.services.directory.resolve(room.tenant, UserId(ANNA))
    assert again is not None
    assert again.subject_id != subject.subject_id


async def test_a_deletion_that_was_cut_short_is_finished_by_the_next_call(
    room: RestRoom, service: Graph, monkeypatch: pytest.MonkeyPatch
) -> None:
    await room.agree(ANNA)
    subject = await room.services.directory.resolve(room.tenant, UserId(ANNA))
    assert subject is not None
    destroy = DataKeys.destroy

    async def broken(*_arguments: Any) -> None:
        raise Unavailable("the vault is away")

    monkeypatch.setattr(DataKeys, "destroy", broken)
    assert (await service.ask(SYNC, input={"users": [change(2, deleted=True)]}))["code"] == "UNAVAILABLE"
    monkeypatch.setattr(DataKeys, "destroy", destroy)
    assert await sync(service, change(2, deleted=True)) == ["UNCHANGED"]
    room.services.directory.forget(room.tenant, UserId(ANNA))
    keys = room.services.accounts._keys
    keys.forget(subject.subject_id)  # type: ignore[attr-defined]  # what another process never held
    assert await keys.keys_for(room.tenant, [subject.subject_id]) == {}


async def test_listeners_of_somebody_who_is_gone_are_let_go(room: RestRoom, service: Graph) -> None:
    await room.agree(ANNA)
    async with (
        served(room.app) as address,
        begun(address, f"Bearer {token(room.tenant, ANNA)}") as opened,
    ):
        await opened.subscribe(FOLLOW, user=ANNA)
        await asyncio.sleep(0.3)
        await sync(service, change(1, deleted=True))
        assert await opened.closed() == 4403


async def test_of_two_ids_of_one_person_the_later_change_counts(room: RestRoom, service: Graph) -> None:
    for user in (ANNA, BERT):
        await room.agree(user)
    await room.services.identities.merge(room.tenant, UserId(BERT), UserId(ANNA))
    told = [change(5, attributes={"plan": "pro"}), change(3, BERT, attributes={"plan": "free"})]
    assert await sync(service, *told) == ["APPLIED", "STALE"]
    held = await account(room)
    assert held is not None
    assert (held["revision"], held["attributes"]) == (5, {"plan": "pro"})


async def test_somebody_whose_key_is_gone_meanwhile_costs_no_other(room: RestRoom, database: Database) -> None:
    people = {user: await room.services.directory.resolve(room.tenant, UserId(user)) for user in await agreed(room)}
    erased, there = people[ANNA], people[BERT]
    assert erased is not None
    assert there is not None
    services = room.services
    accounts = AccountService(
        PostgresAccountStore(database, Outbox(database, services.clock)),
        services.directory,
        services.privacy,
        KeysOf(services.accounts._keys, there.subject_id),
        services.rights,
        services.clock,
    )
    done = await accounts.sync(room.tenant, [AccountChange(UserId(user), 1) for user in people])
    assert [one.outcome for one in done] == [SyncOutcome.STALE, SyncOutcome.APPLIED]


async def agreed(room: RestRoom) -> tuple[str, str]:
    for user in (ANNA, BERT):
        await room.agree(user)
    return ANNA, BERT


class KeysOf:
    """The key of one person; the others' are destroyed."""

    def __init__(self, keys: Keys, subject: SubjectId) -> None:
        self._keys = keys
        self._subject = subject

    async def keys_for(self, tenant: TenantId, _subjects: Sequence[SubjectId]) -> dict[SubjectId, SubjectKey]:
        return await self._keys.keys_for(tenant, [self._subject])


async def test_accounts_of_others_need_permission(room: RestRoom, service: Graph) -> None:
    await room.agree(ANNA)
    await room.agree(BERT)
    await sync(service, change(1, attributes={"n": 1}), change(1, BERT, attributes={"n": 2}))
    bert = caller(room.app, room.tenant, BERT)
    assert await bert.code(USERS, ids=[BERT, ANNA]) == "NOT_FOUND"
    operator = caller(room.app, room.tenant, "op", list(Scope))
    found = await operator.ask(USERS, ids=[BERT, "nobody", ANNA, BERT])
    assert [(user["userId"], user["attributes"]) for user in found] == [(BERT, {"n": 2}), (ANNA, {"n": 1})]
    assert await operator.code(USERS, ids=[]) == "VALIDATION"


async def test_the_guide_says_what_is_answered(room: RestRoom) -> None:
    guide = (Path(__file__).resolve().parents[2] / "docs" / "users.md").read_text(encoding="utf-8")
    syncing, reading = re.findall(r"```graphql\n(.*?)```", guide, re.DOTALL)
    await room.agree("user_123")
    service = caller(room.app, room.tenant, "user-management", {Scope.USERS_SYNC})
    told = (await service.ask(syncing))["users"]
    assert [user["outcome"] for user in told] == ["APPLIED", "DELETED"]
    [read] = await caller(room.app, room.tenant, "user_123").ask(reading)
    assert (read["attributes"], read["roles"]) == ({"plan": "pro", "seats": 3}, ["editor"])
