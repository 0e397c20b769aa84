"""Lists from the memory of a process: drawn and noted anew, shown only while the person is who they were made for."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import orjson
import pytest
from redis.asyncio import Redis

from domain.behavior.model import Action, BehaviorData
from domain.bootstrap import Services, open_services
from domain.caching.model import Lookup, Outcome, lookups
from domain.ids import SubjectId, UserId
from domain.privacy.model import OBSERVED_PURPOSES, ConsentPurpose
from domain.recommendations.page import RecommendationList, RecommendationRequest
from domain.storage.postgres import Database, Transaction, statements_run
from graphql_api.rest.recommendations import RecommendationsAnswer, told
from tests.api.rest_room import AGREED, RestRoom

ANNA = UserId("anna")
USED = BehaviorData(actions=(Action("template_used", "template_1"),))
WITHDRAWN = """
    INSERT INTO consents (tenant_id, subject_id, consent_id, purpose, granted, policy_version, source, jurisdiction,
                          legal_basis, recorded_at)
    VALUES ($1, $2, $3, 'personalization', false, '2026', 'tests', 'DE', 'consent', now())"""


@pytest.fixture
async def own(room: RestRoom) -> AsyncIterator[Services]:
    """A process in whose memory nobody is yet but Anna, whose list it has served twice."""
    await room.agree(ANNA)
    async with open_services(room.settings) as services:
        await services.behavior.learn_preferences(room.tenant, ANNA, USED)
        for _ in range(2):
            await listed(services, room)
        yield services


async def listed(services: Services, room: RestRoom) -> tuple[RecommendationList, Lookup]:
    """The person's list, and what came of the cache."""
    noted: list[Lookup] = []
    token = lookups.set(noted)
    page = await services.recommendations.recommend(room.tenant, ANNA, RecommendationRequest())
    lookups.reset(token)
    return page, noted[-1]


async def person(room: RestRoom) -> SubjectId:
    subject = await room.services.directory.resolve(room.tenant, ANNA)
    assert subject is not None
    return subject.subject_id


async def exposures(database: Database, room: RestRoom, subject: SubjectId) -> set[UUID]:
    async with database.transaction(room.tenant, (subject,)) as tx:
        return {row[0] for row in await tx.rows("SELECT recommendation_id FROM recommendations")}


async def test_a_list_from_memory_takes_one_statement_and_has_its_own_id_draws_and_exposure(
    own: Services, room: RestRoom, database: Database
) -> None:
    async with Redis.from_url(str(room.settings.redis_url)) as redis:
        for key in [key async for key in redis.scan_iter(f"rec:{{{room.tenant}/*")]:
            await redis.delete(key)
    subject, pages, counted = await person(room), list[RecommendationList](), list[int]()
    for _ in range(12):
        sent: list[str] = []
        token = statements_run.set(sent)
        page, lookup = await listed(own, room)
        statements_run.reset(token)
        assert lookup.outcome is Outcome.HIT
        pages.append(page)
        counted.append(len(sent))
    # Beside the versions of catalogue, model and rules, which are read anew every second.
    assert min(counted) == 1
    assert {page.recommendation_id for page in pages} <= await exposures(database, room, subject)
    assert len({page.recommendation_id for page in pages}) == len(pages)
    assert len({tuple(item.item_id for item in page.items if item.propensity < 1) for page in pages}) > 1
    assert len({tuple(item.item_id for item in page.items if item.propensity == 1) for page in pages}) == 1


async def bumped(tx: Transaction, room: RestRoom, subject: SubjectId) -> None:
    await tx.execute("UPDATE subjects SET version = version + 1 WHERE subject_id = $1", subject)


async def changed_silently(tx: Transaction, room: RestRoom, subject: SubjectId) -> None:
    await tx.execute("UPDATE subjects SET unannounced = unannounced + 1 WHERE subject_id = $1", subject)


async def withdrawn(tx: Transaction, room: RestRoom, subject: SubjectId) -> None:
    """The receipt alone, without a version: the check looks at consent itself."""
    await tx.execute(WITHDRAWN, room.tenant, subject, uuid4())


async def unobserved(tx: Transaction, room: RestRoom, subject: SubjectId) -> None:
    await tx.execute("UPDATE subjects SET collects = false WHERE subject_id = $1", subject)


async def made_strict(tx: Transaction, room: RestRoom, subject: SubjectId) -> None:
    await tx.execute("UPDATE subjects SET privacy_level = 'strict' WHERE subject_id = $1", subject)


async def erased(tx: Transaction, room: RestRoom, subject: SubjectId) -> None:
    await tx.execute("UPDATE subjects SET erased_at = $2 WHERE subject_id = $1", subject, datetime.now(UTC))


