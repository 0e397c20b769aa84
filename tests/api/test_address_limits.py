"""Who has no good token is counted by address: guessing and floods end with 429, and nobody else is shut out."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware
from websockets.exceptions import InvalidStatus

from domain.ids import TenantId
from domain.limiting import service
from domain.settings import Settings
from domain.storage.embedded import EmbeddedValkey
from graphql_api.rest.paths import PREFIX
from tests.api.graphql_room import OWN, Graph, caller, served, socket
from tests.api.rest_room import RestRoom, application, token
from tests.api.test_rate_limits import metrics

MOST = 4
ASKED = {"query": "{ health { status } }"}


def place() -> str:
    """An address that no other test calls from."""
    return f"10.{secrets.randbelow(256)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"


@asynccontextmanager
async def limited(settings: Settings, tenant: TenantId, **changed: object) -> AsyncIterator[RestRoom]:
    limits = settings.model_copy(update={"rate_limit_addresses": f"{MOST}/day", **changed})
    async with application(limits) as app:
        yield RestRoom(app, limits, tenant)


@pytest.fixture
async def strict(rest_settings: Settings, tenant: TenantId) -> AsyncIterator[RestRoom]:
    async with limited(rest_settings, tenant) as room:
        yield room


def at(app: Any, address: str, authorization: str | None = None) -> httpx.AsyncClient:
    headers = {} if authorization is None else {"Authorization": authorization}
    transport = httpx.ASGITransport(app, client=(address, 4711))
    return httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers)


def good(room: RestRoom, user: str = "anna") -> str:
    return f"Bearer {token(room.tenant, user)}"


def bad() -> str:
    return f"Bearer {secrets.token_urlsafe(32)}"


async def asked(app: Any, address: str, authorization: str | None = None) -> int:
    """The status of GraphQL's answer."""
    async with at(app, address, authorization) as client:
        return (await client.post("/graphql", json=ASKED)).status_code


async def read(app: Any, address: str, authorization: str | None = None) -> httpx.Response:
    """The answer of a REST route that needs a token."""
    async with at(app, address, authorization) as client:
        return await client.get(f"{PREFIX}/metrics/anna")


async def test_guessing_ends_with_429_at_all_doors_together(strict: RestRoom) -> None:
    where, app = place(), strict.app
    assert await asked(app, where, bad()) == 401
    assert (await read(app, where, bad())).status_code == 401
    async with at(app, where, bad()) as client:
        assert (await client.get("/exports/never")).status_code == 401
    assert await asked(app, where, bad()) == 401
    for guess in (bad(), good(strict)):
        refused = await read(app, where, guess)
        assert (refused.status_code, refused.json()["code"]) == (429, "RATE_LIMITED")
        assert 0 < int(refused.headers["retry-after"]) <= 24 * 3600
        async with at(app, where, guess) as client:
            graph = await client.post("/graphql", json=ASKED)
            assert (await client.get("/exports/never")).status_code == 429
        assert (graph.status_code, graph.json()["errors"][0]["extensions"]["code"]) == (429, "RATE_LIMITED")
        assert 0 < int(graph.headers["retry-after"]) <= 24 * 3600
    assert await asked(app, place(), bad()) == 401


async def test_whoever_is_known_is_let_in_beside_a_guesser(strict: RestRoom) -> None:
    where, app, known = place(), strict.app, good(strict)
    assert await asked(app, where, known) == 200
    statuses = [await asked(app, where, bad()) for _ in range(MOST + 2)]
    assert statuses == [401] * MOST + [429] * 2
    assert await asked(app, where, known) == 200
    assert (await read(app, where, known)).status_code == 200
    # A token that this process has not seen waits, as if it were a guess.
    newcomer = good(strict, "newcomer")
    assert await asked(app, where, newcomer) == 429
    assert await asked(app, place(), newcomer) == 200


async def test_calls_without_a_token_are_counted_apart(strict: RestRoom) -> None:
    where, app = place(), strict.app
    assert [await asked(app, where) for _ in range(2)] == [200, 200]
    assert [(await read(app, where)).status_code for _ in range(3)] == [401, 401, 429]
    assert await asked(app, where) == 429
    assert await asked(app, where, bad()) == 401
    assert await asked(app, where, good(strict)) == 200
    async with at(app, where) as client:
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/metrics")).status_code == 200


def home() -> tuple[str, int]:
    """An address on this machine that no other test calls from."""
    return f"127.{1 + secrets.randbelow(254)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}", 0


async def test_a_socket_that_guesses_is_not_let_in_again(strict: RestRoom) -> None:
    where = home()
    async with served(strict.app) as address:
        for _ in range(MOST):
            async with socket(address, local_addr=where) as opened:
                await opened.send(type="connection_init", payload={"authorization": bad()})
                assert await opened.closed() == 4403
        with pytest.raises(InvalidStatus) as refused:
            async with socket(address, local_addr=where):
                pass
        assert refused.value.response.status_code == 429
        assert 0 < int(refused.value.response.headers["retry-after"]) <= 24 * 3600
        assert await asked(strict.app, where[0], bad()) == 429
        known = good(strict)
        assert await asked(strict.app, place(), known) == 200
        async with socket(address, local_addr=where, additional_headers={"Authorization": known}) as opened:
            assert (await opened.begin(None))["type"] == "connection_ack"
        async with socket(address, local_addr=home()) as opened:
            assert (await opened.begin(known))["type"] == "connection_ack"


