"""Tables of requests, receipts and exports, as Tortoise models; written by SQL alone."""

from typing import Any

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.models import Model


class PrivacyRequestRow(Model):
    """What a person asked for, under the keyed hash of their id, and how far it is."""

    tenant_id = fields.TextField()
    request_id = fields.UUIDField(primary_key=True)
    identity_hash = fields.BinaryField()
    kind = fields.TextField()
    state = fields.TextField()
    subjects: fields.Field[list[Any]] = ArrayField(element_type="uuid")
    checkpoint = fields.TextField(null=True)
    evidence: fields.Field[dict[str, Any]] = fields.JSONField()
    attempts = fields.IntField()
    retry_at = fields.DatetimeField()
    error = fields.TextField(null=True)
    requested_at = fields.DatetimeField()
    taught_since = fields.DatetimeField(null=True)
    erased_at = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "privacy_requests"


class PrivacyReceiptRow(Model):
    """A signed receipt, which names the hash of the one before it."""

    tenant_id = fields.TextField()
    number = fields.BigIntField()
    request_id = fields.UUIDField(primary_key=True)
    document = fields.TextField()

    class Meta:
        table = "privacy_receipts"


class PrivacyExportRow(Model):
    """Everything that is kept of a person, sealed, until they fetch it."""

    subject_id = fields.UUIDField()
    request_id = fields.UUIDField(primary_key=True)
    tenant_id = fields.TextField()
    archive_sealed = fields.BinaryField()
    link_hash = fields.BinaryField(null=True)
    link_until = fields.DatetimeField(null=True)
    made_at = fields.DatetimeField()
    expires_at = fields.DatetimeField()

    class Meta:
        table = "privacy_exports"
