"""Unlearning: a model trained after an erasure is, to the last bit, one that never saw the person."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from domain.behavior.importing import ImportedBehavior
from domain.ids import ItemId, TenantId, UserId
from domain.models.model import ModelRecord
from tests.api.canary import CANARY
from tests.api.rest_room import RestRoom
from tests.api.training_room import CATALOGUE, PEOPLE, TASTE_ITEMS, taste_of, train, working

BEGAN = datetime(2026, 3, 10, 12, tzinfo=UTC)


def behaviour(user: str, person: int, only: str | None = None) -> list[ImportedBehavior]:
    """What somebody took to, at the same moments in every tenant."""
    items = [f"{only or taste_of(person)}_{n}" for n in range(TASTE_ITEMS) if (n + person // 2) % 4]
    return [
        ImportedBehavior(UserId(user), "template_used", ItemId(item), BEGAN + timedelta(minutes=person * 60 + n))
        for n, item in enumerate(items)
    ]


async def lived(room: RestRoom, order: Sequence[int], canary: bool) -> RestRoom:
    await room.services.catalog.ensure_tenant(room.tenant, room.tenant)
    await (await room.furnish()).services.catalog.upsert(room.tenant, CATALOGUE)
    for person in order:
        if canary and person == order[len(order) // 2]:
            await room.agree(CANARY)
            # Somebody whose taste is nobody else's, so that learning from them could not go unnoticed.
            events = behaviour(CANARY, 3, "retro") + behaviour(CANARY, 5, "calm")
            await room.services.imports.import_events(room.tenant, events)
        await room.agree(f"user{person}")
        await room.services.imports.import_events(room.tenant, behaviour(f"user{person}", person))
    return room


async def trained(room: RestRoom) -> ModelRecord:
    async with working(room) as worker:
        job = await train(worker, room)
        assert job.result is not None, job.error
    record = await room.services.models.champion(room.tenant)
    assert record is not None
    return record


@pytest.mark.slow
async def test_a_model_trained_after_an_erasure_equals_one_that_never_saw_the_person(room: RestRoom) -> None:
    tenants = [TenantId(f"{room.tenant}-{name}") for name in ("never", "erased", "kept")]
    never, erased, kept = (RestRoom(room.app, room.settings, tenant) for tenant in tenants)
    await lived(never, range(PEOPLE), canary=False)
    for other in (erased, kept):
        await lived(other, range(PEOPLE)[::-1], canary=True)
    await erased.services.rights.erase(erased.tenant, UserId(CANARY))
    models = [await trained(one) for one in (never, erased, kept)]
    assert models[0].sha256 == models[1].sha256
    assert models[0].sha256 != models[2].sha256
