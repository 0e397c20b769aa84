"""Sessions as clients report them: that a visit is alive, on what device, and where in the product.

Events of a visit name its id; device and surface of the visit are theirs where they say none themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.behavior.model import Scalar, plausible_moment, require_scalars, require_text
from domain.behavior.sealing import SealedSession, sealed_session
from domain.behavior.service import Consent, SubjectKeys
from domain.clock import Clock
from domain.ids import SubjectId, TenantId, UserId


@dataclass(frozen=True, slots=True)
class SessionUpdate:
    """What a client says of a visit.

    Attributes:
        session_id: the client's id, as in its reports of behaviour.
        device: what it takes place on; None leaves what was said before.
        context: named texts, numbers and booleans, such as `surface`; empty leaves what was said before.
        seen_at: when the person was there; now if absent.
    """

    session_id: str
    device: str | None = None
    context: Mapping[str, Scalar] = field(default_factory=dict)
    seen_at: datetime | None = None

    def check(self) -> None:
        """Raise `ValidationFailed` unless every part is usable."""
        require_text(self.session_id, "sessionId", required=True)
        require_text(self.device, "device")
        require_scalars(self.context, "context")


@dataclass(frozen=True, slots=True)
class SessionState:
    """What is known of a visit now."""

    device: str | None
    started_at: datetime
    last_seen_at: datetime
    event_count: int


class SessionStore(Protocol):
    """The table of visits."""

    async def see(
        self,
        tenant: TenantId,
        subject: SubjectId,
        session: SealedSession,
        context_sealed: bytes | None,
        seen_at: datetime,
    ) -> SessionState:
        """Note that a session is alive, and what it says of itself.

        Raises:
            ConsentRequired: the person does not, or no longer, agree; nothing was written.
        """
        ...


class SessionService:
    """Visits.

    Args:
        store: the table.
        consent: knows who agreed.
        keys: seal what clients say.
        session_key: 32-byte secret that turns a client's session id into ours.
        clock: dates what clients leave undated.
    """

    def __init__(
        self, store: SessionStore, consent: Consent, keys: SubjectKeys, session_key: bytes, clock: Clock
    ) -> None:
        self._store = store
        self._consent = consent
        self._keys = keys
        self._session_key = session_key
        self._clock = clock

    async def update_session(self, tenant: TenantId, user_id: UserId, update: SessionUpdate) -> SessionState:
        """Note that a visit is alive, and what the client says of it; saying it twice changes nothing.

        Raises:
            ConsentRequired: the person has not agreed to behaviour being stored.
            ValidationFailed: a part of it means nothing; `field` says which.
        """
        update.check()
        seen_at = plausible_moment(update.seen_at, self._clock.now(), "seenAt")
        subject = await self._consent.collecting_subject(tenant, user_id)
        key = await self._keys.key_for(tenant, subject.subject_id)
        session = sealed_session(self._session_key, update.session_id, update.device, key)
        context = key.seal_json("user_sessions", "context_sealed", dict(update.context)) if update.context else None
        return await self._store.see(tenant, subject.subject_id, session, context, seen_at)
