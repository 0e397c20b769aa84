"""The table of the audit log, as a Tortoise model; rows are added by SQL and never changed."""

from tortoise import fields
from tortoise.models import Model


class AuditRow(Model):
    """One act, sealed together with the digest of the one before it."""

    tenant_id = fields.TextField()
    entry_id = fields.BigIntField(primary_key=True)
    action = fields.TextField()
    actor = fields.BinaryField()
    subject = fields.BinaryField(null=True)
    object = fields.TextField(null=True)
    outcome = fields.TextField()
    door = fields.TextField()
    correlation = fields.TextField()
    done_at = fields.DatetimeField()
    previous = fields.BinaryField()
    digest = fields.BinaryField()
    concludes = fields.BigIntField(null=True)

    class Meta:
        table = "audit_log"
