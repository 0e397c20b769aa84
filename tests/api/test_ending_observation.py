"""Whoever chooses strict, or takes back the consent to be observed, is forgotten at once, and nothing comes back."""

import asyncio
from typing import Any

import pytest

from domain.errors import ConsentRequired
from domain.exposures.model import Exposure as Shown
from domain.ids import SubjectId, TenantId, UserId
from domain.privacy.inventory import DATA_MAP
from domain.privacy.model import ConsentPurpose, PrivacyLevel
from domain.storage.postgres import Database, Databases
from domain.storage.roles import Role
from graphql_api.auth import Scope
from tests.api.canary import CANARY, MARK, bytes_of_rows, rows_left, through_every_door
from tests.api.graphql_room import CONSENT, LEARN, LIST, TRACK, Graph, caller, consent
from tests.api.rest_room import AGREED, RestRoom
from tests.api.test_exports import told

AGING = {entry.name for entry in DATA_MAP.aging()}
STAYS = {"subjects", "subject_identities", "consents", "user_accounts", "vault.data_keys", "user_profiles"}
ANNA = "anna"
ACTED = {"userId": ANNA, "actions": [{"type": "template_used", "feature": "modern_template"}]}
PROFILE = "query P($user: String!) { profile(userId: $user) { eventCount facets { name } } }"
SETTINGS = """mutation S($user: String!) { updatePrivacy(input: { userId: $user, privacyLevel: STRICT
  evidence: { policyVersion: "2026-01" } }) { __typename ... on PrivacySettings { privacyLevel } } }"""


async def by_level(graph: Graph) -> None:
    assert (await graph.ask(SETTINGS, user=CANARY))["privacyLevel"] == "STRICT"


async def by_rest(graph: Graph) -> None:
    body = {"userId": CANARY, "privacyLevel": "strict"}
    answer = await graph.http.post("/api/personalization/privacy", json=body)
    assert answer.status_code == 200, answer.text


async def by_withdrawal(graph: Graph) -> None:
    given = consent(CANARY, granted=False, purposes=["BEHAVIOUR_COLLECTION"])
    assert not (await graph.ask(CONSENT, input=given))["collects"]


@pytest.mark.parametrize("end", [by_level, by_rest, by_withdrawal])
async def test_nothing_that_was_observed_is_left_when_the_call_returns(
    end: Any, room: RestRoom, databases: Databases
) -> None:
    people = await everywhere(room, databases)
    assert set(await rows_left(databases, room.tenant, people)) >= AGING
    graph = caller(room.app, room.tenant, CANARY, list(Scope))
    await end(graph)
    left = set(await rows_left(databases, room.tenant, people))
    assert not left & AGING
    assert left >= STAYS
    assert (await graph.ask(PROFILE, user=CANARY))["eventCount"] == 0
    unknown = await caller(room.app, room.tenant, "nobody").ask(LIST, user="nobody")
    listed = await graph.ask(LIST, user=CANARY)
    assert [edge["node"]["itemId"] for edge in listed["edges"]] == [e["node"]["itemId"] for e in unknown["edges"]]
    found = told(await room.services.exports.archive(room.tenant, UserId(CANARY)))
    assert {name for name, table in found["tables"].items() if table["rows"]} & AGING == set()
    assert not [word for word in (f"{MARK} thing", f"{MARK} comment", f"{MARK} video") if word in str(found)]
    assert not (await room.services.retention.run(room.tenant)).rows


async def test_nothing_comes_back_by_late_events_lists_and_batches(room: RestRoom, databases: Databases) -> None:
    anna, subject = await somebody(room)
    await anna.ask(LEARN, input=ACTED)
    await room.services.privacy.update_settings(room.tenant, UserId(ANNA), level=PrivacyLevel.STRICT, evidence=AGREED)
    assert (await anna.ask(LEARN, input=ACTED))["__typename"] == "ConsentRequiredProblem"
    late = {"userId": ANNA, "itemId": "modern", "action": "CLICKED"}
    assert (await anna.ask(TRACK, input=late))["__typename"] == "ConsentRequiredProblem"
    await anna.ask(LIST, user=ANNA)
    await room.learn()
    left = await rows_left(databases, room.tenant, (subject,))
    assert not left.keys() & AGING
    assert MARK.encode() not in await bytes_of_rows(databases, room.tenant, (subject,))


async def test_whoever_agrees_again_begins_anew(room: RestRoom, databases: Databases) -> None:
    anna, subject = await somebody(room)
    await anna.ask(LEARN, input=ACTED)
    await room.learn()
    for level in (PrivacyLevel.STRICT, PrivacyLevel.STANDARD):
        await room.services.privacy.update_settings(room.tenant, UserId(ANNA), level=level, evidence=AGREED)
    await room.agree(ANNA)
    assert (await anna.ask(PROFILE, user=ANNA)) == {"eventCount": 0, "facets": []}
    await anna.ask(LEARN, input=ACTED)
    await room.learn()
    assert (await anna.ask(PROFILE, user=ANNA))["eventCount"] == 1
    assert (await rows_left(databases, room.tenant, (subject,)))["user_behavior_events"] == 1


@pytest.mark.parametrize("purpose", ["PERSONALIZATION", "EXPERIMENTS", "TRAINING"])
async def test_another_purpose_keeps_what_was_observed(purpose: str, room: RestRoom, databases: Databases) -> None:
    anna, subject = await somebody(room)
    await anna.ask(LEARN, input=ACTED)
    await room.learn()
    assert (await rows_left(databases, room.tenant, (subject,)))["user_interest"] == 1
    await anna.ask(CONSENT, input=consent(ANNA, granted=False, purposes=[purpose]))
    left = await rows_left(databases, room.tenant, (subject,))
    assert left["user_behavior_events"] == 1
    # What others are told counts nobody who ended training.
    assert left.get("user_interest", 0) == (0 if purpose == "TRAINING" else 1)


