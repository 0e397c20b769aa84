"""What the routes answer, with the documented keys."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import Field

from domain.behavior.model import Receipt
from domain.catalog.model import ItemKind
from domain.health import Readiness, ServingState, Status
from domain.privacy.model import ConsentPurpose, PrivacyLevel
from domain.privacy.receipts import ConsentReceipt
from domain.privacy.service import PrivacySettings
from domain.profiles.model import Facet, Profile
from domain.recommendations.model import ReasonCode, Source
from domain.recommendations.page import RecommendationList, RecommendedItem, WordedReason
from graphql_api.rest.fields import AnswerPart


class ReceiptAnswer(AnswerPart):
    """Events that are stored for certain."""

    accepted: int = Field(description="Events written by this call.")
    duplicates: int = Field(description="Events that were there already.")
    version: int = Field(description="The person's version; live updates carry the same number.")
    event_ids: list[UUID] = Field(description="The id of every event of the report, in its order.")

    @classmethod
    def of(cls, receipt: Receipt) -> Self:
        """The receipt as clients see it."""
        return cls(
            accepted=receipt.accepted,
            duplicates=receipt.duplicates,
            version=receipt.version,
            event_ids=list(receipt.event_ids),
        )


class ReasonAnswer(AnswerPart):
    """Why an item is on the list."""

    code: ReasonCode
    text: str = Field(description="A sentence that says it.")
    weight: float = Field(description="Its share of the item's reasons; the shares sum to 1.")
    evidence: list[str] = Field(description="Items of the person's history that speak for this one, strongest first.")

    @classmethod
    def of(cls, worded: WordedReason) -> Self:
        """The reason as clients see it."""
        reason = worded.reason
        return cls(code=reason.code, text=worded.text, weight=reason.weight, evidence=list(reason.evidence))


class RecommendationAnswer(AnswerPart):
    """One place of a list."""

    item_id: str
    kind: ItemKind
    title: str
    category: str
    tags: list[str]
    score: float = Field(description="Standard deviations above the model's average item.")
    position: int = Field(description="From 0 on each page.")
    reasons: list[ReasonAnswer]
    sources: list[Source] = Field(description="The parts of the service that put it there.")

    @classmethod
    def of(cls, item: RecommendedItem) -> Self:
        """The place as clients see it."""
        return cls(
            item_id=item.item_id,
            kind=item.kind,
            title=item.title,
            category=item.category,
            tags=list(item.tags),
            score=item.score,
            position=item.position,
            reasons=[ReasonAnswer.of(reason) for reason in item.reasons],
            sources=list(item.sources),
        )


class RecommendationsAnswer(AnswerPart):
    """A page of recommendations."""

    recommendations: list[RecommendationAnswer]
    recommendation_id: UUID = Field(description="Name it in `track-interaction`.")
    model_version: str | None = Field(description="Null before the first training.")
    personalized: bool = Field(description="Whether the person's own actions had a part in it.")
    degraded: bool = Field(description="Whether it would be better if everything were well.")
    next: str | None = Field(description="`options.after` of the next page; null on the last one.")

    @classmethod
    def of(cls, page: RecommendationList) -> Self:
        """The page as clients see it."""
        return cls(
            recommendations=[RecommendationAnswer.of(item) for item in page.items],
            recommendation_id=page.recommendation_id,
            model_version=page.model_version,
            personalized=page.personalized,
            degraded=page.degraded,
            next=str(page.shown) if page.has_next else None,
        )


class FacetValueAnswer(AnswerPart):
    """One value of a facet."""

    value: str
    share: float = Field(description="The part of the person's evidence that speaks for it, 0 to 1.")
    confidence: float = Field(description="0 without evidence, towards 1 with much.")
    evidence: int = Field(description="How many events it rests on.")


class FacetAnswer(AnswerPart):
    """One respect in which tastes differ."""

    name: str
    values: list[FacetValueAnswer] = Field(description="Those with the largest share first.")

    @classmethod
    def of(cls, facet: Facet) -> Self:
        """The facet as clients see it."""
        values = [
            FacetValueAnswer(value=v.value, share=v.share, confidence=v.confidence, evidence=v.evidence)
            for v in facet.values
        ]
        return cls(name=facet.name, values=values)


class ProfileBody(AnswerPart):
    """What was learned of a person."""

    user_id: str
    privacy_level: PrivacyLevel
    facets: list[FacetAnswer]
    event_count: int = Field(description="How many events were learned from.")
    updated_at: datetime | None
    version: int = Field(description="The number of the latest change that the person could see.")


class ProfileAnswer(AnswerPart):
    """A person as they may see themselves."""

    profile: ProfileBody

    @classmethod
    def of(cls, profile: Profile) -> Self:
        """The profile as clients see it."""
        body = ProfileBody(
            user_id=profile.user_id,
            privacy_level=profile.privacy_level,
            facets=[FacetAnswer.of(facet) for facet in profile.facets],
            event_count=profile.event_count,
            updated_at=profile.updated_at,
            version=profile.version,
        )
        return cls(profile=body)


class ConsentAnswer(AnswerPart):
    """The latest word of a person on one purpose."""

    purpose: ConsentPurpose
    granted: bool
    policy_version: str
    source: str
    jurisdiction: str
    legal_basis: str
    recorded_at: datetime


class PrivacyBody(AnswerPart):
    """What holds for a person from now on."""

    privacy_level: PrivacyLevel
    collects: bool = Field(description="What they do is stored.")
    personalizes: bool = Field(description="Answers use what was learned of them.")
    gpc: bool = Field(description="They sent Global Privacy Control.")
    consents: list[ConsentAnswer] = Field(description="Their latest word on each purpose they spoke of.")


class PrivacyAnswer(AnswerPart):
    """A person's privacy settings."""

    privacy: PrivacyBody

    @classmethod
    def of(cls, settings: PrivacySettings) -> Self:
        """The settings as clients see them."""
        body = PrivacyBody(
            privacy_level=settings.privacy_level,
            collects=settings.collects,
            personalizes=settings.personalizes,
            gpc=settings.gpc,
            consents=[_consent(receipt) for receipt in _latest(settings.receipts)],
        )
        return cls(privacy=body)


