"""Parameters for video generation from outside: they follow what people kept, and tell nobody's secrets."""

from domain.ids import UserId
from domain.privacy.model import ConsentPurpose, PrivacyLevel
from domain.settings import Settings
from domain.storage.postgres import Database
from tests.api.generation_room import MOBILE, PARAMETERS, REPORT, SPEC_BODY, USER, asked, count, keep, told
from tests.api.graphql_room import caller
from tests.api.rest_room import AGREED, RestRoom, application


async def test_the_documented_example_is_answered(room: RestRoom) -> None:
    async with room.caller(USER) as client:
        answer = await asked(client)
    parameters = answer["parameters"]
    assert parameters["aspectRatio"] == {
        "value": "9:16", "unit": "", "source": "DEFAULT", "confidence": 0.0, "evidence": 0,
    }  # fmt: skip
    assert parameters["durationSeconds"]["value"] == 20
    assert not answer["personalized"]
    assert answer["usedData"]["categories"] == answer["usedData"]["purposes"] == []


async def test_kept_videos_change_the_next_parameters(room: RestRoom) -> None:
    await room.agree(USER)
    async with room.caller(USER) as client:
        for number in range(6):
            await told(client, number=number)
        answer = await asked(client)
    pace, duration = answer["parameters"]["pace"], answer["parameters"]["durationSeconds"]
    assert (pace["value"], pace["source"], pace["evidence"]) == ("slow", "PERSON_CONTEXT", 6)
    assert 0.5 < pace["confidence"] < 1
    assert 40 <= duration["value"] <= 45
    assert answer["usedData"]["categories"] == ["generation_outcomes"]


async def test_what_was_edited_counts_as_it_was_left(room: RestRoom) -> None:
    await room.agree(USER)
    async with room.caller(USER) as client:
        for number in range(5):
            await told(client, number=number, outcome="edited", editedParameters={"pace": "medium"})
        answer = await asked(client)
    assert answer["parameters"]["pace"]["value"] == "medium"


async def test_another_context_carries_over_only_what_does_not_hang_on_it(room: RestRoom) -> None:
    await room.agree(USER)
    chosen = {"aspectRatio": "16:9", "visualStyle": "retro"}
    async with room.caller(USER) as client:
        for number in range(8):
            await told(client, number=number, purpose="business", device="desktop", parameters=chosen)
        parameters = (await asked(client))["parameters"]
    assert (parameters["aspectRatio"]["value"], parameters["aspectRatio"]["source"]) == ("9:16", "DEFAULT")
    assert (parameters["visualStyle"]["value"], parameters["visualStyle"]["source"]) == ("retro", "PERSON")


async def test_discarded_videos_speak_against_their_values(room: RestRoom) -> None:
    await room.agree(USER)
    async with room.caller(USER) as client:
        for number in range(8):
            await told(client, number=number, outcome="discarded", parameters={"pace": "fast"})
        answer = await asked(client)
    assert answer["parameters"]["pace"]["value"] != "fast"


async def test_a_failed_render_says_nothing_of_taste(room: RestRoom) -> None:
    await room.agree(USER)
    async with room.caller(USER) as client:
        before = await asked(client)
        assert (await told(client, outcome="failed"))["outcome"] == "failed"
        assert await asked(client) == before


async def test_strict_people_get_exactly_the_anonymous_answer(room: RestRoom) -> None:
    await room.agree(USER)
    body = {"context": MOBILE, "userId": USER}
    async with room.caller(USER) as client, room.caller("nobody") as nobody:
        anonymous = await asked(nobody, {**body, "userId": "nobody"})
        for number in range(6):
            await told(client, number=number)
        assert await asked(client, body) != anonymous
        assert await asked(client, {**body, "personalized": False}) == anonymous
        await room.services.privacy.update_settings(
            room.tenant, UserId(USER), level=PrivacyLevel.STRICT, evidence=AGREED
        )
        assert await asked(client, body) == anonymous


async def test_what_the_person_states_wins(room: RestRoom) -> None:
    await room.agree(USER)
    await room.services.privacy.record_consent(
        room.tenant, UserId(USER), {ConsentPurpose.STATED_PREFERENCES}, granted=True, evidence=AGREED
    )
    graph = caller(room.app, room.tenant, USER)
    stated = """mutation S($input: UpdateProfileInput!) { updateProfile(input: $input) { __typename } }"""
    preferences = [
        {"facet": "aspectRatio", "values": [{"value": "1:1", "weight": 1}]},
        {"facet": "pace", "values": [{"value": "slow", "weight": -1}]},
        {"facet": "duration", "values": [{"value": "100", "weight": 1}]},
    ]
    async with room.caller(USER) as client:
        for number in range(6):
            await told(client, number=number)
        assert (await graph.ask(stated, input={"userId": USER, "preferences": preferences}))["__typename"]
        parameters = (await asked(client))["parameters"]
    assert parameters["aspectRatio"] == {
        "value": "1:1", "unit": "", "source": "STATED", "confidence": 1.0, "evidence": 1,
    }  # fmt: skip
    assert parameters["pace"]["value"] != "slow"
    assert (parameters["durationSeconds"]["source"], parameters["durationSeconds"]["value"]) == ("STATED", 61)


