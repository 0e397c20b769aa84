"""Segments: people with like taste, as analytics may see them, and the one that a person is in."""

from typing import Self

import strawberry

from domain.recommendations.segmentation import Membership, SegmentReport, SegmentSummary
from graphql_api.auth import Scope
from graphql_api.context import Info


@strawberry.type(description="The segment that a person is in under one version of the model.")
class ProfileSegment:
    """A membership."""

    segment: int = strawberry.field(description="Its number, as in `segments`.")
    confidence: float = strawberry.field(description="How much nearer it is than the next one, 0 to 1.")
    model_version: str = strawberry.field(description="The version whose segments these are.")

    @classmethod
    def of(cls, membership: Membership) -> Self:
        """The membership as clients see it."""
        return cls(segment=membership.segment, confidence=membership.confidence, model_version=membership.model_version)


@strawberry.type(description="People with like taste.")
class Segment:
    """What is told of a segment."""

    segment: int = strawberry.field(description="Its number under this version of the model.")
    label: str = strawberry.field(description="What is most typical of it; empty if it is too small to say.")
    people: int | None = strawberry.field(
        description="Of those the model was trained on, in steps of five; null for fewer."
    )
    item_ids: list[str] = strawberry.field(description="Items typical of it, each of at least five of its people.")
    tags: list[str] = strawberry.field(description="Tags and categories typical of it, the most typical first.")

    @classmethod
    def of(cls, summary: SegmentSummary) -> Self:
        """The segment as clients see it."""
        return cls(
            segment=summary.segment,
            label=summary.label,
            people=summary.people,
            item_ids=list(summary.items),
            tags=list(summary.tags),
        )


@strawberry.type(description="The segments of the served model.")
class SegmentList:
    """All segments of one version."""

    model_version: str = strawberry.field(description="The version whose segments these are.")
    silhouette: float | None = strawberry.field(description="How well they part people, -1 to 1.")
    segments: list[Segment] = strawberry.field(description="The largest first.")

    @classmethod
    def of(cls, report: SegmentReport) -> Self:
        """The report as clients see it."""
        return cls(
            model_version=report.model_version,
            silhouette=report.silhouette,
            segments=list(map(Segment.of, report.segments)),
        )


@strawberry.type
class SegmentQuery:
    """Reading segments."""

    @strawberry.field(description="People with like taste, by the served model; null before the first training.")
    async def segments(self, info: Info) -> SegmentList | None:
        """The tenant's segments."""
        tenant = info.context.allow(Scope.MODELS_ADMIN)
        report = await info.context.services.segments.segments(tenant)
        return None if report is None else SegmentList.of(report)
