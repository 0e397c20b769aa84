"""Every key in Redis has a builder and ends by itself: Redis holds only what Postgres can do without."""

import ast
import inspect
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from domain.ids import SubjectId, TenantId
from domain.jobs.model import JobKind
from domain.storage import keys
from domain.storage.embedded import EmbeddedValkey
from domain.storage.keys import RedisChannel, RedisKey
from tests.api.rest_room import LEARNT, RestRoom, application, settings_of
from tests.conftest import TEST_SECRET, copied_database
from tests.contract.source import Module, modules, plant

QUEUE_KEYS = re.compile(rb"arq:")
"""arq names the keys of its queue itself."""

VALUES: dict[Any, object] = {int: 60, str: "anything", UUID: uuid4()}


def builders() -> dict[str, Callable[..., RedisKey | RedisChannel]]:
    own = inspect.getmembers(keys, lambda value: inspect.isfunction(value) and value.__module__ == keys.__name__)
    return dict(own)


def built(builder: Callable[..., RedisKey | RedisChannel]) -> RedisKey | RedisChannel:
    """What the builder makes of any arguments."""
    parameters = inspect.signature(builder).parameters.values()
    given = {
        p.name: VALUES[getattr(p.annotation, "__supertype__", p.annotation)]
        for p in parameters
        if p.default is inspect.Parameter.empty
    }
    return builder(**given)


@pytest.mark.parametrize("name", builders())
def test_a_builder_gives_its_key_a_lifetime(name: str) -> None:
    key = built(builders()[name])
    assert isinstance(key, RedisChannel) or 0 < key.ttl_seconds <= 24 * 3600


def test_the_lifetimes_are_the_documented_ones() -> None:
    tenant, subject = TenantId("demo"), SubjectId(uuid4())
    assert keys.cached_profile(tenant, subject).ttl_seconds == 3600
    assert keys.cached_recommendations(tenant, subject, "digest").ttl_seconds == 1800
    assert keys.user_stream(tenant, subject).ttl_seconds == 300


def names_a_key_itself(module: Module) -> bool:
    """Whether a module other than the one of the builders makes a key or a channel."""
    called = (node.func for node in ast.walk(module.tree) if isinstance(node, ast.Call))
    made = {f.id if isinstance(f, ast.Name) else f.attr for f in called if isinstance(f, ast.Name | ast.Attribute)}
    return module.name != keys.__name__ and bool(made & {"RedisKey", "RedisChannel"})


def test_keys_are_made_by_their_builders_only() -> None:
    assert [str(module.path) for module in modules() if names_a_key_itself(module)] == []


@pytest.mark.parametrize("line", ["key = RedisKey('mine', 60)", "channel = keys.RedisChannel('mine')"])
def test_a_planted_key_is_found(line: str, tmp_path: Path) -> None:
    plant(tmp_path, "domain/realtime/store.py", line)
    assert [str(m.path) for m in modules(tmp_path) if names_a_key_itself(m)] == ["domain/realtime/store.py"]


@pytest.fixture(scope="module")
def own_redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Valkey that no other test writes to."""
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server.url


@pytest.fixture(scope="module")
def own_database_url() -> Iterator[str]:
    """A database where nobody else's events wait, since they are sealed with other keys."""
    with copied_database() as url:
        yield url


@pytest.fixture
async def room(own_database_url: str, own_redis_url: str, tmp_path: Path) -> AsyncIterator[RestRoom]:
    settings = settings_of(own_database_url, own_redis_url, tmp_path, TEST_SECRET)
    async with application(settings) as app:
        furnished = RestRoom(app, settings, TenantId("keys"))
        await furnished.services.catalog.ensure_tenant(furnished.tenant, "Keys")
        yield await furnished.furnish()


async def immortal(url: str) -> tuple[set[bytes], set[bytes]]:
    """All keys, and those of them that never end although they are not the queue's."""
    async with Redis.from_url(url) as redis:
        found = {key async for key in redis.scan_iter()}
        return found, {key for key in found if not QUEUE_KEYS.match(key) and await redis.ttl(key) == -1}


async def test_the_whole_path_leaves_no_key_that_never_ends(room: RestRoom, own_redis_url: str) -> None:
    await room.agree("anna")
    async with room.caller("anna") as anna:
        for path, body in (
            ("/learn-preferences", {"userId": "anna", "behaviorData": LEARNT}),
            ("/recommendations", {"userId": "anna"}),
            ("/track-interaction", {"userId": "anna", "itemId": "modern", "action": "clicked"}),
        ):
            answer = await anna.post(path, json=body)
            assert answer.is_success, answer.text
        await room.learn()
        assert (await anna.get("/profile/anna")).is_success
    await room.services.jobs.enqueue(room.tenant, JobKind.RETRAIN)
    found, without_end = await immortal(own_redis_url)
    assert without_end == set()
    assert any(key.startswith(b"rt:{") for key in found)
    assert any(QUEUE_KEYS.match(key) for key in found)


async def test_a_planted_key_without_end_is_found(own_redis_url: str) -> None:
    async with Redis.from_url(own_redis_url) as redis:
        await redis.set("planted", "for ever")
        try:
            assert (await immortal(own_redis_url))[1] == {b"planted"}
        finally:
            await redis.delete("planted")
