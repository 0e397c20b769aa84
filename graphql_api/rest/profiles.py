"""Profiles over REST: what was learned of a person."""

from datetime import datetime
from typing import Any, Final, Self

from pydantic import Field

from domain.privacy.model import PrivacyLevel
from domain.profiles.model import Facet, Profile
from graphql_api.auth import Scope
from graphql_api.rest.fields import AnswerPart
from graphql_api.rest.operation import USER_ID, Call, NoBody, Operation


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


async def read_profile(call: Call, _body: NoBody) -> ProfileAnswer:
    """What was learned of a person."""
    tenant, user = call.reach(call.request.path_params["userId"])
    return ProfileAnswer.of(await call.services.profiles.profile(tenant, user))


OPERATIONS: Final[tuple[Operation[Any], ...]] = (
    Operation(
        name="profile",
        method="GET",
        path="/profile/{userId}",
        summary="Get user profile",
        description="What was learned of a person: per facet the values that their behaviour speaks for.",
        body=NoBody,
        answer=ProfileAnswer,
        scope=Scope.PROFILE_READ,
        successor="Query.profile",
        handle=read_profile,
        parameters=USER_ID,
        statuses={200: "The profile."},
    ),
)
