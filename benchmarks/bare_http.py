"""The floors of `benchmarks.http_api`: the same answers barely made, as protected as the service's own.

Each token is verified (a verified one is remembered, as the service does) and one round trip to Redis is made.
`/graphql` is stock Strawberry that answers a constant of the shape asked for, `/constant` bare bytes, `/fold-in` the
recommendation that `implicit` computes anew from a history in memory.
"""

import os
from typing import Any

import jwt
import numpy as np
import orjson
import redis.asyncio
import strawberry
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry.asgi import GraphQL

SECRET, ISSUER = os.environ["BENCH_SECRET"], "personalization"
ITEMS, FACTORS, HISTORY, SHOWN = 2_000, 50, 50, 10
redis_client = redis.asyncio.Redis.from_url(os.environ["BENCH_REDIS"])
verified: dict[str, Any] = {}


@strawberry.type
class Node:
    """A place of the list."""

    item_id: str
    title: str
    score: float
    kind: str
    category: str
    position: int


@strawberry.type
class Edge:
    """Relay's edge."""

    node: Node


@strawberry.type
class Connection:
    """Relay's connection."""

    edges: list[Edge]


def _node(place: int) -> Node:
    return Node(
        item_id=f"item-{place}",
        title=f"Item {place}",
        score=1.0 / (place + 1),
        kind="TEMPLATE",
        category="film",
        position=place,
    )


PAGE = Connection(edges=[Edge(node=_node(place)) for place in range(SHOWN)])
CONSTANT = orjson.dumps({"recommendations": [{"itemId": f"item-{n}", "score": 1.0 / (n + 1)} for n in range(SHOWN)]})


@strawberry.type
class Query:
    """The one field."""

    @strawberry.field
    def recommendations(self, user_id: str, first: int = SHOWN) -> Connection:
        """A constant."""
        del user_id, first
        return PAGE


class Protected:
    """Verifies the token and asks Redis, as every request to the service does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through."""
        if scope["type"] == "http":
            token = dict(scope["headers"])[b"authorization"].decode().removeprefix("Bearer ")
            if token not in verified:
                verified[token] = jwt.decode(token, SECRET, algorithms=["HS256"], audience=ISSUER, issuer=ISSUER)
            await redis_client.get("floor")
        await self._app(scope, receive, send)


def _model() -> tuple[AlternatingLeastSquares, csr_matrix]:
    random = np.random.default_rng(0)
    model = AlternatingLeastSquares(factors=FACTORS, num_threads=1)
    model.item_factors = random.normal(size=(ITEMS, FACTORS)).astype(np.float32)
    model.user_factors = np.zeros((1, FACTORS), dtype=np.float32)
    items = np.sort(random.choice(ITEMS, HISTORY, replace=False))
    return model, csr_matrix((np.ones(HISTORY, np.float32), (np.zeros(HISTORY, int), items)), shape=(1, ITEMS))


model, history = _model()


async def fold_in(_request: Request) -> Response:
    """A list computed anew."""
    ids, scores = model.recommend(0, history[0], N=SHOWN, recalculate_user=True)
    return JSONResponse([[int(item), float(score)] for item, score in zip(ids, scores, strict=True)])


async def constant(_request: Request) -> Response:
    """Bytes."""
    return Response(CONSTANT, media_type="application/json")


app = Protected(
    Starlette(
        routes=[
            Route("/graphql", GraphQL[None, None](strawberry.Schema(query=Query)), methods=["POST"]),
            Route("/constant", constant, methods=["GET", "POST"]),
            Route("/fold-in", fold_in, methods=["GET", "POST"]),
        ]
    )
)
