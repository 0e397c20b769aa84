"""A tenant whose people have two tastes, and a worker that trains on them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from domain.behavior.model import Action, BehaviorData
from domain.catalog.model import CatalogItem, ItemKind
from domain.ids import ItemId, UserId
from domain.jobs.model import Job, JobKind
from tests.api.rest_room import RestRoom
from workers import main

PEOPLE = 24
TASTES = ("retro", "calm")
TASTE_ITEMS = 8
CATALOGUE = [
    CatalogItem(ItemId(f"{taste}_{n}"), ItemKind.TEMPLATE, f"{taste.title()} {n}", "", (taste,), "")
    for taste in TASTES
    for n in range(TASTE_ITEMS)
]
TWO_SEGMENTS: dict[str, Any] = {"userSegmentation": {"type": "clustering", "algorithm": "kmeans", "clusters": 2}}


def taste_of(person: int) -> str:
    return TASTES[person % 2]


async def behave(room: RestRoom) -> None:
    """Every second person takes to what is retro, the others to what is calm."""
    await room.services.catalog.upsert(room.tenant, CATALOGUE)
    for person in range(PEOPLE):
        await room.agree(f"user{person}")
        items = [f"{taste_of(person)}_{n}" for n in range(TASTE_ITEMS) if (n + person // 2) % 4]
        items += [f"template_{person % 12}", f"template_{person % 7 + 12}"]
        await act(room, f"user{person}", *items)


async def act(room: RestRoom, user: str, *items: str) -> None:
    """Let a person use templates."""
    actions = tuple(Action("template_used", feature=item) for item in items)
    await room.services.behavior.learn_preferences(room.tenant, UserId(user), BehaviorData(actions=actions))


async def train(worker: dict[str, Any], room: RestRoom, config: dict[str, Any] | None = None) -> Job:
    """Train as a worker does that was woken, and answer with the finished job."""
    job_id = await room.services.jobs.enqueue(room.tenant, JobKind.RETRAIN, {"config": config or {}})
    await main.run_job(worker, str(job_id))
    return await room.services.jobs.job(room.tenant, job_id)


@asynccontextmanager
async def working(room: RestRoom) -> AsyncIterator[dict[str, Any]]:
    """The context that arq keeps for a worker."""
    context: dict[str, Any] = {"settings": room.settings}
    await main.start(context)
    try:
        yield context
    finally:
        await main.stop(context)
