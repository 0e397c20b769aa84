"""Tables of experiments that hold nothing of anybody: definitions, policies, sums and results, as Tortoise models."""

from typing import Any

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.models import Model


class ExperimentRow(Model):
    """An A/B test and its definition."""

    tenant_id = fields.TextField()
    test_id = fields.UUIDField(primary_key=True)
    key = fields.TextField()
    status = fields.TextField()
    definition: fields.Field[dict[str, Any]] = fields.JSONField()
    created_at = fields.DatetimeField()
    started_at = fields.DatetimeField(null=True)
    stopped_at = fields.DatetimeField(null=True)
    revision = fields.BigIntField()

    class Meta:
        table = "ab_tests"


class ExperimentPolicyRow(Model):
    """The rule by which units of a test were assigned for a while."""

    tenant_id = fields.TextField()
    test_id = fields.UUIDField(primary_key=True)
    phase = fields.IntField()
    number = fields.IntField()
    seed = fields.TextField()
    weights = ArrayField(element_type="double precision")
    coverage = fields.FloatField()
    reason: fields.Field[dict[str, Any]] = fields.JSONField()
    made_at = fields.DatetimeField()

    class Meta:
        table = "ab_test_policies"


class ExperimentCellRow(Model):
    """What the units of one arm under one policy did, summed."""

    tenant_id = fields.TextField()
    test_id = fields.UUIDField(primary_key=True)
    phase = fields.IntField()
    policy_version = fields.TextField()
    variation = fields.IntField()
    context = fields.IntField()
    units = fields.BigIntField()
    multiples = fields.BigIntField()
    sums = ArrayField(element_type="numeric")

    class Meta:
        table = "ab_test_cells"


class ExperimentDepartureRow(Model):
    """Units of a test whose rows are gone."""

    departure_id = fields.BigIntField(primary_key=True)
    tenant_id = fields.TextField()
    test_id = fields.UUIDField()
    units = fields.BigIntField()
    merged = fields.BigIntField()

    class Meta:
        table = "ab_test_departures"


class ExperimentResultRow(Model):
    """Inputs and outputs of one evaluation of a test."""

    tenant_id = fields.TextField()
    test_id = fields.UUIDField()
    evaluated_at = fields.DatetimeField(primary_key=True)
    engine_version = fields.TextField()
    inputs: fields.Field[dict[str, Any]] = fields.JSONField()
    outputs: fields.Field[dict[str, Any]] = fields.JSONField()

    class Meta:
        table = "ab_test_results"
