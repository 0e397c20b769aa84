"""Whoever writes to Redis or to the database past the service: nothing planted runs, nothing moved is read."""

import hashlib
import pickle
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from redis.asyncio import Redis

from domain.bootstrap import open_worker
from domain.errors import DomainError
from domain.ids import TenantId, UserId
from domain.jobs.store import load_message
from domain.realtime.model import Cursor
from domain.settings import Settings
from domain.storage.embedded import EmbeddedValkey
from domain.storage.postgres import Database
from graphql_api.errors import MASKED
from tests.api.graphql_room import begun, caller, served
from tests.api.rest_room import LEARNT, RestRoom, application, token
from tests.contract.source import Module, modules, plant
from tests.storage.test_model_store import artifact

ANNA, BERT = "anna", "bert"
PROFILE = "query P($u: String!) { profile(userId: $u) { facets { name values { value } } } }"
FOLLOW = "subscription S($u: String!, $a: String) { realtimeUpdates(userId: $u, after: $a) { __typename } }"
LOADERS = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}


class Bomb:
    """Leaves a file behind when a pickle of it is loaded."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "executed"


@pytest.fixture
def bomb(trace: Path) -> Iterator[bytes]:
    yield pickle.dumps(Bomb(trace))
    assert not trace.exists()


@pytest.fixture(scope="module")
def planted_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server.url


@pytest.fixture
async def room(rest_settings: Settings, planted_redis: str, tenant: TenantId) -> AsyncIterator[RestRoom]:
    """A tenant with two people of different taste, on a Redis of its own."""
    settings = rest_settings.model_copy(update={"redis_url": planted_redis})
    async with application(settings) as app:
        room = await RestRoom(app, settings, tenant).furnish()
        for user, style in ((ANNA, "modern"), (BERT, "bertsownstyle")):
            await room.agree(user)
            data = {**LEARNT, "projects": [{"visualStyle": style}]}
            async with room.caller(user) as client:
                assert (await client.post("/learn-preferences", json={"userId": user, "behaviorData": data})).is_success
                given = {"userId": user, "preferences": {"pace": [style]}}
                await client.put("/profile", json=given)
        await room.learn()
        yield room


def test_a_planted_bomb_would_leave_a_trace(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Bomb(tmp_path / "executed")))  # noqa: S301 - that is the point
    assert (tmp_path / "executed").exists()


def executes_what_it_reads(module: Module) -> bool:
    """Whether a module can turn stored bytes into code."""
    risky = ("allow_pickle=True", "torch.load(", "yaml.load(", "eval(", "exec(")
    return bool({name.split(".")[0] for name in module.imports()} & LOADERS) or any(t in module.text for t in risky)


def test_no_module_loads_what_could_run() -> None:
    assert [str(module.path) for module in modules() if executes_what_it_reads(module)] == []


@pytest.mark.parametrize("line", ["import pickle", "from joblib import load", "x = np.load(f, allow_pickle=True)"])
def test_a_module_that_does_is_found(line: str, tmp_path: Path) -> None:
    plant(tmp_path, "domain/models/store.py", line)
    assert [str(m.path) for m in modules(tmp_path) if executes_what_it_reads(m)] == ["domain/models/store.py"]


async def plant_everywhere(url: str, bomb: bytes) -> int:
    """Put a bomb in the place of every value in Redis; how many there were."""
    async with Redis.from_url(url) as redis:
        keys = [key async for key in redis.scan_iter()]
        for key in keys:
            kind = await redis.type(key)
            if kind == b"string":
                await redis.set(key, bomb, keepttl=True)
            elif kind == b"hash":
                await redis.hset(key, mapping=dict.fromkeys(await redis.hkeys(key), bomb))
            elif kind == b"stream":
                [(newest, fields)] = await redis.xrevrange(key, count=1)
                await redis.delete(key)
                await redis.xadd(key, dict.fromkeys(fields, bomb), id=newest)
                await redis.expire(key, 60)
    return len(keys)


async def test_a_pickle_in_redis_is_never_executed(room: RestRoom, planted_redis: str, bomb: bytes) -> None:
    async with room.caller(ANNA) as anna:
        body = {"userId": ANNA}
        expected = (await anna.get(f"/profile/{ANNA}")).json()
        assert (await anna.post("/recommendations", json=body)).is_success
        assert await plant_everywhere(planted_redis, bomb) > 2
        assert (await anna.get(f"/profile/{ANNA}")).json() == expected
        assert (await anna.post("/recommendations", json=body)).is_success
        answer = await anna.get(f"/realtime-updates/{ANNA}")
        assert {update["kind"] for update in answer.json()["updates"]} == {"resync_required"}
        async with served(room.app) as address, begun(address, f"Bearer {token(room.tenant, ANNA)}") as opened:
            await opened.subscribe(FOLLOW, u=ANNA, a=str(Cursor(0)))
            assert (await opened.next())["__typename"] == "ResyncRequired"


def test_a_pickle_in_the_queue_is_refused(bomb: bytes) -> None:
    with pytest.raises((DomainError, ValueError)):
        load_message(bomb)


async def test_a_pickle_among_the_models_is_never_executed(room: RestRoom, owner_url: str, bomb: bytes) -> None:
    async with open_worker(room.settings) as worker:
        record = await worker.services.models.publish(room.tenant, artifact(1.0))
    connection = await asyncpg.connect(owner_url)
    changed = await connection.execute(
        "UPDATE ml_models SET artifact = $1, sha256 = $2, size_bytes = $3 WHERE tenant_id = $4 AND version = $5",
        bomb,
        hashlib.sha256(bomb).hexdigest(),
        len(bomb),
        room.tenant,
        record.version,
    )
    await connection.close()
    assert changed == "UPDATE 1"
    async with room.caller(ANNA) as anna:
        answer = await anna.post("/recommendations", json={"userId": ANNA})
    assert answer.is_success
    assert answer.json()["modelVersion"] is None


SWAPS = {
    "between people": """UPDATE user_profiles p SET learned_sealed = o.learned_sealed, stated_sealed = o.stated_sealed
        FROM user_profiles o WHERE p.tenant_id = $1 AND o.tenant_id = $1 AND p.subject_id <> o.subject_id""",
    "between columns": "UPDATE user_profiles SET learned_sealed = stated_sealed WHERE tenant_id = $1",
}


@pytest.mark.parametrize("swap", SWAPS.values(), ids=SWAPS)
async def test_sealed_fields_that_were_moved_are_refused(swap: str, room: RestRoom, database: Database) -> None:
    anna = caller(room.app, room.tenant, ANNA)
    assert "modern" in str(await anna.ask(PROFILE, u=ANNA))
    subjects = [await room.services.directory.resolve(room.tenant, UserId(user)) for user in (ANNA, BERT)]
    async with database.transaction(room.tenant, [s.subject_id for s in subjects if s is not None]) as tx:
        assert len(await tx.rows(f"{swap} RETURNING 1", room.tenant)) == 2
    async with application(room.settings.model_copy(update={"cache_ttl": 0})) as app:
        answer = await caller(app, room.tenant, ANNA).post({"query": PROFILE, "variables": {"u": ANNA}})
        assert answer.json()["data"] == {"profile": None}
        [error] = answer.json()["errors"]
        assert (error["message"], error["extensions"]["code"]) == (MASKED, "INTERNAL")
        assert "bertsownstyle" not in answer.text
