"""Profiles: what was learned of a person, as they may see it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Self

import strawberry
from strawberry import relay
from strawberry.types import Info as StrawberryInfo

from domain.errors import NotFound
from domain.profiles.model import Facet, Profile
from graphql_api.auth import Scope
from graphql_api.context import GraphQLContext, Info, context_of
from graphql_api.enums import PrivacyLevel


@strawberry.type(description="One value of a facet.")
class FacetValueNode:
    """A value and what speaks for it."""

    value: str = strawberry.field(description="Such as `modern`.")
    share: float = strawberry.field(description="The part of the person's evidence that speaks for it, 0 to 1.")
    confidence: float = strawberry.field(description="0 without evidence, towards 1 with much.")
    evidence: int = strawberry.field(description="How many events it rests on.")


@strawberry.type(description="One respect in which tastes differ.")
class FacetNode:
    """A facet."""

    name: str = strawberry.field(description="Such as `visual_style`.")
    values: list[FacetValueNode] = strawberry.field(description="Its values, the largest share first.")

    @classmethod
    def of(cls, facet: Facet) -> Self:
        """The facet as clients see it."""
        values = [
            FacetValueNode(value=v.value, share=v.share, confidence=v.confidence, evidence=v.evidence)
            for v in facet.values
        ]
        return cls(name=facet.name, values=values)


@strawberry.type(name="Profile", description="A person as they may see themselves.")
class ProfileNode(relay.Node):
    """A profile."""

    node_key: relay.NodeID[str]
    user_id: str = strawberry.field(description="The person, as the product names them.")
    privacy_level: PrivacyLevel = strawberry.field(description="What may be done with their data at most.")
    facets: list[FacetNode] = strawberry.field(description="What was learned; empty if nothing may be learned.")
    event_count: int = strawberry.field(description="How many events were learned from.")
    updated_at: datetime | None = strawberry.field(description="When something was learned last.")
    version: int = strawberry.field(description="The number of the latest visible change.")

    @classmethod
    async def resolve_nodes(  # type: ignore[override]  # the base allows answers of many shapes
        cls,
        *,
        info: StrawberryInfo,
        node_ids: Iterable[str],
        required: bool = False,  # noqa: ARG003 - the base's signature
    ) -> list[Self | None]:
        """The profiles behind global ids, in their order."""
        return [await cls.load(context_of(info), node_id) for node_id in node_ids]

    @classmethod
    async def load(cls, context: GraphQLContext, user_id: str) -> Self | None:
        """The profile, or None if nothing is kept of such a person or they are out of the caller's reach."""
        try:
            tenant, user = context.reach(user_id, Scope.PROFILE_READ)
            return cls.of(await context.services.profiles.profile(tenant, user))
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
            event_count=profile.event_count,
            updated_at=profile.updated_at,
            version=profile.version,
        )


@strawberry.type
class ProfileQuery:
    """Reading profiles."""

    @strawberry.field(description="What was learned of a person; null if nothing is kept of them.")
    async def profile(
        self, info: Info, user_id: Annotated[str, strawberry.argument(description="Whose profile.")]
    ) -> ProfileNode | None:
        """One profile."""
        return await ProfileNode.load(info.context, user_id)
