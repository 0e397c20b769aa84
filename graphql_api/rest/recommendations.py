"""Recommendations over REST: a page of explained items."""

from typing import Annotated, Any, Final, Self
from uuid import UUID

import orjson
from pydantic import AwareDatetime, Field, StringConstraints
from starlette.responses import Response

from domain.catalog.model import ItemKind
from domain.ids import ItemId
from domain.recommendations.model import ReasonCode, Source
from domain.recommendations.page import (
    PAGE_LIMIT,
    RecommendationList,
    RecommendationRequest,
    RecommendedItem,
    WordedReason,
)
from domain.recommendations.paging import NOTHING_SHOWN, Shown
from graphql_api.auth import Scope
from graphql_api.rest.fields import AnswerPart, ItemIdText, RequestPart, Text, UserIdText
from graphql_api.rest.operation import Call, Operation
from graphql_api.rest.paths import PREFIX
from graphql_api.rest.used_data import UsedDataAnswer

MAX_EXCLUDED = 500
MAX_CURSOR = 4096


class RecommendationOptions(RequestPart):
    """Which list is wanted."""

    limit: int = Field(10, ge=1, le=PAGE_LIMIT, description="Page length.")
    device: Text | None = Field(None, description="What the list is shown on.")
    purpose: Text | None = Field(None, description="What for, such as `social_media`.")
    local_time: AwareDatetime | None = Field(
        None, description="The person's time of day, with their time zone; the server's if absent."
    )
    kind: ItemKind | None = Field(None, description="Only items of this kind.")
    exclude: tuple[ItemIdText, ...] = Field(
        (), max_length=MAX_EXCLUDED, description="Ids of items that must not appear."
    )
    after: Annotated[str, StringConstraints(min_length=1, max_length=MAX_CURSOR)] | None = Field(
        None, description="`next` of the page before."
    )
    include_seen: bool = Field(default=False, description="Items that the person used may appear again.")
    personalized: bool = Field(default=True, description="False asks for the answer without the person's data.")


class RecommendationsRequest(RequestPart):
    """What `recommendations` takes."""

    user_id: UserIdText
    context: Text | None = Field(None, description="Where the list is shown, such as `video_creation`.")
    options: RecommendationOptions = RecommendationOptions()

    def meaning(self) -> RecommendationRequest:
        """The request. Raises `ValidationFailed` if `after` is no cursor."""
        wanted = self.options
        return RecommendationRequest(
            kind=wanted.kind,
            surface=self.context,
            device=wanted.device,
            purpose=wanted.purpose,
            local_time=wanted.local_time,
            first=wanted.limit,
            after=NOTHING_SHOWN if wanted.after is None else Shown.parse(wanted.after, "options.after"),
            exclude=frozenset(map(ItemId, wanted.exclude)),
            include_seen=wanted.include_seen,
            personalized=wanted.personalized,
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
    propensity: float = Field(description="The probability with which it was put there; below 1 by chance.")
    rule_id: str | None = Field(description="The provider's rule that pinned it there; null if none did.")

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
            propensity=item.propensity,
            rule_id=item.rule_id,
        )


class RecommendationsAnswer(AnswerPart):
    """A page of recommendations."""

    recommendations: list[RecommendationAnswer]
    recommendation_id: UUID = Field(description="Name it in `track-interaction`.")
    model_version: str | None = Field(description="Null before the first training.")
    personalized: bool = Field(description="Whether what the person did or stated had a part in it.")
    used_data: UsedDataAnswer
    degraded: bool = Field(description="Whether it would be better if everything were well.")
    next: str | None = Field(description="`options.after` of the next page; null on the last one.")

    @classmethod
    def of(cls, page: RecommendationList) -> Self:
        """The page as clients see it."""
        return cls.around(page, [RecommendationAnswer.of(item) for item in page.items])

    @classmethod
    def around(cls, page: RecommendationList, listed: list[RecommendationAnswer]) -> Self:
        """What is told of a page around its places, and these of its places."""
        return cls(
            recommendations=listed,
            recommendation_id=page.recommendation_id,
            model_version=page.model_version,
            personalized=page.personalized,
            used_data=UsedDataAnswer.of(page.used, page.model_version),
            degraded=page.degraded,
            next=str(page.shown) if page.has_next else None,
        )


async def recommend(call: Call, body: RecommendationsRequest) -> Response:
    """A page of recommendations."""
    tenant, user = call.reach(body.user_id)
    page = await call.services.recommendations.recommend(tenant, user, body.meaning())
    return Response(told(page), headers={"Cache-Control": "no-store"}, media_type="application/json")


def told(page: RecommendationList) -> bytes:
    """A page as `RecommendationsAnswer` tells it; the JSON of a place is made once, also where it is served again."""
    around = RecommendationsAnswer.around(page, []).model_dump(by_alias=True)
    return orjson.dumps({**around, "recommendations": list(map(_told, page.items))})


def _told(item: RecommendedItem) -> orjson.Fragment:
    found = item.told.get(PREFIX)
    if not isinstance(found, orjson.Fragment):
        made = RecommendationAnswer.of(item).model_dump_json(by_alias=True)
        found = item.told[PREFIX] = orjson.Fragment(made.encode())
    return found


OPERATIONS: Final[tuple[Operation[Any], ...]] = (
    Operation(
        name="recommendations",
        method="POST",
        path="/recommendations",
        summary="Get personalized recommendations",
        description="A page of catalogue items, each with a score and the reasons for it. An unknown person gets what "
        "is popular.",
        body=RecommendationsRequest,
        answer=RecommendationsAnswer,
        scope=Scope.RECOMMENDATIONS_READ,
        successor="Query.recommendations",
        handle=recommend,
        statuses={200: "The page."},
        example={
            "userId": "user_123",
            "context": "video_creation",
            "options": {"limit": 10, "device": "desktop"},
        },
    ),
)
