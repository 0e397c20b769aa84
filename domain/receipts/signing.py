"""Receipts that anybody can check offline: canonical JSON (RFC 8785), signed with Ed25519 (RFC 8032), each naming the
one before it.

A receipt is written down as exactly one line of canonical JSON, so that no byte of it can change unseen: another value
breaks the signature, another way to write the same value is refused, and a receipt that was taken out of the middle or
put in leaves a hash that fits nowhere.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from domain.errors import ValidationFailed

FORMAT: Final = "personalization-receipt/1"
_PARTS: Final = {"publicKey", "receipt", "signature"}


class ReceiptInvalid(ValidationFailed):
    """What was shown is not a receipt as it was signed."""


class ReceiptSigner:
    """Signs receipts.

    Args:
        seed: 32 bytes, derived from the master secret for this purpose.
    """

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key: Final = self._key.public_key().public_bytes_raw().hex()

    def signed(self, receipt: Mapping[str, Any]) -> str:
        """The receipt as one line of canonical JSON, without a line feed."""
        signature = self._key.sign(rfc8785.dumps(dict(receipt))).hex()
        document: dict[str, Any] = {"publicKey": self.public_key, "receipt": dict(receipt), "signature": signature}
        return rfc8785.dumps(document).decode()


def digest(document: str) -> str:
    """What the next receipt names this one by: SHA-256, hexadecimal."""
    return hashlib.sha256(document.encode()).hexdigest()


def verified(content: bytes, public_key: str | None = None) -> dict[str, Any]:
    """The receipt in a file's content: one line of canonical JSON, then a line feed.

    Args:
        content: the bytes of the file.
        public_key: whose signature it must be, hexadecimal; None accepts the key that the receipt itself names.

    Raises:
        ReceiptInvalid: a byte differs from what was signed, or somebody else signed it.
    """
    try:
        document = json.loads(content)
        if not isinstance(document, dict) or set(document) != _PARTS:
            raise ReceiptInvalid("This is not a receipt.")
        # Whatever else means the same (spaces, escapes, capital hexadecimal digits) is not what was written.
        written = document | {part: bytes.fromhex(document[part]).hex() for part in ("publicKey", "signature")}
        if rfc8785.dumps(written) + b"\n" != content:
            raise ReceiptInvalid("The receipt is not written as it was signed.")
        receipt: dict[str, Any] = document["receipt"]
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(document["publicKey"]))
        key.verify(bytes.fromhex(document["signature"]), rfc8785.dumps(receipt))
    except InvalidSignature:
        raise ReceiptInvalid("The signature does not fit the receipt.") from None
    except (ValueError, TypeError, RecursionError, rfc8785.CanonicalizationError):
        raise ReceiptInvalid("This is not a receipt.") from None
    if public_key is not None and document["publicKey"] != public_key.lower():
        raise ReceiptInvalid("Another key than the expected one signed the receipt.")
    return receipt


def require_chained(contents: Sequence[bytes], public_key: str | None = None) -> list[dict[str, Any]]:
    """The receipts of one tenant by their numbers, each once; a file may hold several, one a line.

    Raises:
        ReceiptInvalid: one is altered, some are of different tenants, one is missing between two others, or the chain
            forks: two have the same number, or one does not name the one before it.
    """
    lines = [line for content in contents for line in content.splitlines(keepends=True) or [content]]
    found = sorted(((verified(line, public_key), line) for line in dict.fromkeys(lines)), key=_number)
    for (before, line), (after, _) in pairwise(found):
        number = after["number"]
        if after["tenant"] != before["tenant"]:
            raise ReceiptInvalid("These are receipts of different tenants.")
        if number == before["number"]:
            raise ReceiptInvalid(f"The chain forks: two receipts have the number {number}.")
        if number > before["number"] + 1:
            raise ReceiptInvalid(f"Between the receipts {before['number']} and {number} there are others.")
        if after["previous"] != digest(line.decode().removesuffix("\n")):
            raise ReceiptInvalid(f"The chain forks: receipt {number} does not follow this receipt {before['number']}.")
    return [receipt for receipt, _ in found]


def _number(found: tuple[Mapping[str, Any], bytes]) -> int:
    receipt = found[0]
    if not isinstance(receipt.get("number"), int) or not {"tenant", "previous"} <= receipt.keys():
        raise ReceiptInvalid("This is not a receipt.")
    return int(receipt["number"])
