"""Who vouches for a model: a checksum says that bytes are whole, a signature that this service registered them here.

Whoever can write to the database can write a checksum that fits other bytes; a signature needs the service's secret.
"""

import hashlib
import hmac
import json

from domain.ids import ModelVersion, TenantId
from domain.models.model import ModelRecord


class ModelSigner:
    """Signs versions by HMAC-SHA256 (RFC 2104).

    Args:
        key: 32 bytes, derived from the master secret for this purpose.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, tenant: TenantId, name: str, version: ModelVersion, sha256: str) -> bytes:
        """The signature over all that makes a version what it is, 32 bytes."""
        # A JSON array keeps the parts apart: no other tenant, name or version gives the same text.
        text = json.dumps([tenant, name, version, sha256], separators=(",", ":"))
        return hmac.new(self._key, text.encode(), hashlib.sha256).digest()

    def vouches_for(self, record: ModelRecord) -> bool:
        """Whether the record is as it was signed."""
        wanted = self.sign(record.tenant, record.name, record.version, record.sha256)
        return record.signature is not None and hmac.compare_digest(wanted, record.signature)
