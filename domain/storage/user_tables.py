"""Tables about people, as Tortoise models.

Their primary keys start with the subject id, which Tortoise cannot express: it takes the last key column for the whole
key. Saving or deleting through these models would reach other people's rows, so they are written by SQL alone.
"""

from tortoise import fields
from tortoise.contrib.postgres.fields import ArrayField
from tortoise.models import Model


class SubjectIdentityRow(Model):
    """From the hash of an external id to the subject."""

    tenant_id = fields.TextField()
    identity_hash = fields.BinaryField()
    subject_id = fields.UUIDField(primary_key=True)

    class Meta:
        table = "subject_identities"


class SubjectRow(Model):
    """A person, under a random id."""

    subject_id = fields.UUIDField(primary_key=True)
    tenant_id = fields.TextField()
    external_id_sealed = fields.BinaryField()
    privacy_level = fields.TextField()
    collects = fields.BooleanField()
    trains = fields.BooleanField()
    gpc = fields.BooleanField()
    version = fields.BigIntField()
    unannounced = fields.BigIntField()
    created_at = fields.DatetimeField()
    erased_at = fields.DatetimeField(null=True)

    class Meta:
        table = "subjects"


class ConsentRow(Model):
    """A dated receipt of what a person agreed to or withdrew."""

    subject_id = fields.UUIDField()
    consent_id = fields.UUIDField(primary_key=True)
    tenant_id = fields.TextField()
    purpose = fields.TextField()
    granted = fields.BooleanField()
    policy_version = fields.TextField()
    source = fields.TextField()
    jurisdiction = fields.TextField()
    legal_basis = fields.TextField()
    recorded_at = fields.DatetimeField()

    class Meta:
        table = "consents"


class SessionRow(Model):
    """A visit: device, start, last sign of life."""

    subject_id = fields.UUIDField()
    session_id = fields.UUIDField(primary_key=True)
    tenant_id = fields.TextField()
    client_session_sealed = fields.BinaryField()
    device = fields.TextField(null=True)
    started_at = fields.DatetimeField()
    last_seen_at = fields.DatetimeField()
    event_count = fields.IntField()
    context_sealed = fields.BinaryField(null=True)

    class Meta:
        table = "user_sessions"


class BehaviorEventRow(Model):
    """What a person did; the log that batches are taken from."""

    subject_id = fields.UUIDField()
    event_id = fields.UUIDField(primary_key=True)
    tenant_id = fields.TextField()
    seq = fields.BigIntField()
    type = fields.TextField()
    item_id = fields.TextField(null=True)
    value = fields.FloatField(null=True)
    session_id = fields.UUIDField(null=True)
    payload_sealed = fields.BinaryField(null=True)
    occurred_at = fields.DatetimeField()
    received_at = fields.DatetimeField()
    attempts = fields.SmallIntField()
    processed_at = fields.DatetimeField(null=True)
    quarantined_at = fields.DatetimeField(null=True)
    quarantine_reason = fields.TextField(null=True)

    class Meta:
        table = "user_behavior_events"


class ProfileRow(Model):
    """What was learned of a person and what they stated, both sealed."""

    subject_id = fields.UUIDField(primary_key=True)
    tenant_id = fields.TextField()
    learned_sealed = fields.BinaryField(null=True)
    stated_sealed = fields.BinaryField(null=True)
    event_count = fields.BigIntField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "user_profiles"


class AdaptationRow(Model):
    """What a person said about their interface and its offers, sealed."""

    subject_id = fields.UUIDField(primary_key=True)
    tenant_id = fields.TextField()
    choices_sealed = fields.BinaryField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "user_adaptations"


class SegmentRow(Model):
    """A person's segment under one model version."""

    subject_id = fields.UUIDField()
    model_version = fields.CharField(max_length=256, primary_key=True)
    tenant_id = fields.TextField()
    segment = fields.IntField()
    confidence = fields.FloatField()
    assigned_at = fields.DatetimeField()

    class Meta:
        table = "user_segments"


