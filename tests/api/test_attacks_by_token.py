"""Tokens that cannot be trusted, at every door: one answer each, whatever is wrong with the token."""

import pytest

from tests.api.graphql_room import Graph, begun, served, socket
from tests.api.rest_room import RestRoom
from tests.api.test_auth import BAD, QUESTION, Forger, claims, part, signed

REFUSED_SOCKET = 4403
HEADERS = {name: forger for name, forger in BAD.items() if name not in {"two words", "not ASCII", "long"}}
"""Those that a client library sends unchanged as a header of a handshake."""


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
async def test_rest_has_one_answer_to_all_of_them(bad: Forger, room: RestRoom) -> None:
    answers = []
    for given in (bad(room), "wrong"):
        for path in ("/profile/anna", "/recommendations", "/health"):
            method = "POST" if path == "/recommendations" else "GET"
            headers = {b"Authorization": f"Bearer {given}".encode()}
            answer = await Graph(room.app, None).http.request(
                method, f"/api/personalization{path}", headers=headers, json={"userId": "anna"}
            )
            shown = {k: v for k, v in answer.headers.items() if k not in {"x-correlation-id", "link", "deprecation"}}
            answers.append((answer.status_code, answer.content, shown))
    assert all(answer == answers[0] for answer in answers)
    assert (answers[0][0], answers[0][2]["www-authenticate"]) == (401, "Bearer")


async def test_sockets_close_alike_for_all_of_them_in_the_handshake_and_after_it(room: RestRoom) -> None:
    async with served(room.app) as address:
        for bad in HEADERS.values():
            authorization = {"Authorization": f"Bearer {bad(room)}"}
            async with socket(address, additional_headers=authorization) as opened:
                assert (await opened.closed(), opened.connection.close_reason) == (REFUSED_SOCKET, "Forbidden")
        for bad in BAD.values():
            async with socket(address) as opened:
                await opened.send(type="connection_init", payload={"authorization": f"Bearer {bad(room)}"})
                assert (await opened.closed(), opened.connection.close_reason) == (REFUSED_SOCKET, "Forbidden")
        async with begun(address, f"Bearer {signed(claims(room))}") as opened:
            await opened.subscribe(QUESTION["query"])
            assert await opened.next() is not None


async def test_two_tokens_are_none_whichever_comes_first(room: RestRoom) -> None:
    good, other = (f"Bearer {signed(claims(room) | {'sub': user})}" for user in ("anna", "bert"))
    plain = await Graph(room.app, "Bearer wrong").post(QUESTION)
    async with served(room.app) as address:
        for first, second in ((good, other), (other, good), (good, good), (good, "Basic x")):
            both = [("Authorization", first), ("Authorization", second)]
            answer = await Graph(room.app, None).http.post("/graphql", json=QUESTION, headers=both)
            assert (answer.status_code, answer.content) == (401, plain.content)
            answer = await Graph(room.app, None).http.get("/api/personalization/profile/anna", headers=both)
            assert answer.status_code == 401
            async with socket(address, additional_headers=both) as opened:
                assert await opened.closed() == REFUSED_SOCKET


@pytest.mark.parametrize("kid", ["../../../../dev/null", "one'; --", "a\x00b", "x" * 5_000, 7, None, ["one"]])
async def test_a_key_id_is_only_ever_looked_up(kid: object, room: RestRoom) -> None:
    given = f"{part({'alg': 'HS256', 'kid': kid})}.{part(claims(room))}.eA"
    answer = await Graph(room.app, f"Bearer {given}").post(QUESTION)
    plain = await Graph(room.app, "Bearer wrong").post(QUESTION)
    assert (answer.status_code, answer.content) == (401, plain.content)


@pytest.mark.parametrize(
    "init",
    [
        {"authorization": ["Bearer x"]},
        {"authorization": {"token": "x"}},
        {"authorization": 5},
        {"Authorization": ""},
        {"authorization": "Bearer " + "a" * 100_000},
    ],
)
async def test_an_init_that_holds_no_token_is_refused_like_a_bad_one(init: dict[str, object], room: RestRoom) -> None:
    async with served(room.app) as address, socket(address) as opened:
        await opened.send(type="connection_init", payload=init)
        assert await opened.closed() == REFUSED_SOCKET
