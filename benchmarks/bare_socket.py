"""The floor of `benchmarks.sockets`: a Strawberry subscription that yields what is posted, and nothing else."""

import asyncio
from collections.abc import AsyncGenerator

import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from strawberry.asgi import GraphQL

queues: set[asyncio.Queue[str]] = set()


@strawberry.type
class Query:
    """GraphQL wants one."""

    @strawberry.field
    def nothing(self) -> str:
        """Nothing."""
        return ""


@strawberry.type
class Subscription:
    """One field."""

    @strawberry.subscription
    async def told(self) -> AsyncGenerator[str, None]:
        """Whatever is posted."""
        queue: asyncio.Queue[str] = asyncio.Queue()
        queues.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            queues.discard(queue)


async def tell(request: Request) -> Response:
    """Tell every socket."""
    text = (await request.body()).decode()
    for queue in queues:
        queue.put_nowait(text)
    return Response(status_code=204)


_graphql = GraphQL[None, None](strawberry.Schema(query=Query, subscription=Subscription))
app = Starlette(routes=[WebSocketRoute("/graphql", _graphql), Route("/tell", tell, methods=["POST"])])
