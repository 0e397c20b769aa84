"""Where keys come from: key-encryption keys of a file or the environment, and secrets derived from the master secret.

A data key is wrapped with AES-256-GCM under a key-encryption key (KEK). Several KEKs may be present: the newest wraps,
every one unwraps, so that a rotation never makes a stored key unreadable.
"""

import asyncio
import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domain.errors import ValidationFailed
from domain.ids import SubjectId
from domain.privacy.encryption import KEY_BYTES, FieldSealer
from domain.privacy.key_file import add_key, create, read_private, state_of, take_out_older
from domain.privacy.key_management import KeysFixed, KeysUnusable, WrappedKey

MIN_SECRET_BYTES = 32
_DERIVATION_SALT = b"personalization-service secrets 1"
_HOW_TO_RENEW = (
    "Nothing can be added to keys from the environment. Make one with `personalization keys new`, put it before the "
    "others in PERSONALIZATION_KEK and restart every process; then put it last, restart them again, and rotate."
)
_HOW_TO_RETIRE = (
    "Keys from the environment cannot be retired from here. Rotate without --retire, and take the older keys out of "
    "PERSONALIZATION_KEK once it says that they are no longer needed."
)


class LocalKeyManagement:
    """Key-encryption keys held in this process, read from a file or an environment variable.

    Their text form is one `id base64` pair a line (in an environment variable, pairs may also be parted by commas),
    oldest first; lines that start with `#` are comments.

    Keys from a file follow it: what another process added to it is used from then on to wrap, and found when it is
    needed to unwrap, so that a rotation needs no restart.

    Args:
        keys: key-encryption keys by id, 32 bytes each, oldest first.
        path: the file that they come from, if they do.

    Raises:
        KeysUnusable: there is no key, or a key has another length.
    """

    def __init__(self, keys: Mapping[str, bytes], path: Path | None = None) -> None:
        self.path = path
        self._read_at = None if path is None else state_of(path)
        self._hold(keys)

    def _hold(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise KeysUnusable("There is no key-encryption key.")
        if any(len(key) != KEY_BYTES for key in keys.values()):
            raise KeysUnusable(f"A key-encryption key must have {KEY_BYTES} bytes, written in base64.")
        self._sealers = {kek_id: FieldSealer(kek_id.encode(), key) for kek_id, key in keys.items()}
        self.newest_id = list(keys)[-1]

    @property
    def renewable(self) -> bool:
        """Whether the keys come from a file, which can be changed while the service runs."""
        return self.path is not None

    async def key_ids(self) -> Sequence[str]:
        """The ids of the keys that unwrap, oldest first; the last one wraps."""
        self.follow()
        return list(self._sealers)

    async def renew(self) -> str:
        """Add a new key to the file; its id. Raises `KeysFixed` without one."""
        if self.path is None:
            raise KeysFixed(_HOW_TO_RENEW)
        await asyncio.to_thread(add_key, self.path)
        self.follow()
        return self.newest_id

    async def retire_older(self, kek_id: str) -> None:
        """Take the keys that are older than `kek_id` out of the file. Raises `KeysFixed` without one."""
        if self.path is None:
            raise KeysFixed(_HOW_TO_RETIRE)
        await asyncio.to_thread(take_out_older, self.path, kek_id)
        self.follow()

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read the text form; raises `KeysUnusable` without quoting any of it."""
        return cls(_parse(text.replace(",", "\n").splitlines()))

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read a key file that only its owner can read, and create it with one new key when it is missing.

        Two processes that start together end with the same key: the file appears whole or not at all, once.

        Raises:
            KeysUnusable: others may read the file, or it is unreadable or malformed.
        """
        try:
            if not path.exists():
                create(path)
            return cls(_parse(read_private(path).splitlines()), path)
        except OSError as error:
            raise KeysUnusable(f"The key file {path} cannot be used: {error.strerror}.") from error

    async def wrap(self, subject: SubjectId, data_key: bytes) -> WrappedKey:
        """Wrap a 32-byte data key for `subject` under the newest key-encryption key."""
        self.follow()
        sealed = self._sealers[self.newest_id].seal("data_keys", subject.hex, data_key)
        return WrappedKey(self.newest_id, sealed)

    async def unwrap(self, subject: SubjectId, key: WrappedKey) -> bytes:
        """The 32 bytes of the data key; raises `SealBroken` or `KeysUnusable`."""
        if key.kek_id not in self._sealers:
            self.follow()
        sealer = self._sealers.get(key.kek_id)
        if sealer is None:
            raise KeysUnusable("A stored key was wrapped by a key-encryption key that is not configured.")
        return sealer.open("data_keys", subject.hex, key.wrapped)

    def follow(self) -> None:
        """Take over what has changed in the file. Raises `KeysUnusable` if it cannot be read any more."""
        if self.path is None or (state := state_of(self.path)) == self._read_at:
            return
        self._hold(_parse(read_private(self.path).splitlines()))
        self._read_at = state


def derive(secret: str | bytes, purpose: str) -> bytes:
    """A 32-byte secret for one named purpose, from the master secret by HKDF-SHA256 (RFC 5869).

    Args:
        secret: the master secret, at least 32 bytes.
        purpose: the name that sets this secret apart from every other.

    Raises:
        ValidationFailed: the master secret is too short, or the purpose is empty.
    """
    material = secret.encode() if isinstance(secret, str) else secret
    if len(material) < MIN_SECRET_BYTES:
        raise ValidationFailed(f"The master secret must have at least {MIN_SECRET_BYTES} bytes.", field="secret")
    if not purpose:
        raise ValidationFailed("A derived secret needs a purpose.", field="purpose")
    return HKDF(SHA256(), KEY_BYTES, _DERIVATION_SALT, purpose.encode()).derive(material)


def _parse(lines: Iterable[str]) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    for number, line in enumerate(lines, start=1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        kek_id, _, encoded = entry.partition(" ")
        try:
            key = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            raise KeysUnusable(f"Key-encryption key {number} is not an `id base64` pair.") from None
        if kek_id in keys:
            raise KeysUnusable(f"Key-encryption key {number} has the id of an earlier one.")
        keys[kek_id] = key
    return keys
