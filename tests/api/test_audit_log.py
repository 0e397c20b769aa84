"""Who did what to whom, and when: noted through every door, naming nobody, and changed by nobody unseen.

That it is noted before it is done stands in `test_audit_attempts.py`.
"""

import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from domain.bootstrap import open_worker
from domain.ids import TenantId, UserId
from domain.jobs.model import JobKind
from domain.storage.postgres import Database
from graphql_api.auth import Scope
from graphql_api.noting import ORDINARY
from graphql_api.schema import build_schema
from tests.api.command import personalization
from tests.api.graphql_room import CONSENT, Graph, begun, caller, consent, served
from tests.api.rest_room import LEARNT, RestRoom, token
from tests.storage.test_model_store import artifact
from workers.main import retain_all
from workers.privacy import PrivacyWork

ANNA, OLGA = "anna@example.com", "olga"
LOG = """query L($first: Int! = 50, $after: String, $user: String) {
  auditLog(first: $first, after: $after, userId: $user) { intact
    entries { number action actor subject object outcome concludes door correlationId doneAt digest }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
RULE = '{ ruleId: "r1", kind: EXCLUDE, items: { itemIds: ["modern"] } }'


@pytest.fixture
async def olga(room: RestRoom) -> Graph:
    return caller(room.app, room.tenant, OLGA, Scope)


async def entries(olga: Graph, **asked: Any) -> list[dict[str, Any]]:
    page = await olga.ask(LOG, **asked)
    assert page["intact"]
    found: list[dict[str, Any]] = page["entries"]
    attempted = {entry["number"] for entry in found if entry["outcome"] == "ATTEMPTED"}
    concluded = [entry for entry in found if entry["concludes"] is not None]
    assert attempted == {entry["concludes"] for entry in concluded}
    return concluded


async def test_every_door_notes_the_same_act(room: RestRoom, olga: Graph) -> None:
    anna = caller(room.app, room.tenant, ANNA)
    await anna.post({"query": CONSENT, "variables": {"input": consent(ANNA, granted=True)}}, X_Correlation_ID="7c" * 16)
    async with served(room.app) as address, begun(address, f"Bearer {token(room.tenant, ANNA)}") as opened:
        await opened.subscribe(CONSENT, input=consent(ANNA, granted=False))
        await opened.next()
        assert (await opened.receive())["type"] == "complete"
    async with room.caller(ANNA) as client:
        await client.post("/privacy", json={"userId": ANNA, "privacyLevel": "strict"})
        agreed = {"granted": False, "policyVersion": "2026-01"}
        await client.post("/privacy", json={"userId": ANNA, "consent": agreed})
        await client.post("/privacy", json={"userId": ANNA, "request": "export"})
        await client.post("/privacy", json={"userId": ANNA, "request": "erasure"})
    found = await entries(olga)
    assert [(e["number"], e["action"], e["door"], e["outcome"]) for e in found] == [
        ("12", "requestErasure", "rest", "OK"),
        ("10", "requestExport", "rest", "OK"),
        ("8", "recordConsent", "rest", "OK"),
        ("6", "updatePrivacy", "rest", "OK"),
        ("4", "recordConsent", "graphql", "OK"),
        ("2", "recordConsent", "graphql", "OK"),
    ]
    assert found[-1]["correlationId"] == "7c" * 16
    assert {e["actor"] for e in found} == {e["subject"] for e in found} != {None}


async def test_who_is_shown_somebody_elses_data_is_noted_once_an_hour(room: RestRoom, olga: Graph) -> None:
    await room.agree(ANNA)
    for asker in (olga, caller(room.app, room.tenant, ANNA)):
        for _ in range(2):
            await asker.ask("query P($user: String!) { profile(userId: $user) { version } }", user=ANNA)
            await asker.ask("query P($user: String!) { privacySettings(userId: $user) { collects } }", user=ANNA)
            await asker.ask("query P($user: String!) { privacyRequests(userId: $user) { kind } }", user=ANNA)
            await asker.ask("query P($user: String!) { users(userIds: [$user]) { userId } }", user=ANNA)
            await asker.ask("query P($user: String!) { metrics(userId: $user) { days } }", user=ANNA)
    async with room.caller("rosa", Scope) as client:
        assert (await client.get(f"/profile/{ANNA}")).status_code == 200
    page = await olga.ask(LOG, user=ANNA)
    assert page["intact"]
    assert [(e["action"], e["door"], e["outcome"]) for e in page["entries"]] == [
        ("profile", "rest", "OK"),
        *((name, "graphql", "OK") for name in ("metrics", "users", "privacyRequests", "privacySettings", "profile")),
    ]


async def test_what_workers_do_by_themselves_is_noted(room: RestRoom, olga: Graph) -> None:
    await room.agree(ANNA)
    async with open_worker(room.settings) as worker:
        await worker.services.rights.request_erasure(room.tenant, UserId(ANNA))
        work = PrivacyWork(worker.services.rights, worker.services.audit)
        job = await worker.services.job_store.unfinished(room.tenant, JobKind.PRIVACY)
        assert job is not None
        await work.run(job, lambda *_told: None)
        await retain_all({"parts": worker})
    await room.leave_no_job()
    assert [(e["action"], e["door"], e["object"]) for e in await entries(olga)] == [
        ("runRetention", "worker", "rows:0"),
        ("finishPrivacyRequests", "worker", "finished:1"),
    ]


async def test_what_an_operator_does_names_the_thing_and_the_person_by_pseudonym(room: RestRoom, olga: Graph) -> None:
    await olga.whole(f"mutation {{ upsertRules(input: {{ rules: [{RULE}] }}) {{ __typename }} }}")
    await olga.whole('mutation { deleteRules(input: { ruleIds: ["r1"] }) { __typename } }')
    await olga.whole('mutation { promoteModel(input: { version: "20260101T000000.000Z-00000000" }) { __typename } }')
    await olga.ask(CONSENT, input=consent(ANNA, granted=True))
    found = {entry["action"]: entry for entry in await entries(olga)}
    assert (found["deleteRules"]["object"], found["deleteRules"]["outcome"]) == ("r1", "OK")
    promoted = found["promoteModel"]
    assert (promoted["object"], promoted["outcome"]) == ("20260101T000000.000Z-00000000", "NOT_FOUND")
    assert found["recordConsent"]["actor"] == promoted["actor"] != found["recordConsent"]["subject"]
    assert [e["action"] for e in await entries(olga, user=ANNA)] == ["recordConsent"]
    assert len(await entries(olga, user=OLGA)) == 4
    assert await entries(olga, user="nobody") == []


async def test_a_refused_act_is_noted_however_it_is_spelt(room: RestRoom, olga: Graph) -> None:
    bert = caller(room.app, room.tenant, "bert", {Scope.RECOMMENDATIONS_READ, Scope.PRIVACY_WRITE})
    await bert.whole(
        "mutation M($v: String!) { ...F } fragment F on Mutation { ... on Mutation { "
        "hidden: promoteModel(input: { version: $v }) { __typename } } }",
        v="1.0",
    )
    await bert.whole(CONSENT, input=consent(ANNA, granted=True))
    async with room.caller("bert") as client:
        await client.post("/privacy", json={"userId": ANNA, "privacyLevel": "standard"})
    found = await entries(olga)
    assert [(e["action"], e["outcome"]) for e in found] == [
        ("updatePrivacy", "NOT_FOUND"),
        ("recordConsent", "NOT_FOUND"),
        ("promoteModel", "FORBIDDEN"),
    ]


async def test_ordinary_use_and_reading_are_not_noted(room: RestRoom, olga: Graph) -> None:
    await room.agree(ANNA)
    async with room.caller(ANNA) as anna:
        assert (await anna.post("/learn-preferences", json={"userId": ANNA, "behaviorData": LEARNT})).is_success
        assert (await anna.post("/recommendations", json={"userId": ANNA})).is_success
    assert await entries(olga) == []


def test_every_change_is_noted_unless_it_is_ordinary() -> None:
    kind = build_schema()._schema.mutation_type
    assert kind is not None
    assert set(kind.fields) >= ORDINARY
    assert {"recordConsent", "updatePrivacy", "promoteModel", "upsertRules", "syncUsers", "mergeIdentity"} <= (
        set(kind.fields) - ORDINARY
    )


async def test_the_log_names_nobody_and_holds_no_secret(room: RestRoom, olga: Graph, database: Database) -> None:
    reason = "secret-reason-of-anna@example.com"
    await caller(room.app, room.tenant, ANNA).ask(CONSENT, input=consent(ANNA, granted=True))
    await olga.whole(
        "mutation M($r: String!) { promoteModel(input: { version: $r, reason: $r }) { __typename } }", r=reason
    )
    async with database.transaction(room.tenant) as tx:
        rows = await tx.rows("SELECT row_to_json(a)::text AS text FROM audit_log a WHERE tenant_id = $1", room.tenant)
    assert len(rows) == 4
    for row in rows:
        for named in ("anna", "olga", "secret", "Bearer"):
            assert named not in row["text"]


async def test_pages_follow_each_other_without_holes(room: RestRoom, olga: Graph) -> None:
    for granted in (True, False, True, False, True):
        await olga.ask(CONSENT, input=consent(ANNA, granted=granted))
    numbers: list[str] = []
    after = None
    while True:
        page = await olga.ask(LOG, first=2, after=after)
        numbers += [entry["number"] for entry in page["entries"]]
        assert page["intact"]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert numbers == [str(number) for number in range(10, 0, -1)]
    for wrong in ("x", "", "-1", "1e9", "9" * 40):
        assert await olga.code(LOG, after=wrong) == "VALIDATION"


TAMPERING = {
    "another actor": "UPDATE audit_log SET actor = '\\x00' WHERE tenant_id = $1 AND entry_id = 2",
    "another outcome": "UPDATE audit_log SET outcome = 'OK ' WHERE tenant_id = $1 AND entry_id = 2",
    "one taken out": "DELETE FROM audit_log WHERE tenant_id = $1 AND entry_id = 2",
    "moved": "UPDATE audit_log SET entry_id = entry_id + 10 WHERE tenant_id = $1 AND entry_id >= 2",
    "the first cut off and renumbered": "UPDATE audit_log SET digest = previous WHERE tenant_id = $1 AND entry_id = 1",
}


@pytest.mark.parametrize("statement", TAMPERING.values(), ids=TAMPERING)
async def test_what_is_changed_past_every_guard_is_seen(
    statement: str, room: RestRoom, olga: Graph, owner_url: str
) -> None:
    for granted in (True, False, True):
        await olga.ask(CONSENT, input=consent(ANNA, granted=granted))
    owner = await asyncpg.connect(owner_url)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await owner.execute(statement, room.tenant)
        async with owner.transaction():
            await owner.execute("ALTER TABLE audit_log DISABLE TRIGGER append_only")
            await owner.execute("ALTER TABLE audit_log NO FORCE ROW LEVEL SECURITY")
            changed = await owner.execute(statement, room.tenant)
            await owner.execute("ALTER TABLE audit_log FORCE ROW LEVEL SECURITY")
            await owner.execute("ALTER TABLE audit_log ENABLE TRIGGER append_only")
        assert changed.rpartition(" ")[2] != "0"
    finally:
        await owner.close()
    assert not (await olga.ask(LOG))["intact"]
    assert (await room.services.audit.verify(room.tenant)).broken is not None


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_log SET outcome = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"]
)
async def test_the_service_itself_may_only_add(statement: str, room: RestRoom, database: Database) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.transaction(room.tenant) as tx:
            await tx.execute(statement)


async def test_a_tenant_sees_its_own_acts_only(room: RestRoom, olga: Graph, database: Database) -> None:
    await olga.ask(CONSENT, input=consent(ANNA, granted=True))
    async with database.transaction(TenantId("another")) as tx:
        assert await tx.value("SELECT count(*) FROM audit_log WHERE tenant_id = $1", room.tenant) == 0
    elsewhere = caller(room.app, TenantId("another"), OLGA, Scope)
    assert await entries(elsewhere) == []


def variables(room: RestRoom) -> dict[str, str]:
    """The environment of a command on the tests' servers."""
    settings = room.settings
    assert settings.secret is not None
    assert settings.jwt_secret is not None
    return {
        "PERSONALIZATION_DATABASE_URL": str(settings.database_url),
        "PERSONALIZATION_REDIS_URL": str(settings.redis_url),
        "PERSONALIZATION_DATA_DIR": str(settings.data_dir),
        "PERSONALIZATION_KEK_FILE": str(settings.kek_file),
        "PERSONALIZATION_SECRET": settings.secret.get_secret_value(),
        "PERSONALIZATION_JWT_SECRET": settings.jwt_secret.get_secret_value(),
    }