async def test_newcomers_begin_where_enough_others_ended(room: RestRoom) -> None:
    for n in range(5):
        assert (await count(room)) == n
        async with room.caller("newcomer") as client:
            found = await asked(client, {**SPEC_BODY, "userId": "newcomer"})
        assert found["parameters"]["music"]["source"] == "DEFAULT"
        await keep(room, f"person_{n}", parameters={"music": "cinematic", "durationSeconds": 60 + n})
    assert (await count(room)) == 5
    async with room.caller("newcomer") as client:
        answer = await asked(client, {**SPEC_BODY, "userId": "newcomer"})
    music, duration = answer["parameters"]["music"], answer["parameters"]["durationSeconds"]
    assert (music["value"], music["source"], music["evidence"]) == ("cinematic", "GLOBAL", 5)
    assert 20 < duration["value"] <= 62
    assert not answer["personalized"]


async def test_one_person_who_generates_a_lot_decides_nothing_for_others(room: RestRoom) -> None:
    await room.agree("busy")
    async with room.caller("busy") as client:
        for number in range(30):
            await told(client, userId="busy", number=number, parameters={"music": "hip_hop"})
    for n in range(4):
        await keep(room, f"person_{n}", parameters={"music": "cinematic"})
    await count(room)
    async with room.caller("newcomer") as client:
        answer = await asked(client, {**SPEC_BODY, "userId": "newcomer"})
    assert answer["parameters"]["music"]["source"] == "DEFAULT"


async def test_whoever_withdraws_training_is_in_no_later_count(room: RestRoom) -> None:
    for n in range(5):
        await keep(room, f"person_{n}", parameters={"music": "cinematic"})
    await count(room)
    await room.services.privacy.record_consent(
        room.tenant, UserId("person_0"), {ConsentPurpose.TRAINING}, granted=False, evidence=AGREED
    )
    assert await count(room) == 4
    async with room.caller("newcomer") as client:
        answer = await asked(client, {**SPEC_BODY, "userId": "newcomer"})
    assert answer["parameters"]["music"]["source"] == "DEFAULT"


async def test_people_of_ones_segment_come_before_everybody(room: RestRoom, database: Database) -> None:
    for n in range(10):
        await keep(room, f"person_{n}", parameters={"music": "cinematic" if n < 5 else "hip_hop"})
        await put_in_segment(room, database, f"person_{n}", n // 5)
    await count(room)
    found = {}
    for user, segment in (("newcomer", 0), ("another", 1)):
        await room.agree(user)
        await put_in_segment(room, database, user, segment)
        async with room.caller(user) as client:
            answer = await asked(client, {**SPEC_BODY, "userId": user})
        assert answer["usedData"]["categories"] == ["segment"]
        music = answer["parameters"]["music"]
        found[user] = (music["value"], music["source"], music["evidence"])
    assert found == {"newcomer": ("cinematic", "SEGMENT", 5), "another": ("hip_hop", "SEGMENT", 5)}


async def put_in_segment(room: RestRoom, database: Database, user: str, segment: int) -> None:
    subject = await room.services.directory.resolve(room.tenant, UserId(user))
    assert subject is not None
    async with database.transaction(room.tenant, (subject.subject_id,)) as tx:
        await tx.execute(
            "INSERT INTO user_segments (subject_id, model_version, tenant_id, segment, confidence, assigned_at) "
            "VALUES ($1, 'm1', $2, $3, 0.9, now())",
            subject.subject_id,
            room.tenant,
            segment,
        )


async def test_without_learning_statements_and_defaults_remain(room: RestRoom, rest_settings: Settings) -> None:
    await room.agree(USER)
    async with room.caller(USER) as client:
        for number in range(6):
            await told(client, number=number)
    async with application(rest_settings.model_copy(update={"ml_enabled": False})) as app:
        off = RestRoom(app, rest_settings, room.tenant)
        async with off.caller(USER) as client:
            answer = await asked(client)
    assert {one["source"] for one in answer["parameters"].values()} == {"DEFAULT"}


async def test_graphql_says_the_same(room: RestRoom) -> None:
    await room.agree(USER)
    graph = caller(room.app, room.tenant, USER)
    report = {
        "userId": USER,
        "generationId": "g",
        "context": MOBILE,
        "style": "modern",
        "parameters": {"fps": 60, "guidance": 9.5},
        "attributes": {"seed": 7},
        "outcome": "EDITED",
        "editedParameters": {"durationSeconds": 45},
        "rating": 5,
    }
    first = await graph.ask(REPORT, input=report)
    assert (first["__typename"], first["outcome"], first["duplicate"]) == ("GenerationRecorded", "EDITED", False)
    assert (await graph.ask(REPORT, input=report))["duplicate"]
    found = await graph.ask(PARAMETERS, user=USER, context=MOBILE)
    async with room.caller(USER) as client:
        rest = await asked(client)
    by_name = {one.pop("name"): one for one in found["parameters"]}
    assert by_name == rest["parameters"]
    assert by_name["visualStyle"]["value"] == "modern"
    assert by_name["fps"]["value"] == 60
