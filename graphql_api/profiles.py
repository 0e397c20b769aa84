"""Profiles: what was learned of a person and what they say themselves, as they may see, state and correct it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Self, TypeAlias

import strawberry
from strawberry import relay
from strawberry.types import Info as StrawberryInfo

from domain.errors import NotFound, ValidationFailed
from domain.profiles.model import Correction, DeviceFacets, Facet, Profile
from domain.profiles.stated import StatedChange
from graphql_api.auth import Scope
from graphql_api.context import GraphQLContext, Info, context_of
from graphql_api.enums import FacetSource, PrivacyLevel, Verdict
from graphql_api.problems import INPUT, AnyProblem, answering_problems
from graphql_api.segments import ProfileSegment


@strawberry.type(description="One value of a facet.")
class FacetValueNode:
    """A value and what speaks for it."""

    value: str = strawberry.field(description="Such as `modern`.")
    share: float = strawberry.field(description="The part of the person's evidence that speaks for it, 0 to 1.")
    confidence: float = strawberry.field(description="0 without evidence, towards 1 with much; 1 if stated.")
    evidence: int = strawberry.field(description="How many events speak for it.")
    source: FacetSource = strawberry.field(description="Whether it was stated, learned, or learned and corrected.")
    weight: float | None = strawberry.field(description="How much it was stated to be wanted, -1 to 1; else null.")


@strawberry.type(description="One respect in which tastes differ.")
class FacetNode:
    """A facet."""

    name: str = strawberry.field(description="Such as `visual_style`.")
    values: list[FacetValueNode] = strawberry.field(
        description="What was stated to be wanted first, then the largest share first, what is unwanted last."
    )

    @classmethod
    def of(cls, facet: Facet) -> Self:
        """The facet as clients see it."""
        values = [
            FacetValueNode(
                value=v.value,
                share=v.share,
                confidence=v.confidence,
                evidence=v.evidence,
                source=v.source,
                weight=v.weight,
            )
            for v in facet.values
        ]
        return cls(name=facet.name, values=values)


@strawberry.type(description="Where the person differs on one device from how they are on the others.")
class DeviceFacetsNode:
    """A device and its facets."""

    device: str = strawberry.field(description="Such as `mobile`.")
    facets: list[FacetNode] = strawberry.field(description="Only those that differ significantly.")

    @classmethod
    def of(cls, device: DeviceFacets) -> Self:
        """The device as clients see it."""
        return cls(device=device.device, facets=list(map(FacetNode.of, device.facets)))


@strawberry.type(description="The person's word on something that was learned of them.")
class CorrectionNode:
    """A correction that holds."""

    facet: str = strawberry.field(description="Such as `visual_style`.")
    value: str = strawberry.field(description="Such as `modern`.")
    verdict: Verdict = strawberry.field(description="What the person said.")
    corrected_at: datetime = strawberry.field(description="When.")

    @classmethod
    def of(cls, correction: Correction) -> Self:
        """The correction as clients see it."""
        return cls(
            facet=correction.facet,
            value=correction.value,
            verdict=correction.verdict,
            corrected_at=correction.corrected_at,
        )


@strawberry.type(name="Profile", description="A person as they may see themselves.")
class ProfileNode(relay.Node):
    """A profile."""

    node_key: relay.NodeID[str]
    user_id: str = strawberry.field(description="The person, as the product names them.")
    privacy_level: PrivacyLevel = strawberry.field(description="What may be done with their data at most.")
    facets: list[FacetNode] = strawberry.field(description="What was stated and learned; empty if neither may be.")
    devices: list[DeviceFacetsNode] = strawberry.field(description="Where devices differ; empty if they do not.")
    corrections: list[CorrectionNode] = strawberry.field(description="What they corrected, latest first.")
    stated_revision: int = strawberry.field(description="Grows with every statement and correction.")
    event_count: int = strawberry.field(description="How many events were learned from.")
    learned_from: int = strawberry.field(description="How many of them, the latest, the facets rest on.")
    oldest_event_at: datetime | None = strawberry.field(description="When the oldest of those happened.")
    latest_event_at: datetime | None = strawberry.field(description="When the latest of those happened.")
    updated_at: datetime | None = strawberry.field(description="When something was learned or stated last.")
    version: int = strawberry.field(description="The number of the latest visible change.")

    @strawberry.field(
        description="The segment their history puts them in now; null if it may not be used or says nothing."
    )
    async def segment(self, info: Info) -> ProfileSegment | None:
        """Computed from live history."""
        tenant, user = info.context.reach(self.user_id, Scope.PROFILE_READ)
        found = await info.context.services.segments.segment_of(tenant, user)
        return None if found is None else ProfileSegment.of(found)

    @classmethod
    async def resolve_nodes(  # type: ignore[override]  # the base allows answers of many shapes
        cls,
        *,
        info: StrawberryInfo,
        node_ids: Iterable[str],
        required: bool = False,  # noqa: ARG003 - the base's signature
    ) -> list[Self | None]:
        """The profiles behind global ids, in their order; None for whoever is out of reach or unknown."""
        return [await cls._known(context_of(info), node_id) for node_id in node_ids]

    @classmethod
    async def load(cls, context: GraphQLContext, user_id: str) -> Self:
        """The profile. Raises `NotFound` where nothing is kept of such a person, or the caller may not reach them."""
        tenant, user = await context.read(user_id, Scope.PROFILE_READ, "profile")
        return cls.of(await context.services.profiles.profile(tenant, user))

    @classmethod
    async def _known(cls, context: GraphQLContext, user_id: str) -> Self | None:
        try:
            return await cls.load(context, user_id)
        except NotFound:
            return None

    @classmethod
    def of(cls, profile: Profile) -> Self:
        """The profile as clients see it."""
        return cls(
            node_key=profile.user_id,
            user_id=profile.user_id,
            privacy_level=profile.privacy_level,
            facets=list(map(FacetNode.of, profile.facets)),
            devices=list(map(DeviceFacetsNode.of, profile.devices)),
            corrections=list(map(CorrectionNode.of, profile.corrections)),
            stated_revision=profile.stated_revision,
            event_count=profile.event_count,
            learned_from=profile.learned_from,
            oldest_event_at=profile.oldest_event_at,
            latest_event_at=profile.latest_event_at,
            updated_at=profile.updated_at,
            version=profile.version,
        )


@strawberry.input(description="A value and how much it is wanted.")
class StatedValueInput:
    """One value of a statement."""

    value: str = strawberry.field(description="Such as `modern`; for `duration` the seconds, or a bucket's name.")
    weight: float = strawberry.field(default=1.0, description="1 is wanted, -1 is not wanted at all.")


@strawberry.input(description="A facet that is stated anew.")
class StatedFacetInput:
    """One facet of a statement."""

    facet: str = strawberry.field(description="Such as `visualStyle`, `tags`, or a name of your own.")
    values: list[StatedValueInput] | None = strawberry.field(
        default=None, description="All that holds from now on; null or empty takes the facet back."
    )

    @property
    def wanted(self) -> dict[str, float] | None:
        """The values with their weights. Raises `ValidationFailed`."""
        if not self.values:
            return None
        wanted = {entry.value: entry.weight for entry in self.values}
        if len(wanted) < len(self.values):
            raise ValidationFailed("A value is named twice.", field="preferences")
        return wanted


@strawberry.input(description="What a person states about themselves.")
class UpdateProfileInput:
    """The input of `updateProfile`."""

    user_id: str = strawberry.field(description="Whose profile.")
    preferences: list[StatedFacetInput] = strawberry.field(description="Facets that are not named stay as they are.")
    expected_revision: int | None = strawberry.field(
        default=None, description="Refuse unless `statedRevision` is still this."
    )
    idempotency_key: str | None = strawberry.field(default=None, description="A retry with it changes nothing.")

    def change(self) -> StatedChange:
        """The change that is meant. Raises `ValidationFailed`."""
        facets = {entry.facet: entry.wanted for entry in self.preferences}
        if len(facets) < len(self.preferences):
            raise ValidationFailed("A facet is stated twice.", field="preferences")
        return StatedChange(facets, self.expected_revision, self.idempotency_key)


@strawberry.input(description="A learned preference, and what the person says about it.")
class CorrectPreferenceInput:
    """The input of `correctPreference`."""

    user_id: str = strawberry.field(description="Whose profile.")
    facet: str = strawberry.field(description="Such as `visual_style`.")
    value: str = strawberry.field(description="Such as `modern`.")
    verdict: Verdict = strawberry.field(description="What the person says.")
    idempotency_key: str | None = strawberry.field(default=None, description="A retry with it changes nothing.")


ProfilePayload: TypeAlias = Annotated[
    ProfileNode | AnyProblem,
    strawberry.union("ProfilePayload", description="The profile as it is now, or why it did not change."),
]


@strawberry.type
class ProfileQuery:
    """Reading profiles."""

    @strawberry.field(
        description="What was stated and learned of a person. `NOT_FOUND` beside null where nothing is kept of them, "
        "in the same words as for a person who is out of reach."
    )
    async def profile(
        self, info: Info, user_id: Annotated[str, strawberry.argument(description="Whose profile.")]
    ) -> ProfileNode | None:
        """One profile."""
        return await ProfileNode.load(info.context, user_id)


@strawberry.type
class ProfileMutation:
    """Stating and correcting."""

    @strawberry.mutation(description="State preferences or take statements back; the next answer reflects it.")
    @answering_problems
    async def update_profile(
        self,
        info: Info,
        input: Annotated[UpdateProfileInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> ProfilePayload:
        """One person's statements."""
        tenant, user = info.context.reach(input.user_id, Scope.PROFILE_WRITE)
        await info.context.services.stating.state(tenant, user, input.change())
        return ProfileNode.of(await info.context.services.profiles.profile(tenant, user))

    @strawberry.mutation(description="Correct something that was learned; the next answer reflects it.")
    @answering_problems
    async def correct_preference(
        self,
        info: Info,
        input: Annotated[CorrectPreferenceInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> ProfilePayload:
        """One learned preference."""
        tenant, user = info.context.reach(input.user_id, Scope.PROFILE_WRITE)
        await info.context.services.stating.correct(
            tenant, user, input.facet, input.value, input.verdict, input.idempotency_key
        )
        return ProfileNode.of(await info.context.services.profiles.profile(tenant, user))
