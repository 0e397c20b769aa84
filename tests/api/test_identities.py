"""An anonymous history becomes a user's: nothing lost, nothing doubled, all or nothing, whatever happens meanwhile."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest

from domain.bootstrap import open_worker
from domain.ids import SubjectId, UserId
from domain.privacy.model import ConsentPurpose, PrivacyLevel
from domain.storage.postgres import Database, Databases
from domain.storage.roles import Role
from graphql_api.auth import Scope
from tests.api.graphql_room import LEARN, OWN, TRACK, Graph, caller
from tests.api.rest_room import AGREED, RestRoom, token
from tests.api.test_profiles import CORRECT, READ, STATE, correcting, stating, values

ANNA, VISITOR = "anna@example.com", "visitor-1"
MERGE = """mutation Merge($input: MergeIdentityInput!) { mergeIdentity(input: $input) { __typename
  ... on IdentityMerged { userId anonymousId mergedNow events version } ... on Problem { code message field } } }"""


@pytest.fixture
async def anna(room: RestRoom) -> Graph:
    for user in (ANNA, VISITOR):
        await room.agree(user)
    return caller(room.app, room.tenant, ANNA)


@pytest.fixture
async def visitor(room: RestRoom) -> Graph:
    return caller(room.app, room.tenant, VISITOR)


def merging(room: RestRoom, anonymous: str = VISITOR, user: str = ANNA) -> dict[str, Any]:
    proof = token(room.tenant, anonymous, OWN)
    return {"userId": user, "anonymousId": anonymous, "anonymousToken": proof}


def acting(user: str, *templates: str, **more: Any) -> dict[str, Any]:
    return {"userId": user, "actions": [{"type": "template_used", "feature": t} for t in templates], **more}


async def subject_of(room: RestRoom, user: str) -> SubjectId:
    subject = await room.services.directory.resolve(room.tenant, UserId(user))
    assert subject is not None
    return subject.subject_id


async def counted(database: Database, room: RestRoom, subject: SubjectId) -> dict[str, int]:
    """How many rows a person has in each table that merging touches."""
    names = ("user_behavior_events", "user_feedback", "user_sessions", "recommendations",
             "recommendation_interactions", "user_profiles", "consents")  # fmt: skip
    async with database.transaction(room.tenant, (subject,)) as tx:
        return {n: await tx.value(f"SELECT count(*) FROM {n} WHERE subject_id = $1", subject) for n in names}


async def test_everything_moves_and_later_calls_lead_to_the_user(
    room: RestRoom, anna: Graph, visitor: Graph, database: Database, databases: Databases
) -> None:
    said = {"feedback": [{"type": "visual", "sentiment": "POSITIVE", "comment": "lovely"}], "sessionId": "visit"}
    await visitor.ask(LEARN, input={**acting(VISITOR, "template_1", "template_2"), **said})
    listed = await visitor.ids(VISITOR)
    await visitor.ask(TRACK, input={"userId": VISITOR, "itemId": listed[0], "action": "USED"})
    await visitor.ask(STATE, input=stating(VISITOR, pace={"fast": 1.0}))
    await anna.ask(LEARN, input=acting(ANNA, "template_3", sessionId="visit"))
    await room.learn()
    theirs, hers = await subject_of(room, VISITOR), await subject_of(room, ANNA)
    before = [await counted(database, room, subject) for subject in (theirs, hers)]

    merged = await anna.ask(MERGE, input=merging(room))
    assert (merged["__typename"], merged["mergedNow"], merged["events"]) == ("IdentityMerged", True, 4)
    after = await counted(database, room, hers)
    for table in ("user_behavior_events", "user_feedback", "recommendations", "recommendation_interactions"):
        assert after[table] == before[0][table] + before[1][table], table
    assert after["user_sessions"] == 1
    assert set((await counted(database, room, theirs)).values()) == {0}

    await visitor.ask(LEARN, input=acting(VISITOR, "template_4"))
    await room.learn()
    profile = await anna.ask(READ, user=ANNA)
    assert {f"template_{n}" for n in range(1, 5)} <= set(values(profile, "template"))
    assert values(profile, "pace") == {"fast": "STATED"}
    assert profile["eventCount"] == 6
    assert not {"template_1", "template_2", "template_3", "template_4"} & set(await anna.ids(ANNA, first=30))
    assert await subject_of(room, VISITOR) == hers
    async with databases[Role.KEYS].transaction(room.tenant, (theirs,)) as tx:
        assert await tx.value("SELECT count(*) FROM vault.data_keys") == 0


async def test_merging_again_changes_nothing(room: RestRoom, anna: Graph, visitor: Graph) -> None:
    await visitor.ask(LEARN, input=acting(VISITOR, "template_1"))
    first = await anna.ask(MERGE, input=merging(room))
    profile = await anna.ask(READ, user=ANNA)
    again = await anna.ask(MERGE, input=merging(room))
    assert again == {**first, "mergedNow": False, "events": 0}
    assert await anna.ask(READ, user=ANNA) == profile


async def test_of_many_merges_at_once_one_merges(room: RestRoom, anna: Graph, visitor: Graph) -> None:
    await visitor.ask(LEARN, input=acting(VISITOR, "template_1"))
    merges = await asyncio.gather(*(anna.ask(MERGE, input=merging(room)) for _ in range(4)))
    assert sorted((m["__typename"], m["mergedNow"], m["events"]) for m in merges) == [
        *[("IdentityMerged", False, 0)] * 3,
        ("IdentityMerged", True, 1),
    ]


async def test_a_retry_across_the_merge_adds_nothing(room: RestRoom, anna: Graph, visitor: Graph) -> None:
    report = acting(VISITOR, "template_1", idempotencyKey="once")
    await visitor.ask(LEARN, input=report)
    await anna.ask(MERGE, input=merging(room))
    retried = await visitor.ask(LEARN, input=report)
    assert (retried["accepted"], retried["duplicates"]) == (0, 1)


async def test_an_event_told_under_both_ids_happened_once(
    room: RestRoom, anna: Graph, visitor: Graph, database: Database
) -> None:
    action = {"type": "template_used", "feature": "template_1", "eventId": str(uuid4())}
    for graph, user in ((visitor, VISITOR), (anna, ANNA)):
        await graph.ask(LEARN, input={"userId": user, "actions": [action], "sessionId": "visit"})
    await anna.ask(MERGE, input=merging(room))
    hers = await subject_of(room, ANNA)
    assert (await counted(database, room, hers))["user_behavior_events"] == 1
    async with database.transaction(room.tenant, (hers,)) as tx:
        assert await tx.rows("SELECT event_count FROM user_sessions") == [(1,)]


async def test_a_merge_needs_a_proof_of_the_anonymous_id(room: RestRoom, anna: Graph) -> None:
    bert = token(room.tenant, "bert", OWN)
    for proof in (None, "", "no-token", bert):
        refused = await anna.ask(MERGE, input={**merging(room), "anonymousToken": proof})
        assert (refused["__typename"], refused["field"]) == ("ForbiddenProblem", "anonymousToken")
    other = await anna.ask(MERGE, input=merging(room, user="bert"))
    assert other["__typename"] == "NotFoundProblem"
    backend = caller(room.app, room.tenant, "backend", {Scope.PROFILE_WRITE, Scope.ACT_AS})
    assert (await backend.ask(MERGE, input={"userId": ANNA, "anonymousId": VISITOR}))["mergedNow"]


async def test_an_id_is_never_merged_into_two_users(room: RestRoom, anna: Graph) -> None:
    await room.agree("bert")
    await anna.ask(MERGE, input=merging(room))
    bert = caller(room.app, room.tenant, "bert")
    refused = await bert.ask(MERGE, input=merging(room, user="bert"))
    assert (refused["__typename"], refused["field"]) == ("ConflictProblem", "anonymousId")
    assert await anna.ask(READ, user=ANNA) is not None
    itself = await anna.ask(MERGE, input=merging(room, anonymous=ANNA))
    assert (itself["__typename"], itself["field"]) == ("ValidationProblem", "anonymousId")


async def test_an_id_of_whom_nothing_is_known_leads_to_the_user_from_now_on(room: RestRoom, anna: Graph) -> None:
    stranger = caller(room.app, room.tenant, "stranger")
    assert (await anna.ask(MERGE, input=merging(room, anonymous="stranger")))["events"] == 0
    await stranger.ask(LEARN, input=acting("stranger", "template_9"))
    await room.learn()
    assert "template_9" in values(await anna.ask(READ, user=ANNA), "template")


async def test_ids_that_were_merged_into_one_that_is_merged_follow_it(room: RestRoom, anna: Graph) -> None:
    backend = caller(room.app, room.tenant, "backend", {Scope.PROFILE_WRITE, Scope.ACT_AS})
    for anonymous, user in (("tablet", VISITOR), (VISITOR, ANNA)):
        assert (await backend.ask(MERGE, input={"userId": user, "anonymousId": anonymous}))["mergedNow"]
    assert await subject_of(room, "tablet") == await subject_of(room, ANNA)


async def in_live_counts(database: Database, room: RestRoom) -> int:
    """For how many items Anna is counted."""
    async with database.transaction(room.tenant, (await subject_of(room, ANNA),)) as tx:
        return int(await tx.value("SELECT count(*) FROM user_interest"))


async def test_the_stricter_consent_wins(room: RestRoom, anna: Graph, visitor: Graph, database: Database) -> None:
    await visitor.ask(LEARN, input=acting(VISITOR, "template_1"))
    await anna.ask(LEARN, input=acting(ANNA, "template_2"))
    await room.learn()
    assert await in_live_counts(database, room) == 1
    privacy, tenant = room.services.privacy, room.tenant
    training = {ConsentPurpose.TRAINING}
    await privacy.record_consent(tenant, UserId(VISITOR), training, granted=False, evidence=AGREED)
    await anna.ask(MERGE, input=merging(room))
    settings = await privacy.settings(tenant, UserId(ANNA))
    assert settings.subject is not None
    assert settings.collects
    assert not settings.subject.trains
    assert ConsentPurpose.TRAINING in settings.subject.consents.withdrawn
    assert await in_live_counts(database, room) == 0

    await room.agree("carl")
    await caller(room.app, tenant, "carl").ask(LEARN, input=acting("carl", "template_5"))
    await privacy.update_settings(tenant, UserId(ANNA), level=PrivacyLevel.STRICT, evidence=AGREED)
    await anna.ask(MERGE, input=merging(room, anonymous="carl"))
    settings = await privacy.settings(tenant, UserId(ANNA))
    assert (settings.privacy_level, settings.collects) == (PrivacyLevel.STRICT, False)
    # What may not be kept of her is neither kept nor taken over.
    rows = await counted(database, room, await subject_of(room, ANNA))
    assert rows["user_behavior_events"] == 0


async def test_a_user_who_has_said_nothing_takes_over_what_the_visitor_said(room: RestRoom, visitor: Graph) -> None:
    await room.agree(VISITOR)
    await visitor.ask(LEARN, input=acting(VISITOR, "template_1"))
    newcomer = caller(room.app, room.tenant, "newcomer")
    await newcomer.ask(MERGE, input=merging(room, user="newcomer"))
    profile = await newcomer.ask(READ, user="newcomer")
    assert list(values(profile, "template")) == ["template_1"]


async def test_statements_and_corrections_of_both_count_the_later_first(
    room: RestRoom, anna: Graph, visitor: Graph
) -> None:
    await anna.ask(STATE, input=stating(pace={"slow": 1.0}, colour={"red": 1.0}))
    await visitor.ask(STATE, input=stating(VISITOR, pace={"fast": 1.0}))
    await visitor.ask(CORRECT, input=correcting("tag", "clean", "WRONG", VISITOR))
    await anna.ask(MERGE, input=merging(room))
    profile = await anna.ask(READ, user=ANNA)
    assert (values(profile, "pace"), values(profile, "colour")) == ({"fast": "STATED"}, {"red": "STATED"})
    assert [c["value"] for c in profile["corrections"]] == ["clean"]


async def test_events_that_arrive_while_merging_are_neither_lost_nor_doubled(
    room: RestRoom, anna: Graph, visitor: Graph
) -> None:
    async def report(graph: Graph, user: str, n: int) -> None:
        answer = await graph.ask(LEARN, input=acting(user, f"template_{n}", sessionId="visit"))
        assert answer["__typename"] == "EventsRecorded", answer

    async def work() -> None:
        async with open_worker(room.settings) as worker:
            for _ in range(20):
                await worker.services.profiles.learn_batch(3)

    reports = [report(*((visitor, VISITOR) if n % 2 else (anna, ANNA)), n) for n in range(30)]
    merge = anna.ask(MERGE, input=merging(room))
    *_, merged = await asyncio.gather(work(), *reports[:15], *reports[15:], merge)
    assert merged["__typename"] == "IdentityMerged", merged
    await room.learn()
    profile = await anna.ask(READ, user=ANNA)
    assert profile["eventCount"] == profile["learnedFrom"] == 30
    assert {v["evidence"] for f in profile["facets"] if f["name"] == "template" for v in f["values"]} == {1}
