"""The domain's enumerations as GraphQL enums, registered once, before any type that uses them."""

import strawberry

from domain.behavior.model import InteractionAction, Sentiment
from domain.catalog.model import ItemKind
from domain.health import Status
from domain.jobs.model import JobKind, JobState
from domain.models.model import ModelStatus
from domain.privacy.model import ConsentPurpose, PrivacyLevel
from domain.realtime.model import ResyncReason, UpdateKind
from domain.recommendations.model import ReasonCode, Source

__all__ = [
    "ConsentPurpose",
    "InteractionAction",
    "ItemKind",
    "JobKind",
    "JobState",
    "ModelStatus",
    "PrivacyLevel",
    "ReasonCode",
    "ResyncReason",
    "Sentiment",
    "Source",
    "Status",
    "UpdateKind",
]

strawberry.enum(Sentiment, name="Sentiment", description="How feedback was meant.")
strawberry.enum(ItemKind, name="ItemKind", description="What sort of thing a catalogue item is.")
strawberry.enum(Status, name="HealthStatus", description="How well something is.")
strawberry.enum(JobKind, name="JobKind", description="What a job does.")
strawberry.enum(JobState, name="JobState", description="Where a job is; the last two are final.")
strawberry.enum(ModelStatus, name="ModelStatus", description="Where a model version stands.")
strawberry.enum(ConsentPurpose, name="ConsentPurpose", description="What a person can agree to, one by one.")
strawberry.enum(PrivacyLevel, name="PrivacyLevel", description="How much of a person's data may be used at most.")
strawberry.enum(UpdateKind, name="UpdateKind", description="What a live update is about.")
strawberry.enum(ResyncReason, name="ResyncReason", description="Why a subscriber has to fetch anew.")
strawberry.enum(ReasonCode, name="ReasonCode", description="Why an item is shown.")
strawberry.enum(Source, name="RecommendationSource", description="What put an item on a list.")
strawberry.enum(InteractionAction, name="InteractionAction", description="What a person did with a recommended item.")
