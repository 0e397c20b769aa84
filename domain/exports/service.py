"""Use cases of exports: make an archive, keep it sealed for a week, and hand it out once.

The archive is sealed with the person's own key and goes with the person. A link is a secret of its own: it works once,
for ten minutes, and only together with a token of the same user who signed in after asking, or a moment ago.
"""

import hashlib
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

import orjson

from domain.clock import Clock
from domain.errors import NotFound, Unauthenticated
from domain.exports.archive import document, zipped
from domain.ids import SubjectId, TenantId, UserId
from domain.privacy.data_map import Category, DataMap
from domain.privacy.encryption import SealBroken, SubjectKey
from domain.rights.erasure import Report
from domain.rights.model import PrivacyRequest

KEPT_FOR: Final = timedelta(days=7)
SIGN_IN: Final = timedelta(minutes=15)
LINK_LIVES: Final = timedelta(minutes=10)
LINK_BYTES: Final = 32
TABLE, COLUMN = "privacy_exports", "archive_sealed"


@dataclass(frozen=True, slots=True)
class ExportLink:
    """Where an archive can be fetched once.

    Attributes:
        secret: the last part of its address.
        expires_at: until when.
    """

    secret: str
    expires_at: datetime


class SignInAgain(Unauthenticated):
    """The caller's sign-in is too old for an archive; the link still works.

    Attributes:
        within_seconds: how recent a sign-in must be.
    """

    def __init__(self, within: timedelta) -> None:
        super().__init__("Sign in again, and fetch it with the new token; the link still works.")
        self.within_seconds = int(within.total_seconds())


class ExportStore(Protocol):
    """The tables that an archive is made of."""

    async def person(self, tenant: TenantId, identity_hash: bytes) -> SubjectId | None:
        """Who is behind a hash."""
        ...

    async def rows(self, tenant: TenantId, subject: SubjectId) -> Mapping[str, list[dict[str, Any]]]:
        """What a person may see of every exported table, at one moment."""
        ...

    async def keep(
        self, request: PrivacyRequest, subject: SubjectId | None, sealed: bytes, at: datetime, until: datetime
    ) -> PrivacyRequest:
        """Keep an archive, if there is a person to keep it for; the request is done."""
        ...


class ArchiveStore(Protocol):
    """The archives that are kept."""

    async def person(self, tenant: TenantId, identity_hash: bytes) -> SubjectId | None:
        """Who is behind a hash."""
        ...

    async def link(
        self, tenant: TenantId, subject: SubjectId, request_id: UUID, link_hash: bytes, now: datetime, until: datetime
    ) -> bool:
        """Let an archive be fetched by a link, and by no earlier one; whether there is that archive."""
        ...

    async def asked_at(self, tenant: TenantId, subject: SubjectId, link_hash: bytes, now: datetime) -> datetime | None:
        """When the archive of a link that is still good was asked for; None for any other link."""
        ...

    async def take(self, tenant: TenantId, subject: SubjectId, link_hash: bytes, now: datetime) -> bytes | None:
        """Hand out the archive of a link that is still good; it is deleted."""
        ...


class Directory(Protocol):
    """The part of the directory that exports need."""

    def identity_hash(self, tenant: TenantId, user_id: UserId) -> bytes:
        """What stands for an external id."""
        ...


