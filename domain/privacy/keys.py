"""Where keys come from: key-encryption keys behind a small interface, and secrets derived from the master secret.

A data key is wrapped with AES-256-GCM under a key-encryption key (KEK). Several KEKs may be present: the newest wraps,
every one unwraps, so that a rotation never makes a stored key unreadable.
"""

import base64
import binascii
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from domain.errors import Unavailable, ValidationFailed
from domain.ids import SubjectId
from domain.privacy.encryption import KEY_BYTES, FieldSealer

MIN_SECRET_BYTES = 32
_DERIVATION_SALT = b"personalization-service secrets 1"
_KEY_FILE_MODE = 0o600
_OTHERS = 0o077
_MAX_KEY_FILE_BYTES = 64 * 1024


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


class KeyManagement(Protocol):
    """The part of a key management service that this service needs."""

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
        self._read_at = None if path is None else _state(path)
        self._hold(keys)

    def _hold(self, keys: Mapping[str, bytes]) -> None:
        if not keys:
            raise KeysUnusable("There is no key-encryption key.")
        if any(len(key) != KEY_BYTES for key in keys.values()):
            raise KeysUnusable(f"A key-encryption key must have {KEY_BYTES} bytes, written in base64.")
        self._sealers = {kek_id: FieldSealer(kek_id.encode(), key) for kek_id, key in keys.items()}
        self.newest_id = list(keys)[-1]

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
                _create(path)
            return cls(_parse(_read_private(path).splitlines()), path)
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
        if self.path is None or (state := _state(self.path)) == self._read_at:
            return
        self._hold(_parse(_read_private(self.path).splitlines()))
        self._read_at = state


def add_key(path: Path) -> None:
    """Add a new key to a key file, which wraps from then on; the file is replaced whole. Raises `KeysUnusable`."""
    _replace(path, f"{_read_private(path).rstrip()}\n{new_key_line()}\n")


def keep_newest(path: Path) -> None:
    """Take every key but the newest out of a key file; what they wrapped is lost. Raises `KeysUnusable`."""
    lines = _read_private(path).splitlines()
    newest = next(line for line in reversed(lines) if line.strip() and not line.startswith("#"))
    _replace(path, "\n".join([*(line for line in lines if line.startswith("#")), newest]) + "\n")


def new_key_line() -> str:
    """One line of the text form, with a new random id and key."""
    return f"kek-{secrets.token_hex(4)} {base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"


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


def _read_private(path: Path) -> str:
    with path.open("rb") as file:
        # The open file is asked, not the path, so that nobody can swap it between the question and the reading.
        mode = os.fstat(file.fileno()).st_mode
        if mode & _OTHERS:
            raise KeysUnusable(
                f"The key file {path} can be used by others (mode {mode & 0o777:04o}); run: chmod 600 {path}"
            )
        content = file.read(_MAX_KEY_FILE_BYTES)
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise KeysUnusable(f"The key file {path} is not text.") from None


def _state(path: Path) -> tuple[int, int]:
    """What differs once a file was replaced. Raises `KeysUnusable`."""
    try:
        found = path.stat()
    except OSError as error:
        raise KeysUnusable(f"The key file {path} cannot be used: {error.strerror}.") from error
    return found.st_ino, found.st_mtime_ns


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _KEY_FILE_MODE)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise KeysUnusable(f"The key file {path} cannot be written: {error.strerror}.") from error
    finally:
        draft.unlink(missing_ok=True)


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _KEY_FILE_MODE)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"# Losing this file makes every sealed field unreadable: back it up apart.\n{new_key_line()}\n")
            file.flush()
            os.fsync(file.fileno())
        # A hard link fails when the name is taken, so the first process wins and later ones read its key.
        path.hardlink_to(draft)
        _sync_folder(path.parent)
    except FileExistsError:
        return
    finally:
        draft.unlink()


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
