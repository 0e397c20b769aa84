"""Profiles over REST: what was learned of a person, and what they state about themselves."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import Field, StringConstraints

from domain.errors import ValidationFailed
from domain.privacy.model import PrivacyLevel
from domain.profiles.model import DeviceFacets, Facet, FacetSource, Profile, Verdict
from domain.profiles.stated import MAX_FACET_VALUES, MAX_FACETS, MAX_VALUE, StatedChange, checked_facet
from graphql_api.auth import Scope
from graphql_api.rest.fields import AnswerPart, Name, Number, RequestPart, UserIdText
from graphql_api.rest.operation import USER_ID, Call, NoBody, Operation

Value = Annotated[str, StringConstraints(min_length=1, max_length=MAX_VALUE)]
Weight = Annotated[float, Field(ge=-1, le=1)]
Weights = Annotated[dict[Value, Weight], Field(max_length=MAX_FACET_VALUES)]
Statement = Value | Number | bool | Annotated[list[Value | Number], Field(max_length=MAX_FACET_VALUES)] | Weights | None
"""A value; several; values with weights from -1 (not wanted) to 1 (wanted); or null, which takes the facet back."""


class FacetValueAnswer(AnswerPart):
    """One value of a facet."""

    value: str
    share: float = Field(description="The part of the person's evidence that speaks for it, 0 to 1.")
    confidence: float = Field(description="0 without evidence, towards 1 with much; 1 if stated.")
    evidence: int = Field(description="How many events speak for it.")
    source: FacetSource = Field(description="Whether it was stated, learned, or learned and corrected.")
    weight: float | None = Field(description="How much it was stated to be wanted, -1 to 1; else null.")


class FacetAnswer(AnswerPart):
    """One respect in which tastes differ."""

    name: str
    values: list[FacetValueAnswer] = Field(
        description="What was stated to be wanted first, then the largest share first, what is unwanted last."
    )

    @classmethod
    def of(cls, facet: Facet) -> Self:
        """The facet as clients see it."""
        values = [FacetValueAnswer.model_validate(value, from_attributes=True) for value in facet.values]
        return cls(name=facet.name, values=values)


class DeviceAnswer(AnswerPart):
    """Where the person differs on one device from how they are on the others."""

    device: str
    facets: list[FacetAnswer] = Field(description="Only those that differ significantly.")

    @classmethod
    def of(cls, device: DeviceFacets) -> Self:
        """The device as clients see it."""
        return cls(device=device.device, facets=[FacetAnswer.of(facet) for facet in device.facets])


class CorrectionAnswer(AnswerPart):
    """The person's word on something that was learned of them."""

    facet: str
    value: str
    verdict: Verdict
    corrected_at: datetime


class ProfileBody(AnswerPart):
    """A person as they may see themselves."""

    user_id: str
    privacy_level: PrivacyLevel
    facets: list[FacetAnswer]
    devices: list[DeviceAnswer] = Field(description="Where devices differ; empty if they do not.")
    corrections: list[CorrectionAnswer] = Field(description="What they corrected, latest first.")
    stated_revision: int = Field(description="Grows with every statement and correction.")
    event_count: int = Field(description="How many events were learned from.")
    learned_from: int = Field(description="How many of them, the latest, the facets rest on.")
    oldest_event_at: datetime | None = Field(description="When the oldest of those happened.")
    latest_event_at: datetime | None = Field(description="When the latest of those happened.")
    updated_at: datetime | None = Field(description="When something was learned or stated last.")
    version: int = Field(description="The number of the latest change that the person could see.")


class ProfileAnswer(AnswerPart):
    """A profile."""

    profile: ProfileBody

    @classmethod
    def of(cls, profile: Profile) -> Self:
        """The profile as clients see it."""
        body = ProfileBody(
            user_id=profile.user_id,
            privacy_level=profile.privacy_level,
            facets=[FacetAnswer.of(facet) for facet in profile.facets],
            devices=[DeviceAnswer.of(device) for device in profile.devices],
            corrections=[CorrectionAnswer.model_validate(c, from_attributes=True) for c in profile.corrections],
            stated_revision=profile.stated_revision,
            event_count=profile.event_count,
            learned_from=profile.learned_from,
            oldest_event_at=profile.oldest_event_at,
            latest_event_at=profile.latest_event_at,
            updated_at=profile.updated_at,
            version=profile.version,
        )
        return cls(profile=body)