class Keys(Protocol):
    """Where people's keys come from."""

    async def keys_for(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> dict[SubjectId, SubjectKey]:
        """The sealers of these people; those without a key are left out."""
        ...


class ExportService:
    """Exports.

    Args:
        store: what an archive is made of.
        archives: the archives until they are fetched.
        directory: leads from external ids to people.
        keys: seal the archives.
        data_map: what is exported.
        clock: dates archives and links.
        sign_in: an archive is handed out for a sign-in after the request, or this recent.
    """

    def __init__(  # noqa: PLR0913, RUF100 - each is another part of the world
        self,
        store: ExportStore,
        archives: ArchiveStore,
        directory: Directory,
        keys: Keys,
        data_map: DataMap,
        clock: Clock,
        sign_in: timedelta = SIGN_IN,
    ) -> None:
        self._sign_in = sign_in
        self._store = store
        self._archives = archives
        self._directory = directory
        self._keys = keys
        self._data_map = data_map
        self._clock = clock
        told = [(entry.name, column) for entry in data_map.exported() for column in entry.told]
        self._ids = {(table, column.name) for table, column in told if column.category is Category.IDENTIFIER}

    async def archive(self, tenant: TenantId, user_id: UserId) -> bytes:
        """Everything that is kept of a person, as a zip.

        Raises:
            NotFound: nothing is kept of them.
        """
        subject = await self._store.person(tenant, self._directory.identity_hash(tenant, user_id))
        if subject is None:
            raise NotFound("There is no such user.", field="userId")
        return await self._zipped(tenant, subject)

    async def run(self, request: PrivacyRequest, report: Report) -> PrivacyRequest:
        """Make the archive that a request asks for; there is none if nothing is kept of the person."""
        report(0.0, "read")
        now = self._clock.now()
        subject = await self._store.person(request.tenant, request.identity_hash)
        key = (await self._keys.keys_for(request.tenant, [] if subject is None else [subject])).get(subject or _NOBODY)
        if subject is None or key is None:
            return await self._store.keep(request, None, b"", now, now)
        sealed = key.seal(TABLE, COLUMN, await self._zipped(request.tenant, subject))
        report(0.9, "kept")
        return await self._store.keep(request, subject, sealed, now, now + KEPT_FOR)

    async def issue_link(self, tenant: TenantId, user_id: UserId, request_id: UUID) -> ExportLink:
        """A new link to a finished export of a user; an earlier link to it ends.

        Raises:
            NotFound: there is no such archive, or it was fetched or has expired.
        """
        secret, now = secrets.token_urlsafe(LINK_BYTES), self._clock.now()
        subject = await self._archives.person(tenant, self._directory.identity_hash(tenant, user_id))
        until = now + LINK_LIVES
        if subject is None or not await self._archives.link(tenant, subject, request_id, _hash(secret), now, until):
            raise NotFound("There is no such export.", field="requestId")
        return ExportLink(secret, until)

    async def fetch(self, tenant: TenantId, user_id: UserId, secret: str, signed_in_at: datetime | None) -> bytes:
        """The zip behind a link, once.

        Args:
            tenant: whose user.
            user_id: who fetches it.
            secret: the last part of the link's address.
            signed_in_at: when they proved who they are, if that is known.

        Raises:
            NotFound: the link was used, has expired, is another user's, or never was.
            SignInAgain: they signed in before they asked for it, and not lately; the link still works.
            Unavailable: a part is down; the link still works.
        """
        subject = await self._archives.person(tenant, self._directory.identity_hash(tenant, user_id))
        # The key comes first: an archive that is taken and cannot be opened would be lost.
        keys = {} if subject is None else await self._keys.keys_for(tenant, [subject])
        sealed, now = None, self._clock.now()
        if subject in keys:
            asked_at = await self._archives.asked_at(tenant, subject, _hash(secret), now)
            if asked_at is not None and not self._is_recent(signed_in_at, asked_at, now):
                raise SignInAgain(self._sign_in)
            sealed = await self._archives.take(tenant, subject, _hash(secret), now)
        if subject is None or sealed is None:
            raise NotFound("There is no such export.")
        return keys[subject].open(TABLE, COLUMN, sealed)

    def _is_recent(self, signed_in_at: datetime | None, asked_at: datetime, now: datetime) -> bool:
        # Tokens tell whole seconds.
        return signed_in_at is not None and signed_in_at >= min(asked_at.replace(microsecond=0), now - self._sign_in)

    async def _zipped(self, tenant: TenantId, subject: SubjectId) -> bytes:
        key = (await self._keys.keys_for(tenant, [subject])).get(subject)
        found = await self._store.rows(tenant, subject)
        rows = {table: [self._opened(table, row, key) for row in held] for table, held in found.items()}
        user_id = _external_id(found["subjects"], key)
        return zipped(self._data_map, document(self._data_map, tenant, user_id, rows, self._clock.now()))

    def _opened(self, table: str, row: Mapping[str, Any], key: SubjectKey | None) -> dict[str, Any]:
        return {name: _told(table, name, value, key, text=(table, name) in self._ids) for name, value in row.items()}


_NOBODY: Final = SubjectId(UUID(int=0))


def _external_id(held: Sequence[Mapping[str, Any]], key: SubjectKey | None) -> UserId:
    """The id by which the product knows the person. Raises `NotFound` if nothing is kept of them any more."""
    if key is None or not held or not held[0]["external_id_sealed"]:
        raise NotFound("There is no such user.", field="userId")
    return UserId(key.open("subjects", "external_id_sealed", held[0]["external_id_sealed"]).decode())


def _told(table: str, column: str, value: Any, key: SubjectKey | None, *, text: bool) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, bytes):
        return _unsealed(table, column, value, key, text=text)
    return value


def _unsealed(table: str, column: str, value: bytes, key: SubjectKey | None, *, text: bool) -> Any:
    """What is sealed in a column: JSON, or a text; null for what is empty or can be read by nobody any more."""
    if not value or key is None:
        return None
    try:
        opened = key.open(table, column, value)
        return opened.decode() if text else orjson.loads(opened)
    except SealBroken:
        return None
    except orjson.JSONDecodeError:
        return opened.decode(errors="replace")


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
