"""Sealing of personal fields, so that a stolen table, backup or cache says nothing without the person's own key.

A sealed field is `version (1 byte) | nonce (12 bytes) | ciphertext and tag`, AES-256-GCM (NIST SP 800-38D). The
associated data are the format version, the subject, the table and the column: a value moved to another person or
another column no longer opens. Nonces are random, which SP 800-38D section 8.3 allows for 2^32 values under one key; a
key belongs to one person, who stays far below that.
"""

import os
from functools import lru_cache
from typing import Any

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.errors import DomainError, ValidationFailed
from domain.ids import SubjectId

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
FORMAT_VERSION = 1

_VERSION = bytes([FORMAT_VERSION])
_HEADER_BYTES = 1 + NONCE_BYTES


class SealBroken(DomainError):
    """A sealed value was altered, moved, or sealed under another key; which of these it was is not told."""

    def __init__(self) -> None:
        super().__init__("A stored value could not be read.")


@lru_cache(maxsize=1024)
def _place(table: str, column: str) -> bytes:
    # The length before the table keeps ("ab", "c") and ("a", "bc") apart.
    name = table.encode()
    return len(name).to_bytes(2, "big") + name + column.encode()


class FieldSealer:
    """AES-256-GCM under one key, bound to one context, ready for many values.

    Args:
        context: what every value under this sealer belongs to; part of the associated data.
        key: 32 bytes.

    Raises:
        ValidationFailed: the key has another length.
    """

    __slots__ = ("_cipher", "_prefix")

    def __init__(self, context: bytes, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValidationFailed("A key must have 256 bits.", field="key")
        self._cipher = AESGCM(key)
        self._prefix = _VERSION + len(context).to_bytes(2, "big") + context

    def seal(self, table: str, column: str, plaintext: bytes) -> bytes:
        """Encrypt `plaintext` for one column; the answer is `len(plaintext) + 29` bytes long."""
        nonce = os.urandom(NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plaintext, self._prefix + _place(table, column))

    def open(self, table: str, column: str, sealed: bytes) -> bytes:
        """Decrypt what `seal` made for the same context and column.

        Raises:
            SealBroken: it was altered, cut, moved from elsewhere or sealed under another key.
        """
        if len(sealed) < _HEADER_BYTES + TAG_BYTES or sealed[0] != FORMAT_VERSION:
            raise SealBroken
        try:
            return self._cipher.decrypt(
                sealed[1:_HEADER_BYTES], sealed[_HEADER_BYTES:], self._prefix + _place(table, column)
            )
        except InvalidTag:
            raise SealBroken from None

    def seal_json(self, table: str, column: str, value: Any) -> bytes:
        """Encrypt a JSON value for one column.

        Raises:
            ValidationFailed: the value has no JSON form.
        """
        try:
            plaintext = orjson.dumps(value)
        except TypeError as error:
            raise ValidationFailed("A value that is to be stored has no JSON form.", field=column) from error
        return self.seal(table, column, plaintext)

    def open_json(self, table: str, column: str, sealed: bytes) -> Any:
        """Decrypt what `seal_json` made; raises `SealBroken` as `open` does."""
        return orjson.loads(self.open(table, column, sealed))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class SubjectKey(FieldSealer):
    """The sealer of one person's fields.

    Args:
        subject: whose fields these are.
        data_key: 32 bytes, the person's data key.
    """

    __slots__ = ("subject",)

    def __init__(self, subject: SubjectId, data_key: bytes) -> None:
        super().__init__(subject.bytes, data_key)
        self.subject = subject