async def test_a_socket_without_a_token_may_ask_so_often(strict: RestRoom) -> None:
    where = home()
    async with served(strict.app) as address, socket(address, local_addr=where) as opened:
        assert (await opened.begin(None))["type"] == "connection_ack"
        for n in range(MOST):
            await opened.subscribe("{ health { status } }", str(n))
            assert (await opened.receive())["type"] == "next"
            assert (await opened.receive())["type"] == "complete"
        await opened.subscribe("{ health { status } }", "more")
        message = await opened.receive()
        assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "RATE_LIMITED")
        assert message["payload"][0]["extensions"]["retryAfterSeconds"] > 0
    assert await asked(strict.app, where[0]) == 429


async def test_one_subscriber_of_ipv6_is_one_address(strict: RestRoom) -> None:
    network = f"2001:db8:{secrets.randbelow(2**16):x}:{secrets.randbelow(2**16):x}"
    statuses = [await asked(strict.app, f"{network}::{n:x}", bad()) for n in range(1, MOST + 2)]
    assert statuses == [401] * MOST + [429]
    assert await asked(strict.app, f"2001:db9:{secrets.randbelow(2**16):x}::1", bad()) == 401


async def test_a_forwarded_address_counts_from_a_named_proxy_alone(strict: RestRoom) -> None:
    proxied: Any = ProxyHeadersMiddleware(strict.app, trusted_hosts=["10.9.9.9"])

    async def through(proxy: str, client: str) -> int:
        async with at(proxied, proxy, bad()) as sender:
            answer = await sender.post("/graphql", json=ASKED, headers={"X-Forwarded-For": client})
        return answer.status_code

    guesser, liar = place(), place()
    assert [await through("10.9.9.9", guesser) for _ in range(MOST + 1)] == [401] * MOST + [429]
    assert await through("10.9.9.9", place()) == 401
    assert [await through(liar, place()) for _ in range(MOST + 1)] == [401] * MOST + [429]


async def test_processes_share_what_an_address_may(rest_settings: Settings, tenant: TenantId) -> None:
    where = place()
    async with limited(rest_settings, tenant) as one, limited(rest_settings, tenant) as two:
        assert [await asked(one.app, where, bad()) for _ in range(MOST + 1)][-1] == 429
        statuses = []
        while 429 not in statuses and len(statuses) < MOST:
            statuses.append(await asked(two.app, where, bad()))
            # What was counted is told behind the answer.
            await asyncio.sleep(0.05)
        assert statuses[-1] == 429


async def test_neither_redis_nor_the_log_holds_an_address(strict: RestRoom, monkeypatch: pytest.MonkeyPatch) -> None:
    where, lines = place(), []

    class Listening:
        def warning(self, event: str, **told: str) -> None:
            lines.append((event, told))

    monkeypatch.setattr(service, "_log", Listening())
    for _ in range(MOST + 2):
        await asked(strict.app, where, bad())
        await asyncio.sleep(0.01)
    [(event, told)] = lines
    assert (event, told["kind"], len(told["address"])) == ("address_limited", "refused_tokens", 32)
    assert where not in str(lines)
    async with Redis.from_url(str(strict.settings.redis_url)) as redis:
        keys = [key async for key in redis.scan_iter(b"addr:*")]
    assert any(told["address"].encode() in key for key in keys)
    assert not any(where.encode() in key for key in keys)


async def test_without_redis_nobody_is_refused_for_it_and_a_metric_tells(
    rest_settings: Settings, tenant: TenantId, tmp_path: Path
) -> None:
    with EmbeddedValkey(tmp_path) as server:
        url = server.url
    async with limited(rest_settings, tenant, redis_url=url) as room:
        where = place()
        assert [await asked(room.app, where, bad()) for _ in range(MOST)] == [401] * MOST
        assert await asked(room.app, where, good(room)) == 429
        assert await asked(room.app, place(), good(room)) == 200
        told = await metrics(room.app)
    assert told["personalization_rate_limit_failures_total"] > 0
    assert told['personalization_rate_limited_total{operation="refused_tokens"}'] >= 1


async def test_off_is_no_limit(rest_settings: Settings, tenant: TenantId) -> None:
    async with limited(rest_settings, tenant, rate_limit_addresses="off") as room:
        where = place()
        assert {await asked(room.app, where, bad()) for _ in range(3 * MOST)} == {401}
        assert await Graph(room.app, None).code("{ models { version } }") == "UNAUTHENTICATED"
        assert await caller(room.app, room.tenant, "anna").ask("{ health { status } }")


async def test_a_token_that_proves_an_anonymous_id_is_guessed_no_more_often(strict: RestRoom) -> None:
    where, merge = place(), "mutation M($input: MergeIdentityInput!) { mergeIdentity(input: $input) { __typename } }"
    own = f"Bearer {token(strict.tenant, 'anna', OWN)}"
    async with at(strict.app, where, own) as client:
        found = []
        for _ in range(MOST + 1):
            given = {"userId": "anna", "anonymousId": "visitor", "anonymousToken": secrets.token_urlsafe(32)}
            answer = await client.post("/graphql", json={"query": merge, "variables": {"input": given}})
            found.append(answer.json()["data"]["mergeIdentity"]["__typename"])
    assert found == ["ForbiddenProblem"] * MOST + ["UnavailableProblem"]
    assert await asked(strict.app, where, bad()) == 429
