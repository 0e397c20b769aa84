"""Content analysis over REST: what was found in an item of the catalogue, or in a person's own content."""

from typing import Annotated, Any, Final

from pydantic import Field, StringConstraints

from domain.catalog.insights import LONGEST_SECONDS, MAX_FINDINGS, MAX_SCORES, MAX_VALUE, Analysis, Finding
from domain.errors import ValidationFailed
from domain.ids import ItemId
from domain.insights.service import MAX_CONTENT_ID
from graphql_api.auth import Scope
from graphql_api.rest.fields import AnswerPart, ItemIdText, Moment, Name, RequestPart, UserIdText
from graphql_api.rest.operation import Call, Operation

Share = Annotated[float, Field(ge=0, le=1)]


class FindingBody(RequestPart):
    """Something that was found."""

    value: Annotated[Name, StringConstraints(max_length=MAX_VALUE)]
    confidence: Share = Field(1.0, description="The analysis' own, 0 to 1; below 0.5 nothing is made of it.")


Findings = Annotated[tuple[FindingBody, ...], Field(max_length=MAX_FINDINGS)]


class ResultsBody(RequestPart):
    """What an analysis found; at least one thing."""

    tags: Findings = Field((), description="What it is about.")
    objects: Findings = Field((), description="What is to be seen.")
    colours: Findings = Field((), description="Which colours prevail.")
    visual_style: FindingBody | None = Field(None, description="How it looks.")
    category: FindingBody | None = Field(None, description="What sort of content it is.")
    mood: FindingBody | None = Field(None, description="How it feels.")
    pace: FindingBody | None = Field(None, description="How fast shots follow each other.")
    duration_seconds: float | None = Field(None, ge=0, le=LONGEST_SECONDS, description="Its length.")
    scores: dict[Name, Share] = Field(default_factory=dict, max_length=MAX_SCORES, description="Such as `sharpness`.")

    def findings(self) -> tuple[Finding, ...]:
        """Everything that was found, by facet."""
        several = {"tag": self.tags, "object": self.objects, "colour": self.colours}
        single = {"visual_style": self.visual_style, "category": self.category, "mood": self.mood, "pace": self.pace}
        found = [(facet, one) for facet, many in several.items() for one in many]
        found += [(facet, one) for facet, one in single.items() if one is not None]
        return tuple(Finding(facet, one.value, one.confidence) for facet, one in found)


class IntegrateContentAnalysisRequest(RequestPart):
    """What `integrate-content-analysis` takes: results about an item, or about a person's own content."""

    source: Name = Field(description="The name of the analysis, such as `vision-2`.")
    item_id: ItemIdText | None = Field(None, description="The catalogue item that was analysed.")
    user_id: UserIdText | None = Field(None, description="Who made the content that was analysed.")
    content_id: Annotated[Name, StringConstraints(max_length=MAX_CONTENT_ID)] | None = Field(
        None, description="The product's own id of that content."
    )
    analysed_at: Moment | None = None
    results: ResultsBody

    def meaning(self) -> Analysis:
        """The analysis."""
        said = self.results
        return Analysis(self.source, said.findings(), said.scores, said.duration_seconds, self.analysed_at)


class AnalysisAnswer(AnswerPart):
    """Results that are stored for certain."""

    applied: bool = Field(description="They are what holds now; false where later ones, or these, were there.")
    catalog_version: int | None = Field(description="Of results about an item: the catalogue's version after them.")
    version: int | None = Field(description="Of a person's own content: the person's version; live updates carry it.")


async def integrate_content_analysis(call: Call, body: IntegrateContentAnalysisRequest) -> AnalysisAnswer:
    """Keep what an analysis found."""
    insights = call.services.insights
    if body.item_id is not None and body.user_id is None and body.content_id is None:
        item = await insights.of_item(call.tenant, ItemId(body.item_id), body.meaning())
        return AnalysisAnswer(applied=item.applied, catalog_version=item.catalog_version, version=None)
    if body.item_id is not None or body.user_id is None or body.content_id is None:
        raise ValidationFailed("Name an item, or a user and the content that they made.", field="itemId")
    tenant, user = call.reach(body.user_id)
    own = await insights.of_own_content(tenant, user, body.content_id, body.meaning())
    return AnalysisAnswer(applied=own.applied, catalog_version=None, version=own.version)


OPERATIONS: Final[tuple[Operation[Any], ...]] = (
    Operation(
        name="integrateContentAnalysis",
        method="POST",
        path="/integrate-content-analysis",
        summary="Integrate content analysis",
        description="Takes what an analysis found in a catalogue item, where it becomes features beside the editors' "
        "own words, or in something that a person made, where it becomes part of what is learned of them.",
        body=IntegrateContentAnalysisRequest,
        answer=AnalysisAnswer,
        scope=Scope.ANALYSIS_WRITE,
        successor="Mutation.integrateContentAnalysis",
        handle=integrate_content_analysis,
        statuses={200: "The results are stored for certain."},
        failures=("CONSENT_REQUIRED",),
        example={
            "source": "vision-2",
            "itemId": "modern_template",
            "results": {
                "tags": [{"value": "office", "confidence": 0.93}],
                "colours": [{"value": "blue", "confidence": 0.8}],
                "pace": {"value": "fast", "confidence": 0.7},
                "scores": {"sharpness": 0.85},
            },
        },
    ),
)
