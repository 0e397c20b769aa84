"""The canary's visit: every root field, every route, sockets, headers and claims, with a mark in each place."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import httpx
import jwt
from graphql import GraphQLObjectType
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from domain.ids import TenantId
from graphql_api.auth import Scope
from graphql_api.rest.paths import PREFIX
from graphql_api.schema import build_schema
from tests.api.attack_room import Door, doors, put
from tests.api.canary_filling import CANARY, MARK, NUMBER, Filled, fields_of, of_body, of_field
from tests.api.canary_words import LAST, OPERATOR, OPERATORS, TELLTALE, USUAL, VISITOR
from tests.api.declared import DOCUMENT
from tests.api.experiment_room import PLAN
from tests.api.graphql_room import PROTOCOL, Socket
from tests.api.rest_room import ITEMS

Work = Callable[[], Awaitable[None]]
SCHEMA: Final = build_schema()._schema
ROOTS: Final = {"query": SCHEMA.query_type, "mutation": SCHEMA.mutation_type, "subscription": SCHEMA.subscription_type}


@dataclass
class Visit:
    """One visit of the canary.

    Attributes:
        http: a client of the service, without a token.
        address: where sockets connect.
        secret: signs tokens.
        said: the name of every place that a mark was sent in.
        usual: what fields hold where a mark would be refused.
    """

    http: httpx.AsyncClient
    address: str
    tenant: TenantId
    secret: str
    usual: dict[str, Any] = field(default_factory=lambda: dict(USUAL))
    said: set[str] = field(default_factory=set)

    def token(self, user: str = CANARY, scopes: frozenset[Scope] = frozenset(Scope)) -> str:
        """A token as an identity provider makes them: with names and addresses that nobody asked for."""
        now = int(datetime.now(UTC).timestamp())
        claims = {
            "iss": "personalization", "aud": "personalization", "sub": user, "tenant": self.tenant,
            "jti": f"{MARK} jti", "scope": " ".join(sorted(scopes)), "iat": now, "nbf": now, "exp": now + 3600,
            "email": CANARY,
            "name": f"{MARK} Name", "phone_number": f"+49 {NUMBER}", "sid": f"{MARK} sid", "amr": [f"{MARK} amr"],
        }  # fmt: skip
        return jwt.encode(claims, self.secret, algorithm="HS256", headers={"kid": f"{MARK} kid"})

    def headers(self, user: str = CANARY) -> dict[str, str]:
        """What a browser and the proxies before the service send along."""
        return {"Authorization": f"Bearer {self.token(user)}", **TELLTALE}

    async def ask(self, document: str, variables: Mapping[str, Any], user: str = CANARY) -> dict[str, Any]:
        """The answer to one document, which must not be a fault of ours."""
        body = {"query": f"# {MARK} comment\n{document}", "variables": variables, "operationName": "Q"}
        answer = await self.request("POST", "/graphql", json=body, headers=self.headers(user))
        assert "INTERNAL" not in answer.text, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def through_everything(self, work: Work) -> None:
        """Go through every door; what is about experiments needs `prepared` before.

        Args:
            work: has workers do what waits for them.
        """
        for user in (VISITOR, CANARY):
            await self.tell(door_of("recordConsent"), user)
        await self.tell(door_of("learnPreferences"), VISITOR)
        self.usual["IssueExportLinkInput.requestId"] = await self.requested("requestExport")
        await work()
        for door in of_people():
            await self.tell(door)
        for path, methods in DOCUMENT["paths"].items():
            for method, declared in methods.items():
                await self.route(path, method, declared)
        await self.sockets()
        await self.nonsense()
        await work()
        for door in (door for door in of_people() if door.kind == "query"):
            # What was learned is asked for, so that it is cached.
            await self.ask(selected(door), about(self.filled(door).value, CANARY))

    async def prepared(self) -> None:
        """Write what an operator writes before: items, and an experiment that people can be shown and measured by."""
        items = [
            {"itemId": item.item_id, "kind": item.kind.name, "title": item.title, "category": item.category,
             "tags": list(item.tags)} for item in ITEMS
        ]  # fmt: skip
        await self.act("upsertCatalogItems", items=items)
        made = await self.act("createExperiment", "... on Experiment { experimentId }", **PLAN)
        await self.act("startExperiment", experimentId=made["experimentId"])
        self.usual |= {
            "ExposeUserInput.experimentKey": PLAN["key"],
            "ForceVariationInput.experimentId": made["experimentId"],
            "ForceVariationInput.variation": PLAN["variations"][1]["key"],
            "RecordConversionInput.goal": "signup",
        }

    async def requested(self, field: str) -> str:
        """Ask for an export or an erasure; the id of the request."""
        made = await self.act(field, "... on PrivacyRequest { requestId }", CANARY, userId=CANARY)
        self.said |= self.filled(door_of(field)).marked
        return str(made["requestId"])

    async def act(self, field: str, told: str = "", user: str = OPERATOR, **given: Any) -> dict[str, Any]:
        """The answer to a mutation that must not be refused."""
        document = selected(door_of(field)).replace("__typename", f"__typename {told}", 1)
        [made] = (await self.ask(document, {"input": given}, user))["data"].values()
        assert not made["__typename"].endswith("Problem"), made
        return dict(made)

    async def nonsense(self) -> None:
        """Send the mark in what no door takes."""
        for content in (f"{{{CANARY}", f'{{"query": "{{ {MARK} }}"}}', f'{{"query": "{{ health(a: "{CANARY}") }}"}}'):
            headers = {**self.headers(), "Content-Type": "application/json"}
            await self.request("POST", "/graphql", content=content, headers=headers)
        await self.request("GET", f"/graphql?query={{{MARK}}}&variables={CANARY}", headers=self.headers())
        await self.request("POST", "/graphql", data={MARK: CANARY}, headers=self.headers())
        await self.request("GET", f"/{MARK}/{CANARY}?{MARK}={CANARY}", headers=self.headers())
        await self.request("POST", f"{PREFIX}/feedback", json={MARK: CANARY}, headers=self.headers())
        await self.request(
            "POST", f"{PREFIX}/feedback", json={}, headers={"Authorization": f"Bearer {MARK}.{MARK}.{MARK}"}
        )

    async def tell(self, door: Door, user: str = CANARY) -> None:
        """Fill a door once as a whole, which it must take, and once more for every place that had no mark then."""
        filled = self.filled(door)
        filled.value = about(filled.value, user)
        told = await self.ask(selected(door), filled.value, user)
        if door.kind == "mutation":
            answer = (told.get("data") or {}).get(door.name) or {}
            assert not told.get("errors"), (door.name, told, filled.value)
            assert not answer["__typename"].endswith("Problem"), (door.name, told, filled.value)
        self.said |= filled.marked
        await self.vary(door, filled, user)

    async def vary(self, door: Door, filled: Filled, user: str) -> None:
        """Say the mark in each place that cannot have it: refused, it must leave no trace either."""
        for name, path, mark in filled.variants():
            await self.ask(selected(door), put(filled.value, path, mark), user)
            self.said.add(name)

    def filled(self, door: Door) -> Filled:
        """The variables of a door."""
        root = ROOTS[door.kind]
        assert isinstance(root, GraphQLObjectType)
        return of_field(door.name, root.fields[door.name], self.usual)

    async def route(self, path: str, method: str, declared: Mapping[str, Any]) -> None:
        """Fill a route: its path, its parameters, its headers and its body."""
        places = {f"{method} {path} {p['in']} {p['name']}": p for p in declared.get("parameters", ())}
        headers = {p["name"]: f"{MARK} header" for p in places.values() if p["in"] == "header"}
        url = path.replace("{userId}", CANARY)
        options: dict[str, Any] = {"headers": {**self.headers(), **headers}}
        for parameter in (p for p in places.values() if p["in"] == "query"):
            await self.request(method, url, **options, params={parameter["name"]: f"{MARK} parameter"})
        if "requestBody" not in declared:
            assert (await self.request(method, url, **options)).is_success
        else:
            await self.body(method, url, declared, options)
        self.said |= places.keys()

    async def body(self, method: str, url: str, declared: Mapping[str, Any], options: dict[str, Any]) -> None:
        """Fill the body of a route as a whole, then each place that had no mark."""
        name = declared["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        filled = of_body(name, DOCUMENT, self.usual)
        filled.value = about(filled.value, CANARY)
        answer = await self.request(method, url, **options, json=filled.value)
        assert answer.is_success, (url, answer.text, filled.value)
        self.said |= filled.marked
        for place, path, mark in filled.variants():
            await self.request(method, url, **options, json=put(filled.value, path, mark))
            self.said.add(place)

    async def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        """One request, whose answer must not be a fault of ours."""
        answer = await self.http.request(method, url, **options)
        assert answer.status_code < 500, answer.text
        return answer

    @asynccontextmanager
    async def socket(self) -> AsyncIterator[Socket]:
        """A socket that was begun with more than a token."""
        headers = {name: value for name, value in TELLTALE.items() if name != "User-Agent"}
        async with connect(
            f"ws://{self.address}/graphql",
            subprotocols=[Subprotocol(PROTOCOL)],
            additional_headers=headers,
            user_agent_header=TELLTALE["User-Agent"],
        ) as connection:
            opened = Socket(connection)
            payload = {"authorization": f"Bearer {self.token()}", "name": f"{MARK} Name", MARK: {"deep": [CANARY]}}
            await opened.send(type="connection_init", payload=payload)
            assert (await opened.receive())["type"] == "connection_ack"
            yield opened

    async def sockets(self) -> None:
        """Say the mark in every message of the protocol."""
        for door in (door for door in doors() if door.kind == "subscription"):
            filled = self.filled(door)
            filled.value = about(filled.value, CANARY)
            async with self.socket() as opened:
                await opened.send(type="ping", payload={MARK: CANARY})
                assert (await opened.receive())["type"] == "pong"
                await opened.subscribe(door.document, f"{MARK} operation", **filled.value)
                await opened.send(type="complete", id=f"{MARK} operation")
            self.said |= filled.marked
            for name, path, mark in filled.variants():
                async with self.socket() as opened:
                    await opened.subscribe(door.document, MARK, **put(filled.value, path, mark))
                    await opened.receive()
                self.said.add(name)
        async with self.socket() as opened:
            await opened.connection.send(json.dumps({"type": MARK, "payload": CANARY}))
            assert await opened.closed() == 4400


def about(value: dict[str, Any], user: str) -> dict[str, Any]:
    """The same, about a user wherever one is named."""
    return {name: _about(name, part, user) for name, part in value.items()}


def _about(name: str, part: Any, user: str) -> Any:
    if name in {"userId", "userIds"}:
        return [user] if isinstance(part, list) else user
    if isinstance(part, dict):
        return about(part, user)
    if isinstance(part, list):
        return [_about("", one, user) for one in part]
    return part


def selected(door: Door) -> str:
    """The document of a door with all of its arguments."""
    [whole] = [other for other in doors(whole=True) if (other.kind, other.name) == (door.kind, door.name)]
    told = "{ __typename ... on Problem { code message field } }"
    return whole.document.replace("{ __typename }", told) if door.kind == "mutation" else whole.document


def of_people() -> list[Door]:
    """The doors that the canary goes through over HTTP: consent first, questions once there is something to tell."""
    order = {"recordConsent": 0, "mutation": 1, "query": 2}
    open_ones = (door for door in doors() if door.kind != "subscription" and door.name not in OPERATORS | LAST)
    return sorted(open_ones, key=lambda door: order.get(door.name, order[door.kind]))


def door_of(name: str) -> Door:
    """A door by its name."""
    return next(door for door in doors() if door.name == name)


def everything() -> set[str]:
    """Every place of every door that takes a text, a number or an id, read from the schema and the document alone."""
    found: set[str] = set()
    for kind, root in ROOTS.items():
        assert root is not None
        names = (door.name for door in doors() if door.kind == kind and door.name not in OPERATORS)
        found |= fields_of(root, names)
    for path, methods in DOCUMENT["paths"].items():
        for method, declared in methods.items():
            found |= {f"{method} {path} {p['in']} {p['name']}" for p in declared.get("parameters", ())}
            if "requestBody" in declared:
                name = declared["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
                found |= set(_simple(name))
    return found


def _simple(name: str) -> Iterator[str]:
    schema = DOCUMENT["components"]["schemas"][name]
    for part, declared in schema.get("properties", {}).items():
        kinds = [kind for kind in declared.get("anyOf", [declared]) if kind.get("type") != "null"]
        kinds = [kind.get("items", kind) for kind in kinds]
        for kind in kinds[:1]:
            if "$ref" in kind:
                yield from _simple(kind["$ref"].rpartition("/")[2])
            elif kind.get("type") in {"string", "number", "integer", "object"} and _is_free(kind):
                yield f"{schema['title']}.{part}"


def _is_free(kind: Mapping[str, Any]) -> bool:
    return not {"enum", "const"} & kind.keys() and kind.get("format") != "date-time"
