"""Content analysis: what was found in an item of the catalogue, or in a person's own content."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self, TypeAlias

import strawberry
from strawberry.scalars import JSON

from domain.catalog.insights import Analysis, Finding
from domain.errors import ValidationFailed
from domain.ids import ItemId
from graphql_api.auth import Scope
from graphql_api.context import Info
from graphql_api.inputs import named_values
from graphql_api.problems import INPUT, AnyProblem, answering_problems


@strawberry.input(description="Something that an analysis found.")
class FindingInput:
    """A finding."""

    value: str = strawberry.field(description="1 to 64 characters.")
    confidence: float = strawberry.field(default=1.0, description="0 to 1; below 0.5 nothing is made of it.")


@strawberry.input(description="What an analysis found; at least one thing.")
class AnalysisResultsInput:
    """Results by facet."""

    tags: list[FindingInput] = strawberry.field(default_factory=list, description="What it is about.")
    objects: list[FindingInput] = strawberry.field(default_factory=list, description="What is to be seen.")
    colours: list[FindingInput] = strawberry.field(default_factory=list, description="Which colours prevail.")
    visual_style: FindingInput | None = strawberry.field(default=None, description="How it looks.")
    category: FindingInput | None = strawberry.field(default=None, description="What sort of content it is.")
    mood: FindingInput | None = strawberry.field(default=None, description="How it feels.")
    pace: FindingInput | None = strawberry.field(default=None, description="How fast shots follow each other.")
    duration_seconds: float | None = strawberry.field(default=None, description="Its length.")
    scores: JSON | None = strawberry.field(default=None, description="Named numbers within 0 to 1.")


@strawberry.input(description="Results about an item, or about something that a person made.")
class IntegrateContentAnalysisInput:
    """The input of `integrateContentAnalysis`."""

    source: str = strawberry.field(description="The name of the analysis, such as `vision-2`.")
    results: AnalysisResultsInput = strawberry.field(description="What was found.")
    item_id: str | None = strawberry.field(default=None, description="The catalogue item that was analysed.")
    user_id: str | None = strawberry.field(default=None, description="Who made the content that was analysed.")
    content_id: str | None = strawberry.field(default=None, description="The product's own id of that content.")
    analysed_at: datetime | None = strawberry.field(default=None, description="When; now if absent.")

    def analysis(self) -> Analysis:
        """The analysis. Raises `ValidationFailed`."""
        said = self.results
        scores = named_values(said.scores, "results.scores")
        if any(isinstance(score, str | bool) for score in scores.values()):
            raise ValidationFailed("are named numbers", field="results.scores")
        several = {"tag": said.tags, "object": said.objects, "colour": said.colours}
        single = {"visual_style": said.visual_style, "category": said.category, "mood": said.mood, "pace": said.pace}
        found = [(facet, one) for facet, many in several.items() for one in many]
        found += [(facet, one) for facet, one in single.items() if one is not None]
        findings = tuple(Finding(facet, one.value, one.confidence) for facet, one in found)
        return Analysis(self.source, findings, scores, said.duration_seconds, self.analysed_at)


@strawberry.type(description="Results that are stored for certain.")
class AnalysisIntegrated:
    """The success of a report."""

    applied: bool = strawberry.field(description="They hold now; false where later ones, or these, were there.")
    catalog_version: int | None = strawberry.field(description="Of an item: the catalogue's version after them.")
    version: int | None = strawberry.field(description="Of a person's own content: the person's version.")


IntegrateContentAnalysisPayload: TypeAlias = Annotated[
    AnalysisIntegrated | AnyProblem,
    strawberry.union("IntegrateContentAnalysisPayload", description="The results stored, or why they were not."),
]


@strawberry.type
class InsightMutation:
    """Telling what analyses found."""

    @strawberry.mutation(
        description="Take what an analysis found in an item, or in something a person made; needs analysis:write."
    )
    @answering_problems
    async def integrate_content_analysis(
        self,
        info: Info,
        input: Annotated[IntegrateContentAnalysisInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> IntegrateContentAnalysisPayload:
        """One report."""
        tenant = info.context.allow(Scope.ANALYSIS_WRITE)
        insights = info.context.services.insights
        if input.item_id is not None and input.user_id is None and input.content_id is None:
            item = await insights.of_item(tenant, ItemId(input.item_id), input.analysis())
            return AnalysisIntegrated(applied=item.applied, catalog_version=item.catalog_version, version=None)
        if input.item_id is not None or input.user_id is None or input.content_id is None:
            raise ValidationFailed("Name an item, or a user and the content that they made.", field="itemId")
        tenant, user = info.context.reach(input.user_id, Scope.ANALYSIS_WRITE)
        own = await insights.of_own_content(tenant, user, input.content_id, input.analysis())
        return AnalysisIntegrated(applied=own.applied, catalog_version=None, version=own.version)


@strawberry.type(name="Finding", description="Something that an analysis found.")
class FindingNode:
    """A finding."""

    facet: str = strawberry.field(description="Such as `tag`, `colour` or `pace`.")
    value: str = strawberry.field(description="Such as `office`.")
    confidence: float = strawberry.field(description="The analysis' own, 0 to 1; below 0.5 nothing is made of it.")


@strawberry.type(description="What one analysis found in an item.")
class ItemAnalysis:
    """An analysis."""

    source: str = strawberry.field(description="The name of the analysis.")
    analysed_at: datetime | None = strawberry.field(description="When it was made.")
    findings: list[FindingNode] = strawberry.field(description="What it found, by facet.")
    scores: JSON = strawberry.field(description="Named numbers within 0 to 1.")
    duration_seconds: float | None = strawberry.field(description="The length that it measured.")

    @classmethod
    def of(cls, analysis: Analysis) -> Self:
        """The analysis as clients see it."""
        return cls(
            source=analysis.source,
            analysed_at=analysis.analysed_at,
            findings=[FindingNode(facet=f.facet, value=f.value, confidence=f.confidence) for f in analysis.findings],
            scores=JSON(dict(analysis.scores)),
            duration_seconds=analysis.duration_seconds,
        )


def analyses(found: Sequence[Analysis]) -> list[ItemAnalysis]:
    """What was found in an item, as clients see it."""
    return [ItemAnalysis.of(analysis) for analysis in found]
