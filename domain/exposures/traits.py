"""What conditions look at: what the user management service says of a person, and the segment they are in."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from domain.accounts.service import COLUMN, TABLE
from domain.ids import SubjectId, TenantId
from domain.privacy.encryption import SubjectKey
from domain.privacy.model import Subject

SEGMENT: Final = "segment"
ROLES: Final = "roles"


class Descriptions(Protocol):
    """Where it is read."""

    async def described(self, tenant: TenantId, subject: SubjectId) -> tuple[int | None, bytes | None]:
        """A person's segment, and the sealed attributes of their account."""
        ...


class SubjectKeys(Protocol):
    """Where a person's key comes from."""

    async def keys_for(self, tenant: TenantId, subjects: Sequence[SubjectId]) -> dict[SubjectId, SubjectKey]:
        """The sealers of these people."""
        ...


class AccountTraits:
    """Traits of people, as exposures need them.

    Args:
        store: segments and sealed accounts.
        keys: open what is sealed.
    """

    def __init__(self, store: Descriptions, keys: SubjectKeys) -> None:
        self._store = store
        self._keys = keys

    async def traits(self, subject: Subject) -> Mapping[str, Any]:
        """Attributes of the account by name, `roles`, and `segment`, which no attributes of these names stand for."""
        segment, sealed = await self._store.described(subject.tenant, subject.subject_id)
        found: dict[str, Any] = {}
        if sealed is not None and subject.uses_stated:
            keys = await self._keys.keys_for(subject.tenant, (subject.subject_id,))
            key = keys.get(subject.subject_id)
            said = {} if key is None else key.open_json(TABLE, COLUMN, sealed)
            found |= {**said.get("attributes", {}), ROLES: said.get("roles", [])}
            found.pop(SEGMENT, None)
        if segment is not None and subject.personalizes:
            found[SEGMENT] = segment
        return found