class PreferencesBody(RequestPart):
    """Facets to state: each that is named is replaced whole, null takes it back, the others stay."""

    visual_style: Statement = Field(None, description="Such as `modern`.")
    category: Statement = Field(None, description="Such as `business`.")
    duration: Statement = Field(None, description="Length in seconds.")
    pace: Statement = Field(None, description="Such as `fast`.")
    colour: Statement = Field(None, description="Such as `#3366ff` or `warm`.")
    aspect_ratio: Statement = Field(None, description="Such as `9:16`.")
    features: Statement = Field(None, description="Parts of the product; catalogue ids lead to those items.")
    tags: Statement = Field(None, description="Tags of the catalogue, or words of their own.")


class UpdateProfileRequest(RequestPart):
    """What a person states about themselves."""

    user_id: UserIdText
    preferences: PreferencesBody = Field(default_factory=PreferencesBody)
    attributes: Annotated[dict[Name, Statement], Field(max_length=MAX_FACETS)] = Field(
        default_factory=dict, description="Facets of your own, stated the same way."
    )
    expected_revision: int | None = Field(
        None, ge=0, description="Refuse unless the profile's `statedRevision` is still this."
    )

    def change(self, request: str | None) -> StatedChange:
        """The change that is meant. Raises `ValidationFailed`."""
        named = self.preferences.model_fields_set
        facets = {checked_facet(name): _wanted(getattr(self.preferences, name)) for name in sorted(named)}
        for name, statement in self.attributes.items():
            facet = checked_facet(name, f"attributes.{name}")
            if facet in facets:
                raise ValidationFailed("A facet is stated twice.", field=f"attributes.{name}")
            facets[facet] = _wanted(statement)
        return StatedChange(facets, self.expected_revision, request)


async def read_profile(call: Call, _body: NoBody) -> ProfileAnswer:
    """What was stated and learned of a person."""
    tenant, user = await call.read(call.request.path_params["userId"], "profile")
    return ProfileAnswer.of(await call.services.profiles.profile(tenant, user))


async def update_profile(call: Call, body: UpdateProfileRequest) -> ProfileAnswer:
    """State preferences, or take statements back."""
    tenant, user = call.reach(body.user_id)
    await call.services.stating.state(tenant, user, body.change(call.idempotency_key))
    return ProfileAnswer.of(await call.services.profiles.profile(tenant, user))


def _wanted(statement: Any) -> Mapping[str, float] | None:
    if statement is None or isinstance(statement, dict):
        return statement
    values = statement if isinstance(statement, list) else [statement]
    return {_text(value): 1.0 for value in values}


def _text(value: str | float) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else f"{value:.9g}"


OPERATIONS: Final[tuple[Operation[Any], ...]] = (
    Operation(
        name="profile",
        method="GET",
        path="/profile/{userId}",
        summary="Get user profile",
        description="Per facet the values that a person stated, or that their behaviour speaks for.",
        body=NoBody,
        answer=ProfileAnswer,
        scope=Scope.PROFILE_READ,
        successor="Query.profile",
        handle=read_profile,
        parameters=USER_ID,
        statuses={200: "The profile."},
    ),
    Operation(
        name="updateProfile",
        method="PUT",
        path="/profile",
        summary="Update user profile",
        description="States preferences, which win over what was learned and are never changed by learning. A facet "
        "that is named is replaced whole, null takes it back, the others stay. The next answer reflects it.",
        body=UpdateProfileRequest,
        answer=ProfileAnswer,
        scope=Scope.PROFILE_WRITE,
        successor="Mutation.updateProfile",
        handle=update_profile,
        idempotent_by_key=True,
        statuses={200: "The profile as it is now."},
        failures=("CONSENT_REQUIRED", "CONFLICT"),
        example={
            "userId": "user_123",
            "preferences": {"visualStyle": "modern", "category": ["business", "education"], "duration": 30},
            "attributes": {"mood": {"calm": 0.5, "loud": -1}},
        },
    ),
)