class ServingAnswer(AnswerPart):
    """What the caller's tenant is served by."""

    model_version: str | None = Field(description="Null before the first training.")
    waiting_events: int = Field(description="Events that are stored and not yet learned from.")
    oldest_waiting_at: datetime | None


class HealthDetails(AnswerPart):
    """What a caller with a token sees beside the status."""

    checks: dict[str, Status]
    checked_at: datetime
    serving: ServingAnswer | None = Field(description="Null while it cannot be looked up.")

    @classmethod
    def of(cls, readiness: Readiness, serving: ServingState | None) -> Self:
        """The details as clients see them."""
        return cls(
            checks=dict(readiness.checks),
            checked_at=readiness.checked_at,
            serving=None if serving is None else ServingAnswer.model_validate(serving, from_attributes=True),
        )


class HealthAnswer(AnswerPart):
    """How well this process can do its work."""

    status: Status
    details: HealthDetails | None = Field(description="Null without a token.")


def _latest(receipts: Iterable[ConsentReceipt]) -> Iterator[ConsentReceipt]:
    spoken: set[ConsentPurpose] = set()
    for receipt in receipts:
        if receipt.purpose not in spoken:
            spoken.add(receipt.purpose)
            yield receipt


def _consent(receipt: ConsentReceipt) -> ConsentAnswer:
    return ConsentAnswer(
        purpose=receipt.purpose,
        granted=receipt.granted,
        policy_version=receipt.policy_version,
        source=receipt.source,
        jurisdiction=receipt.jurisdiction,
        legal_basis=receipt.legal_basis,
        recorded_at=receipt.recorded_at,
    )