class RecommendationRow(Model):
    """A list that was served, with its propensities."""

    subject_id = fields.UUIDField()
    recommendation_id = fields.UUIDField(primary_key=True)
    tenant_id = fields.TextField()
    kind = fields.TextField(null=True)
    surface = fields.TextField(null=True)
    model_version = fields.TextField(null=True)
    policy_version = fields.TextField()
    item_ids: fields.Field[list[str]] = ArrayField(element_type="text")
    scores: fields.Field[list[float]] = ArrayField(element_type="real")
    propensities: fields.Field[list[float]] = ArrayField(element_type="real")
    served_at = fields.DatetimeField()
    device = fields.TextField(null=True)
    purpose = fields.TextField(null=True)
    local_hour = fields.SmallIntField(null=True)
    weekday = fields.SmallIntField(null=True)

    class Meta:
        table = "recommendations"


class CountedInterestRow(Model):
    """When a person was last counted among those who took to an item, and with which other items of theirs."""

    subject_id = fields.UUIDField()
    item_id = fields.CharField(max_length=256, primary_key=True)
    tenant_id = fields.TextField()
    counted_at = fields.DatetimeField()
    partners: fields.Field[list[str]] = ArrayField(element_type="text")

    class Meta:
        table = "user_interest"


class InteractionRow(Model):
    """What a person did with a recommended item."""

    subject_id = fields.UUIDField()
    interaction_id = fields.UUIDField(primary_key=True)
    tenant_id = fields.TextField()
    recommendation_id = fields.UUIDField(null=True)
    item_id = fields.TextField()
    action = fields.TextField()
    position = fields.IntField(null=True)
    occurred_at = fields.DatetimeField()

    class Meta:
        table = "recommendation_interactions"


class FeedbackRow(Model):
    """What a person said about an item or a part of the product."""

    subject_id = fields.UUIDField()
    feedback_id = fields.UUIDField(primary_key=True)
    tenant_id = fields.TextField()
    sentiment = fields.TextField()
    item_id = fields.TextField(null=True)
    payload_sealed = fields.BinaryField(null=True)
    occurred_at = fields.DatetimeField()

    class Meta:
        table = "user_feedback"


class GenerationRow(Model):
    """A generated video: its parameters and what came of it."""

    subject_id = fields.UUIDField()
    generation_id = fields.UUIDField(primary_key=True)
    tenant_id = fields.TextField()
    purpose = fields.TextField(null=True)
    device = fields.TextField(null=True)
    outcome = fields.TextField()
    parameters_sealed = fields.BinaryField(null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "video_generation_tracking"


class ExposureRow(Model):
    """The first exposure of a person to a phase of a test."""

    subject_id = fields.UUIDField()
    test_id = fields.UUIDField(primary_key=True)
    phase = fields.IntField()
    tenant_id = fields.TextField()
    variation = fields.IntField()
    policy_version = fields.TextField()
    propensity = fields.FloatField()
    exposed_at = fields.DatetimeField()
    stale = fields.BooleanField()
    multiple = fields.BooleanField()
    counted = ArrayField(element_type="bigint", null=True)
    context = fields.IntField()

    class Meta:
        table = "user_ab_tests"


class OutboxRow(Model):
    """A live update that is committed and not yet published."""

    subject_id = fields.UUIDField(primary_key=True)
    version = fields.BigIntField()
    tenant_id = fields.TextField()
    kind = fields.TextField()
    body_sealed = fields.BinaryField()
    created_at = fields.DatetimeField()

    class Meta:
        table = "outbox"


class IdentityMergeRow(Model):
    """An id that turned out to be a person's, and whether its key is destroyed."""

    subject_id = fields.UUIDField()
    merged_subject_id = fields.UUIDField(primary_key=True)
    tenant_id = fields.TextField()
    merged_at = fields.DatetimeField()
    key_destroyed_at = fields.DatetimeField(null=True)

    class Meta:
        table = "identity_merges"


class UserAccountRow(Model):
    """What the user management service says of a user."""

    subject_id = fields.UUIDField(primary_key=True)
    tenant_id = fields.TextField()
    revision = fields.BigIntField()
    attributes_sealed = fields.BinaryField()
    synced_at = fields.DatetimeField()

    class Meta:
        table = "user_accounts"


class DataKeyRow(Model):
    """A person's data key, wrapped by a key-encryption key."""

    subject_id = fields.UUIDField(primary_key=True)
    tenant_id = fields.TextField()
    wrapped = fields.BinaryField()
    kek_id = fields.TextField()
    created_at = fields.DatetimeField()

    class Meta:
        table = "data_keys"
        schema = "vault"
