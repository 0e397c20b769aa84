"""What adaptation needs of other rooms and of its store."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from domain.adaptation.dossier import Dossier
from domain.adaptation.shared_ways import CommonWays
from domain.catalog.snapshot import CatalogSnapshot
from domain.experiments.levers import Area
from domain.exposures.steering import Steering
from domain.ids import SubjectId, TenantId, UserId
from domain.privacy.encryption import SubjectKey
from domain.privacy.model import Subject


class AdaptationStore(Protocol):
    """The log as adaptation reads it, what people said, and what is common."""

    async def dossier(self, tenant: TenantId, subject: SubjectId, limit: int) -> Dossier:
        """The latest events of a person, their sessions, and what they said."""
        ...

    async def choices(self, tenant: TenantId, subject: SubjectId) -> bytes | None:
        """What a person said, sealed."""
        ...

    async def choose(
        self,
        tenant: TenantId,
        subject: SubjectId,
        change: Callable[[bytes | None], bytes],
        announcement: bytes,
        now: datetime,
    ) -> None:
        """Write what `change` makes of what a person said so far, and announce it, in one transaction.

        Raises:
            NotFound: the person is gone.
        """
        ...

    async def common(self, tenant: TenantId) -> CommonWays:
        """What many people of the tenant do alike."""
        ...


class Directory(Protocol):
    """The part of the directory that adaptation needs."""

    async def resolve(self, tenant: TenantId, user_id: UserId) -> Subject | None:
        """The person, or None."""
        ...


class SubjectKeys(Protocol):
    """Where people's keys come from."""

    async def key_for(self, tenant: TenantId, subject: SubjectId) -> SubjectKey:
        """The sealer of one person's fields."""
        ...


class Catalog(Protocol):
    """The part of the catalogue that adaptation needs."""

    async def snapshot(self, tenant: TenantId) -> CatalogSnapshot:
        """The catalogue as columns."""
        ...


class Publisher(Protocol):
    """Who tells live updates once they are committed."""

    async def publish(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> int:
        """Publish what waits for these people; how many updates."""
        ...


class Experiments(Protocol):
    """Who knows what experiments change for a person."""

    async def steering(self, user_id: UserId, subject: Subject | None, area: Area) -> Steering:
        """What they change in an area."""
        ...

    async def shown(self, subject: Subject | None, steering: Steering) -> None:
        """Note what an answer showed."""
        ...
