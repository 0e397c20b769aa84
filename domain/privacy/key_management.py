"""The interface to whatever holds the key-encryption keys: this process, a key management service, a cloud."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.errors import Conflict, Unavailable
from domain.ids import SubjectId


class KeysUnusable(Unavailable):
    """The key-encryption keys cannot be used as they are; the message says what to change."""


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A data key under a key-encryption key.

    Attributes:
        kek_id: which key-encryption key wrapped it.
        wrapped: the sealed key, 61 bytes with the local keys.
    """

    kek_id: str
    wrapped: bytes


class KeysFixed(Conflict):
    """The key-encryption keys can be changed by whoever configured them alone; the message says how."""


class KeyManagement(Protocol):
    """What this service needs of a key management service, whether keys lie in this process or in a cloud.

    What is asked of an implementation, and checked of any by `tests/unit/test_key_management.py`: an id names one key
    for good; what a key wrapped opens for its own person alone, in every process, until the key is retired; a new key
    wraps from the moment `renew` returns, while older ones still open.

    Attributes:
        renewable: whether keys can be made and retired through this interface.
    """

    @property
    def renewable(self) -> bool:
        """Whether keys can be made and retired through this interface."""
        ...

    async def key_ids(self) -> Sequence[str]:
        """The ids of the key-encryption keys that unwrap, oldest first; the last one wraps."""
        ...

    async def renew(self) -> str:
        """Make a key-encryption key that wraps from now on, in every process; its id.

        Raises:
            KeysFixed: only whoever configured the keys can.
        """
        ...

    async def retire_older(self, kek_id: str) -> None:
        """Make the key-encryption keys older than `kek_id` unusable; what they wrapped is lost. Raises `KeysFixed`."""
        ...

    async def wrap(self, subject: SubjectId, data_key: bytes) -> WrappedKey:
        """Wrap a 32-byte data key for `subject` under the newest key-encryption key."""
        ...

    async def unwrap(self, subject: SubjectId, key: WrappedKey) -> bytes:
        """The 32 bytes of the data key.

        Raises:
            SealBroken: the wrapped key was altered or belongs to another subject.
            KeysUnusable: its key-encryption key is not available.
        """
        ...