async def test_commands_note_what_they_did_and_check_the_whole(
    room: RestRoom, olga: Graph, owner_url: str, tmp_path: Path
) -> None:
    async with open_worker(room.settings) as worker:
        first, _ = [await worker.services.models.publish(room.tenant, artifact(number)) for number in (1.0, 2.0)]
    await room.agree(ANNA)
    for command in (
        ("models", "rollback", "--tenant", room.tenant, "--reason", "clicks fell"),
        ("privacy", "export", ANNA, "--tenant", room.tenant, "--out", str(tmp_path / "anna.zip")),
    ):
        ran = personalization(*command, **variables(room))
        assert ran.returncode == 0, ran.stderr
    assert [(e["action"], e["object"], e["door"], e["outcome"]) for e in await entries(olga)] == [
        ("requestExport", None, "command", "OK"),
        ("rollbackModel", first.version, "command", "OK"),
    ]
    assert [e["action"] for e in await entries(olga, user=ANNA)] == ["requestExport"]
    whole = personalization("audit-log", "--tenant", room.tenant, "--json", **variables(room))
    newest = (await entries(olga))[0]
    assert json.loads(whole.stdout) == {
        "entries": 4,
        "broken": None,
        "newest": f"4 {newest['digest']}",
        "unfinished": [],
    }
    owner = await asyncpg.connect(owner_url)
    async with owner.transaction():
        await owner.execute("ALTER TABLE audit_log DISABLE TRIGGER append_only")
        await owner.execute("ALTER TABLE audit_log NO FORCE ROW LEVEL SECURITY")
        await owner.execute("DELETE FROM audit_log WHERE tenant_id = $1 AND entry_id = 1", room.tenant)
        await owner.execute("ALTER TABLE audit_log FORCE ROW LEVEL SECURITY")
        await owner.execute("ALTER TABLE audit_log ENABLE TRIGGER append_only")
    await owner.close()
    broken = personalization("audit-log", "--tenant", room.tenant, **variables(room))
    assert (broken.returncode, "entry 2 was changed" in broken.stdout) == (1, True)


async def test_a_refused_call_about_a_person_leaves_none_of_its_words(room: RestRoom, olga: Graph) -> None:
    force = """mutation F($u: String!, $e: String!) { forceVariation(input: { userId: $u, experimentId: $e }) {
      __typename } }"""
    for scopes, outcome in ((list(Scope), "NOT_FOUND"), ([Scope.PROFILE_READ], "FORBIDDEN")):
        await caller(room.app, room.tenant, ANNA, scopes).ask(force, u=ANNA, e="anna-meier")
        entry = (await entries(olga))[0]
        assert (entry["action"], entry["outcome"], entry["object"]) == ("forceVariation", outcome, None)