async def test_global_privacy_control_takes_the_permissive_out_of_training_and_counts(
    room: RestRoom, databases: Databases
) -> None:
    anna, subject = await somebody(room)
    privacy, user = room.services.privacy, UserId(ANNA)
    await privacy.update_settings(room.tenant, user, level=PrivacyLevel.PERMISSIVE, evidence=AGREED)
    await anna.ask(LEARN, input=ACTED)
    await room.learn()
    # A consent to training by name is the later word; without one the signal ends it.
    told_so = await privacy.update_settings(room.tenant, user, gpc=True, evidence=AGREED)
    assert told_so.trains
    silent = caller(room.app, room.tenant, "silent")
    purposes = {ConsentPurpose.BEHAVIOUR_COLLECTION}
    await privacy.record_consent(room.tenant, UserId("silent"), purposes, granted=True, evidence=AGREED)
    level = PrivacyLevel.PERMISSIVE
    assert (await privacy.update_settings(room.tenant, UserId("silent"), level=level, evidence=AGREED)).trains
    await silent.ask(LEARN, input={**ACTED, "userId": "silent"})
    await room.learn()
    quiet = await privacy.update_settings(room.tenant, UserId("silent"), gpc=True, evidence=AGREED)
    assert (quiet.trains, quiet.collects, quiet.personalizes) == (False, True, True)
    left = await rows_left(databases, room.tenant, (quiet.subject_id,))
    assert (left["user_behavior_events"], left.get("user_interest", 0)) == (1, 0)
    assert (await rows_left(databases, room.tenant, (subject,)))["user_interest"] == 1


async def test_a_list_that_is_being_noted_waits_and_then_leaves_nothing(
    room: RestRoom, database: Database, databases: Databases
) -> None:
    anna, subject = await somebody(room)
    ends = "UPDATE subjects SET collects = false, privacy_level = 'strict', trains = false"
    exposures = room.services.exposures._store
    shown = Shown(*await _experiment(room, database))
    async with database.transaction(room.tenant, (subject,)) as decision:
        await decision.rows("SELECT 1 FROM subjects FOR UPDATE")
        await decision.execute(ends)
        listing = asyncio.create_task(anna.ask(LIST, user=ANNA))
        noting = asyncio.create_task(exposures.note(room.tenant, subject, [shown], durable=True))
        # Whoever guards what is written by the person's consent waits for the decision; a second is ample.
        await asyncio.wait([noting], timeout=1)
        assert not noting.done()
    await asyncio.gather(listing, noting)
    left = await rows_left(databases, room.tenant, (subject,))
    assert not left.keys() & {"recommendations", "user_ab_tests"}


async def test_a_batch_under_way_is_waited_for_and_leaves_nothing(
    room: RestRoom, worker_database: Database, databases: Databases
) -> None:
    anna, subject = await somebody(room)
    await anna.ask(LEARN, input=ACTED)
    async with worker_database.transaction(room.tenant, (subject,)) as batch:
        await batch.rows("SELECT 1 FROM user_behavior_events FOR UPDATE")
        deciding = asyncio.create_task(
            room.services.privacy.update_settings(room.tenant, UserId(ANNA), level=PrivacyLevel.STRICT, evidence=AGREED)
        )
        await asyncio.wait([deciding], timeout=1)
        assert not deciding.done()
        # The batch goes on to its people, whom nobody holds while it has their events.
        await batch.rows("SELECT 1 FROM subjects FOR NO KEY UPDATE")
        await batch.execute("UPDATE user_behavior_events SET processed_at = now()")
    assert (await deciding).privacy_level is PrivacyLevel.STRICT
    assert not (await rows_left(databases, room.tenant, (subject,))).keys() & AGING
    with pytest.raises(ConsentRequired):
        await room.services.privacy.collecting_subject(room.tenant, UserId(ANNA))


async def everywhere(room: RestRoom, databases: Databases) -> list[SubjectId]:
    """A person with a row in every table that ages."""
    people = await through_every_door(room)
    canary = await room.services.directory.resolve(room.tenant, UserId(CANARY))
    assert canary is not None
    async with databases[Role.SERVICE].transaction(room.tenant, (canary.subject_id,)) as tx:
        await tx.execute(
            "INSERT INTO user_segments (tenant_id, subject_id, model_version, segment, confidence, assigned_at) "
            "VALUES ($1, $2, 'v1', 3, 1, now())",
            room.tenant,
            canary.subject_id,
        )
        await tx.execute(
            "INSERT INTO user_ab_tests (tenant_id, subject_id, test_id, phase, variation, policy_version, propensity, "
            "exposed_at) VALUES ($1, $2, gen_random_uuid(), 1, 0, '1.1', 0.5, now())",
            room.tenant,
            canary.subject_id,
        )
    return people


async def somebody(room: RestRoom) -> tuple[Graph, SubjectId]:
    await room.agree(ANNA)
    subject = await room.services.directory.resolve(room.tenant, UserId(ANNA))
    assert subject is not None
    return caller(room.app, room.tenant, ANNA), subject.subject_id


async def _experiment(room: RestRoom, database: Database) -> tuple[Any, ...]:
    async with database.transaction(TenantId(room.tenant)) as tx:
        test_id = await tx.value(
            "INSERT INTO ab_tests (tenant_id, test_id, key, status, definition, created_at) "
            "VALUES ($1, gen_random_uuid(), 'x', 'draft', '{}', now()) RETURNING test_id",
            room.tenant,
        )
    return test_id, 1, 0, "1.1", 0.5, room.services.clock.now(), -1
