"""What a run of retention does where some people are busy; what it deletes is shown against the real tables."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from domain.clock import FixedClock
from domain.errors import Unavailable
from domain.ids import ModelVersion, SubjectId, TenantId
from domain.realtime.model import UpdateKind
from domain.retention.model import Retiring
from domain.retention.service import RetentionService

TENANT = TenantId("demo")
NOW = datetime(2026, 3, 10, tzinfo=UTC)
ANNA, BERT = (SubjectId(UUID(int=n)) for n in (1, 2))


class Tables:
    """A `RetentionStore` in which somebody learns from Anna."""

    def __init__(self) -> None:
        self.swept: list[SubjectId] = []
        self.retired: list[ModelVersion] = []

    async def people(self, _tenant: TenantId) -> AsyncIterator[list[SubjectId]]:
        for person in (ANNA, BERT):
            yield [person]

    async def too_old(self, *_asked: Any) -> dict[tuple[str, str], int]:
        return {}

    async def sweep(self, _tenant: TenantId, people: Sequence[SubjectId], *_how: Any) -> dict[tuple[str, str], int]:
        if ANNA in people:
            raise Unavailable("people are being learned from at this moment")
        self.swept += people
        return {}

    async def retiring(self, _tenant: TenantId) -> list[Retiring]:
        return [Retiring(ModelVersion("v1"), NOW, serves=False)]

    async def retire(self, _tenant: TenantId, versions: Sequence[ModelVersion]) -> None:
        self.retired += versions


class Silent:
    """Whoever would be told or handed work."""

    async def enqueue(self, _tenant: TenantId, _kind: Any, _arguments: Mapping[str, Any] | None = None) -> None:
        """Take no job."""

    async def tell_tenant(self, _tenant: TenantId, _kind: UpdateKind, _body: bytes) -> bool:
        return True


async def test_who_is_busy_holds_up_neither_the_others_nor_the_deadlines_of_models() -> None:
    tables = Tables()
    service = RetentionService(tables, lambda *_: None, Silent(), Silent(), FixedClock(NOW))  # type: ignore[arg-type]
    with pytest.raises(Unavailable, match="learned from"):
        await service.run(TENANT)
    assert tables.swept == [BERT]
    assert tables.retired == ["v1"]
