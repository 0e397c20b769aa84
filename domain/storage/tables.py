"""Tables about nobody in particular, as Tortoise models: what `tortoise makemigrations` compares the schema with.

The migrations' SQL owns the keys. Tortoise knows one key column only, so rows of a table keyed by two are never saved
or deleted through its model.
"""

from typing import Any

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.models import Model


class Tenant(Model):
    """A product whose people and catalogue are kept apart from every other."""

    tenant_id = fields.CharField(max_length=256, primary_key=True)
    name = fields.TextField()
    catalog_version = fields.BigIntField()
    rules_version = fields.BigIntField()
    experiments_version = fields.BigIntField()
    created_at = fields.DatetimeField()

    class Meta:
        table = "tenants"


class CatalogItemRow(Model):
    """Something that can be recommended."""

    tenant_id = fields.TextField()
    item_id = fields.CharField(max_length=256, primary_key=True)
    kind = fields.TextField()
    title = fields.TextField()
    description = fields.TextField()
    tags: fields.Field[list[str]] = ArrayField(element_type="text")
    category = fields.TextField()
    attributes: fields.Field[dict[str, Any]] = fields.JSONField()
    available_from = fields.DatetimeField(null=True)
    available_until = fields.DatetimeField(null=True)
    sensitive = fields.BooleanField()
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "catalog_items"


class ModelRow(Model):
    """A trained artifact with its checksum and metrics."""

    tenant_id = fields.TextField()
    name = fields.TextField()
    version = fields.CharField(max_length=256, primary_key=True)
    algorithm = fields.TextField()
    status = fields.TextField()
    sha256 = fields.TextField()
    size_bytes = fields.BigIntField()
    metrics: fields.Field[dict[str, Any]] = fields.JSONField()
    artifact = fields.BinaryField(null=True)
    signature = fields.BinaryField(null=True)
    trained_at = fields.DatetimeField()
    crowned_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    trained_from: fields.Field[dict[str, Any]] = fields.JSONField()
    verdict: fields.Field[dict[str, Any]] = fields.JSONField()
    baseline: fields.Field[dict[str, Any]] = fields.JSONField()
    drift: fields.Field[dict[str, Any]] = fields.JSONField()

    class Meta:
        table = "ml_models"


class ModelChangeRow(Model):
    """A change of champion: which version replaced which, by whom and why."""

    tenant_id = fields.TextField()
    change_id = fields.BigIntField(primary_key=True, generated=True)
    name = fields.TextField()
    version = fields.TextField()
    replaced = fields.TextField(null=True)
    action = fields.TextField()
    actor = fields.TextField()
    reason = fields.TextField()
    changed_at = fields.DatetimeField()

    class Meta:
        table = "model_changes"


class JobRow(Model):
    """Work off the request path, with its state and heartbeat."""

    job_id = fields.UUIDField(primary_key=True)
    tenant_id = fields.TextField()
    kind = fields.TextField()
    state = fields.TextField()
    arguments: fields.Field[dict[str, Any]] = fields.JSONField()
    correlation = fields.TextField(null=True)
    progress = fields.FloatField()
    stage = fields.TextField(null=True)
    attempts = fields.SmallIntField()
    heartbeat_at = fields.DatetimeField(null=True)
    result: fields.Field[dict[str, Any]] = fields.JSONField(null=True)
    error = fields.TextField(null=True)
    created_at = fields.DatetimeField()
    started_at = fields.DatetimeField(null=True)
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "jobs"


class ScheduledRunRow(Model):
    """A window of time in which something is done by the clock."""

    task = fields.CharField(max_length=64, primary_key=True)
    window_at = fields.DatetimeField()
    heartbeat_at = fields.DatetimeField()
    finished_at = fields.DatetimeField(null=True)

    class Meta:
        table = "scheduled_runs"


class RuleRow(Model):
    """One business rule of a tenant's lists."""

    tenant_id = fields.TextField()
    rule_id = fields.CharField(max_length=256, primary_key=True)
    definition: fields.Field[dict[str, Any]] = fields.JSONField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "recommendation_rules"


class ItemInterestRow(Model):
    """How many people took to an item lately, fading with time; no person is named."""

    tenant_id = fields.TextField()
    item_id = fields.CharField(max_length=256, primary_key=True)
    day = fields.FloatField()
    week = fields.FloatField()
    month = fields.FloatField()
    touched_at = fields.DatetimeField()

    class Meta:
        table = "item_interest"


class ItemPairRow(Model):
    """How many people took to both of two items lately, fading with time; no person is named."""

    tenant_id = fields.TextField()
    item_id = fields.CharField(max_length=256, primary_key=True)
    other_id = fields.TextField()
    people = fields.FloatField()
    touched_at = fields.DatetimeField()

    class Meta:
        table = "item_pairs"


class CommonWorkflowRow(Model):
    """A sequence of steps that many people of a tenant follow."""

    tenant_id = fields.TextField()
    workflow_id = fields.CharField(max_length=256, primary_key=True)
    steps: fields.Field[list[str]] = ArrayField(element_type="text")
    people = fields.IntField()
    of_people = fields.IntField()
    sessions = fields.IntField()
    support = fields.FloatField()
    confidence = fields.FloatField()
    lift = fields.FloatField()
    last_seen_at = fields.DatetimeField()
    mined_at = fields.DatetimeField()

    class Meta:
        table = "common_workflows"


class FeatureCompanionRow(Model):
    """A feature that many people use who also take a certain step."""

    tenant_id = fields.TextField()
    step = fields.TextField()
    feature = fields.CharField(max_length=256, primary_key=True)
    people = fields.IntField()
    of_people = fields.IntField()
    confidence = fields.FloatField()
    share = fields.FloatField()
    kept = fields.FloatField()
    last_seen_at = fields.DatetimeField()
    mined_at = fields.DatetimeField()

    class Meta:
        table = "feature_companions"


class CatalogInsightsRow(Model):
    """What an analysis found in an item, beside what its editors say of it."""

    tenant_id = fields.TextField()
    item_id = fields.CharField(max_length=256, primary_key=True)
    source = fields.TextField()
    insights: fields.Field[dict[str, Any]] = fields.JSONField()
    analysed_at = fields.DatetimeField()

    class Meta:
        table = "catalog_insights"


class GenerationPoolRow(Model):
    """What at least five people of a group chose for one parameter of their videos."""

    tenant_id = fields.TextField()
    segment = fields.TextField()
    purpose = fields.TextField()
    device = fields.TextField()
    parameter = fields.CharField(max_length=256, primary_key=True)
    value = fields.TextField()
    weight = fields.FloatField()
    people = fields.IntField()
    computed_at = fields.DatetimeField()

    class Meta:
        table = "generation_pools"


class AccountTombstoneRow(Model):
    """A deletion that was told of, under the keyed hash of an id."""

    tenant_id = fields.CharField(max_length=256, primary_key=True)
    identity_hash = fields.BinaryField()
    revision = fields.BigIntField()
    deleted_at = fields.DatetimeField()

    class Meta:
        table = "account_tombstones"


class AnalystLoginRow(Model):
    """The database role by which the analysts of a tenant log in."""

    tenant_id = fields.CharField(max_length=256, primary_key=True)
    login = fields.TextField()
    made_at = fields.DatetimeField()

    class Meta:
        table = "analyst_logins"
