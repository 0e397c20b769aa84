"""Following one person's updates, whatever carries them: whose they are, for how long, and what ends it."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from domain.bootstrap import Services
from domain.errors import NotFound, Unavailable
from domain.ids import TenantId, UserId
from domain.privacy.model import Subject
from domain.realtime.bus import Bus
from domain.realtime.model import Cursor, ResyncReason, ResyncRequired, Update, UpdateKind
from graphql_api.errors import Revoked

Happening = Update | ResyncRequired


def bus_of(services: Services) -> Bus:
    """Live updates.

    Raises:
        Unavailable: they are switched off.
    """
    if services.bus is None:
        raise Unavailable("live updates are switched off on this service")
    return services.bus


@dataclass(frozen=True, slots=True)
class Following:
    """The updates of one user id.

    Attributes:
        tenant: whose user it is.
        user: the id, which the caller may reach.
    """

    services: Services
    tenant: TenantId
    user: UserId

    async def subject(self) -> Subject:
        """The person behind the id. Raises `NotFound` where there is none."""
        subject = await self.services.directory.resolve(self.tenant, self.user)
        if subject is None:
            raise NotFound("There is no such user.", field="userId")
        return subject

    async def updates(self, subject: Subject, after: Cursor | None) -> AsyncGenerator[Happening, None]:
        """A person's own updates; where the id becomes another person's, a stated gap and then that person's.

        Raises:
            Revoked: the person is gone.
        """
        while True:
            async with bus_of(self.services).subscribe(self.tenant, subject.subject_id, after) as updates:
                async for update in updates:
                    if not isinstance(update, Update) or update.kind is not UpdateKind.IDENTITY_MERGED:
                        yield update
                        continue
                    now = await self.services.directory.resolve(self.tenant, self.user)
                    if now is None:
                        raise Revoked("the person is gone")
                    moved = now.subject_id != subject.subject_id
                    version = now.version if moved else update.version
                    yield ResyncRequired(version, ResyncReason.MERGED)
                    if moved:
                        subject, after = now, Cursor(version)
                        break
                else:
                    return

    async def require_allowed(self, update: Happening) -> None:
        """Raise `Revoked` if the person withdrew what their live updates rest on."""
        if isinstance(update, Update) and update.kind not in {UpdateKind.CONSENT_CHANGED, UpdateKind.ERASED}:
            return
        subject = await self.services.directory.resolve(self.tenant, self.user)
        if subject is None or not subject.personalizes:
            raise Revoked("the person no longer agrees to personalization")
