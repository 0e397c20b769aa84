"""Tokens: one that can be trusted is a caller, and every other one gets the same answer whatever is wrong with it."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette

from domain.clock import FixedClock
from domain.errors import Unauthenticated
from graphql_api.auth import Authenticator, Principal, Scope, SharedSecret
from graphql_api.jwks import JwksKeys
from tests.api.graphql_room import Graph, caller
from tests.api.rest_room import JWT_SECRET, RestRoom, token

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
QUESTION = {"query": "{ catalogItems { pageInfo { endCursor } } }"}


def claims(room: RestRoom | None = None, **changed: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    whole = {
        "iss": "personalization",
        "aud": "personalization",
        "sub": "anna",
        "tenant": room.tenant if room else "demo",
        "scope": "recommendations:read",
        "nbf": int((now - timedelta(minutes=1)).timestamp()),
        "exp": int((now + timedelta(hours=1)).timestamp()),
        **changed,
    }
    return {name: value for name, value in whole.items() if value is not None}


def signed(given: dict[str, Any], key: Any = JWT_SECRET, algorithm: str = "HS256", **header: Any) -> str:
    return jwt.encode(given, key, algorithm=algorithm, headers=header or None)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forged(given: dict[str, Any], **header: Any) -> str:
    """Signed with the public key as if that were a shared secret; the library itself refuses to make one."""
    text = f"{part({'typ': 'JWT', **header})}.{part(given)}"
    digest = hmac.digest(PUBLIC, text.encode(), hashlib.sha256)
    return f"{text}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def past(**ago: int) -> int:
    return int((datetime.now(UTC) - timedelta(**ago)).timestamp())


LONG = JWT_SECRET * 2
DEEP = base64.urlsafe_b64encode(b'{"a":' * 1_000 + b"1" + b"}" * 1_000).decode()

Forger = Callable[[RestRoom], str]
BAD: dict[str, Forger] = {
    "no algorithm": lambda r: f"{part({'alg': 'none'})}.{part(claims(r))}.",
    "no signature": lambda r: signed(claims(r)).rpartition(".")[0] + ".",
    "another secret": lambda r: signed(claims(r), "another-secret-that-is-long-enough-0123456789"),
    "another hash": lambda r: signed(claims(r), LONG, "HS512"),
    "a key pair": lambda r: signed(claims(r), KEY, "RS256"),
    "the public key as a secret": lambda r: forged(claims(r), alg="HS256"),
    "a key brought along": lambda r: signed(claims(r), KEY, "RS256", jwk={"kty": "oct", "k": part(JWT_SECRET)}),
    "another audience": lambda r: signed(claims(r, aud="another")),
    "no audience": lambda r: signed(claims(r, aud=None)),
    "another issuer": lambda r: signed(claims(r, iss="another")),
    "no issuer": lambda r: signed(claims(r, iss=None)),
    "expired": lambda r: signed(claims(r, exp=past(seconds=1))),
    "no end": lambda r: signed(claims(r, exp=None)),
    "an end in words": lambda r: signed(claims(r)).split(".")[0] + "." + part(claims(r, exp="soon")) + ".x",
    "an end beyond time": lambda r: signed(claims(r, exp=10**30)),
    "an endless end": lambda r: signed(claims(r, exp=float("inf"))),
    "not yet": lambda r: signed(claims(r, nbf=past(hours=-1))),
    "nobody": lambda r: signed(claims(r, sub=None)),
    "an empty user": lambda r: signed(claims(r, sub="")),
    "a user with a control character": lambda r: signed(claims(r, sub="a\x00")),
    "no tenant": lambda r: signed(claims(r, tenant=None)),
    "a tenant that is SQL": lambda r: signed(claims(r, tenant="x'; DROP TABLE subjects; --")),
    "a tenant that is a list": lambda r: signed(claims(r, tenant=["demo"])),
    "changed after signing": lambda r: ".".join((signed(claims(r)).split(".")[0], part(claims(r, sub="bert")), "x")),
    "garbage": lambda _: "garbage",
    "dots": lambda _: "..",
    "a header of nothing": lambda r: f"{part(None)}.{part(claims(r))}.x",
    "deep": lambda _: DEEP + ".e30.x",
    "long": lambda _: "a" * 10_000,
    "two words": lambda r: f"{signed(claims(r))} {signed(claims(r))}",
    "not ASCII": lambda _: "é",
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
async def test_every_token_that_cannot_be_trusted_gets_one_answer(bad: Forger, room: RestRoom) -> None:
    answer = await Graph(room.app, None).http.post(
        "/graphql", json=QUESTION, headers={b"Authorization": f"Bearer {bad(room)}".encode()}
    )
    shown = {k: v for k, v in answer.headers.items() if k != "x-correlation-id"}
    plain = await Graph(room.app, "Bearer wrong").post(QUESTION)
    expected = {k: v for k, v in plain.headers.items() if k != "x-correlation-id"}
    assert (answer.status_code, answer.content, shown) == (401, plain.content, expected)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json() == {
        "errors": [{"message": "A valid token is needed.", "extensions": {"code": "UNAUTHENTICATED"}}]
    }


@pytest.mark.parametrize("scheme", ["Basic YTpi", "Bearer", "Bearer ", "bearer\tx", "Token x"])
async def test_another_scheme_is_refused_alike(scheme: str, room: RestRoom) -> None:
    answer = await Graph(room.app, scheme).post(QUESTION)
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")


async def test_a_token_that_can_be_trusted_is_a_caller(room: RestRoom) -> None:
    for good in (signed(claims(room)), signed(claims(room, aud=["other", "personalization"], nbf=None))):
        for scheme in ("Bearer", "bearer", "BEARER"):
            assert (await Graph(room.app, f"{scheme} {good}").whole(QUESTION["query"]))["data"]["catalogItems"]


async def test_scopes_in_another_form_give_nothing(room: RestRoom) -> None:
    for scope in (["recommendations:read"], {"recommendations:read": True}, 1, "recommendations:readers", None):
        graph = Graph(room.app, f"Bearer {signed(claims(room, scope=scope))}")
        assert await graph.code(QUESTION["query"]) == "FORBIDDEN"


async def test_a_caller_works_in_the_tenant_of_the_token_alone(room: RestRoom) -> None:
    there = Graph(room.app, f"Bearer {signed(claims(tenant='another'))}")
    here = Graph(room.app, f"Bearer {signed(claims(room))}")
    item = '{ catalogItem(itemId: "modern") { title } }'
    assert await here.ask(item) == {"title": "Modern style"}
    assert await there.ask(item) is None


async def test_the_explorer_is_refused_with_a_bad_token_too(rest_app: Starlette) -> None:
    answer = await Graph(rest_app, "Bearer x").http.get("/graphql", headers={"Accept": "text/html"})
    assert answer.status_code == 401


def authenticator(clock: FixedClock, keys: Any = None) -> Authenticator:
    return Authenticator(
        keys or SharedSecret(JWT_SECRET), issuer="personalization", audience="personalization", clock=clock
    )


async def test_a_token_ends_on_time_however_often_it_was_seen() -> None:
    clock = FixedClock(NOW)
    checked = authenticator(clock)
    given = signed(claims(nbf=None, exp=int((NOW + timedelta(seconds=10)).timestamp())))
    for _ in range(3):
        assert (await checked.principal(f"Bearer {given}")).user_id == "anna"
    clock.set(NOW + timedelta(seconds=10))
    with pytest.raises(Unauthenticated):
        await checked.principal(f"Bearer {given}")


async def test_clocks_may_differ_a_little_about_the_beginning() -> None:
    checked = authenticator(FixedClock(NOW))
    for ahead, trusted in ((4, True), (6, False)):
        begins, ends = (int((NOW + timedelta(seconds=s)).timestamp()) for s in (ahead, 3600))
        given = signed(claims(nbf=begins, exp=ends))
        if trusted:
            assert isinstance(await checked.principal(f"Bearer {given}"), Principal)
        else:
            with pytest.raises(Unauthenticated):
                await checked.principal(f"Bearer {given}")


def document(*kids: str) -> bytes:
    published = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
    return json.dumps({"keys": [{**published, "kid": kid, "use": "sig"} for kid in kids]}).encode()


class Provider:
    """An identity provider: what it publishes, how often it was asked, whether it is away."""

    def __init__(self, *kids: str) -> None:
        self.document = document(*kids)
        self.asked = 0

    async def fetch(self) -> bytes:
        self.asked += 1
        if not self.document:
            raise OSError("away")
        return self.document


async def test_a_published_key_is_trusted_with_its_own_algorithm_only() -> None:
    clock, provider = FixedClock(NOW), Provider("one")
    checked = authenticator(clock, JwksKeys(provider.fetch, clock))
    end = int((NOW + timedelta(hours=1)).timestamp())
    given = claims(nbf=None, exp=end)
    assert (await checked.principal(f"Bearer {signed(given, KEY, 'RS256', kid='one')}")).tenant == "demo"
    confused = (
        forged(given, alg="HS256", kid="one"),
        signed(given, KEY, "RS512", kid="one"),
        signed(given, KEY, "RS256", kid="two"),
        signed(given, KEY, "RS256"),
        signed(given, KEY, "RS256", kid="two", jku="https://evil.example/keys"),
        f"{part({'alg': 'none', 'kid': 'one'})}.{part(given)}.",
    )
    for bad in confused:
        with pytest.raises(Unauthenticated):
            await checked.principal(f"Bearer {bad}")
    assert provider.asked == 1


async def test_an_outage_of_the_provider_changes_nothing_for_known_keys() -> None:
    clock, provider = FixedClock(NOW), Provider("one")
    keys = JwksKeys(provider.fetch, clock)
    assert (await keys.key_for({"kid": "one"}))[1] == "RS256"
    provider.document = b""
    clock.set(NOW + timedelta(hours=3))
    assert (await keys.key_for({"kid": "one"}))[1] == "RS256"
    with pytest.raises(Unauthenticated):
        await keys.key_for({"kid": "two"})
    provider.document = document("one", "two")
    clock.set(NOW + timedelta(hours=3, seconds=31))
    assert (await keys.key_for({"kid": "two"}))[1] == "RS256"


@pytest.mark.parametrize(
    "broken", [{"kty": "RSA"}, {"kty": "RSA", "n": 5, "e": 5}, {"kty": "EC", "crv": "P-256", "x": "AA"}]
)
async def test_a_published_key_that_nobody_can_use_leaves_the_others(broken: dict[str, Any]) -> None:
    clock, provider = FixedClock(NOW), Provider("one")
    keys = json.loads(provider.document)["keys"]
    provider.document = json.dumps({"keys": [{**broken, "kid": "broken"}, *keys]}).encode()
    assert (await JwksKeys(provider.fetch, clock).key_for({"kid": "one"}))[1] == "RS256"
    with pytest.raises(Unauthenticated):
        await JwksKeys(provider.fetch, clock).key_for({"kid": "broken"})


async def test_strange_tokens_do_not_make_the_service_ask_again_and_again() -> None:
    clock, provider = FixedClock(NOW), Provider("one")
    keys = JwksKeys(provider.fetch, clock)
    for n in range(50):
        with pytest.raises(Unauthenticated):
            await keys.key_for({"kid": f"strange-{n}"})
    assert provider.asked == 1


@pytest.mark.parametrize("scopes", [(), tuple(Scope)])
async def test_issued_tokens_carry_their_scopes(scopes: tuple[Scope, ...], room: RestRoom) -> None:
    checked = authenticator(FixedClock(datetime.now(UTC)))
    principal = await checked.principal(f"Bearer {token(room.tenant, 'anna', scopes)}")
    assert (principal.tenant, principal.user_id, principal.scopes) == (room.tenant, "anna", frozenset(scopes))
    reading = caller(room.app, room.tenant, "anna", scopes)
    assert ("errors" in await reading.whole(QUESTION["query"])) is (not scopes)