Change = Callable[[Transaction, RestRoom, SubjectId], Awaitable[None]]


@pytest.mark.parametrize(
    ("change", "personal"),
    [
        (bumped, True),
        (changed_silently, True),
        (withdrawn, False),
        (unobserved, False),
        (made_strict, False),
        (erased, False),
    ],
)
async def test_what_changes_between_draw_and_note_is_seen(
    change: Change, personal: bool, own: Services, room: RestRoom, database: Database
) -> None:
    subject = await person(room)
    before = await exposures(database, room, subject)
    async with database.transaction(room.tenant, (subject,)) as tx:
        await tx.execute("SELECT FROM subjects WHERE subject_id = $1 FOR UPDATE", subject)
        asked = [asyncio.create_task(listed(own, room)) for _ in range(3)]
        # The lists are drawn, and their notes wait for whoever decides about the person.
        while not await tx.value(  # noqa: ASYNC110 - PostgreSQL alone knows who waits
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
        ):
            await asyncio.sleep(0.005)
        await change(tx, room, subject)
    for page, lookup in await asyncio.gather(*asked):
        assert page.personalized == personal
        assert lookup.outcome is Outcome.MISS or lookup.collapsed or not personal
    shown = {page.recommendation_id for page, _ in (task.result() for task in asked)}
    assert await exposures(database, room, subject) - before == (shown if personal else set())


async def test_no_list_after_a_withdrawal_is_personal_and_none_of_before_stays_noted(
    own: Services, room: RestRoom, database: Database
) -> None:
    subject, left = await person(room), False

    async def read() -> None:
        personal = True
        while personal or not left:
            late = left
            personal = (await listed(own, room))[0].personalized
            assert not (late and personal)

    readers = [asyncio.create_task(read()) for _ in range(6)]
    async with open_services(room.settings) as elsewhere:
        for _ in range(3):
            await elsewhere.behavior.learn_preferences(room.tenant, ANNA, USED)
        await elsewhere.privacy.record_consent(room.tenant, ANNA, OBSERVED_PURPOSES, granted=False, evidence=AGREED)
    left = True
    await asyncio.gather(*readers)
    assert await exposures(database, room, subject) == set()


async def test_what_another_process_writes_is_in_the_next_list(own: Services, room: RestRoom) -> None:
    async with open_services(room.settings) as elsewhere:
        for n in range(2, 6):
            data = BehaviorData(actions=(Action("template_used", f"template_{n}"),))
            await elsewhere.behavior.learn_preferences(room.tenant, ANNA, data)
            page, lookup = await listed(own, room)
            assert lookup.outcome is Outcome.MISS
            assert f"template_{n}" not in {item.item_id for item in page.items}
            assert (await listed(own, room))[1].outcome is Outcome.HIT


async def test_who_comes_back_after_an_erasure_is_somebody_new(own: Services, room: RestRoom) -> None:
    request = await room.services.rights.request_erasure(room.tenant, ANNA)
    await room.services.rights.finish(room.tenant, request.request_id)
    page, _ = await listed(own, room)
    assert (page.personalized, page.version) == (False, 0)
    await room.services.privacy.record_consent(
        room.tenant, ANNA, {*OBSERVED_PURPOSES} - {ConsentPurpose.TRAINING}, granted=True, evidence=AGREED
    )
    page, _ = await listed(own, room)
    assert not page.personalized


async def test_a_page_over_rest_is_what_its_description_says_of_it_also_when_it_is_told_again(
    own: Services, room: RestRoom
) -> None:
    for _ in range(2):
        page, _ = await listed(own, room)
        for _ in range(2):
            answer = RecommendationsAnswer.model_validate_json(told(page))
            assert answer == RecommendationsAnswer.of(page)
            assert orjson.loads(told(page)) == orjson.loads(answer.model_dump_json(by_alias=True))
    assert {item.position for item in page.items} == set(range(len(page.items)))


async def test_the_places_of_one_person_are_never_told_to_another(own: Services, room: RestRoom) -> None:
    await room.agree("bert")
    data = BehaviorData(actions=(Action("template_used", "template_5"),))
    await own.behavior.learn_preferences(room.tenant, UserId("bert"), data)
    evidence = set()
    for _ in range(3):
        await listed(own, room)
        page = await own.recommendations.recommend(room.tenant, UserId("bert"), RecommendationRequest())
        listing = orjson.loads(told(page))["recommendations"]
        evidence |= {item for place in listing for reason in place["reasons"] for item in reason["evidence"]}
        assert [place["itemId"] for place in listing] == [item.item_id for item in page.items]
    assert evidence <= {"template_5"}
