"""Templates, styles and features over REST, each list with what is peculiar to it."""

from typing import Any, Final

from pydantic import Field

from domain.recommendations.page import RecommendationRequest
from domain.recommendations.style_fit import Relation
from domain.recommendations.template_fit import TemplateWish
from graphql_api.auth import Scope
from graphql_api.rest.fields import AnswerPart
from graphql_api.rest.operation import Call, NoBody, Operation
from graphql_api.rest.recommendations import RecommendationAnswer, RecommendationsAnswer

_USER: Final = {"userId": "The id by which your product knows the person."}


class FitAspectAnswer(AnswerPart):
    """One respect in which a template suits what the person makes."""

    name: str
    value: str = Field(description="What the template has.")
    match: float = Field(description="0 for not at all, 1 for as well as can be.")


class TemplateRecommendationAnswer(RecommendationAnswer):
    """One place of a list of templates."""

    fit: list[FitAspectAnswer] = Field(description="The respects that are known, the best first.")


class TemplateRecommendationsAnswer(RecommendationsAnswer):
    """A page of templates."""

    recommendations: list[TemplateRecommendationAnswer]  # type: ignore[assignment]  # each says more


class StyleRecommendationAnswer(RecommendationAnswer):
    """One place of a list of styles."""

    look: dict[str, str] = Field(description="Palette, family, pace and aspect ratio, as far as they are known.")
    similarity: float = Field(description="How usual its look is for the person, 0 to 1.")
    relation: Relation
    like: list[str] = Field(description="Ids of the person's own items that look most alike.")


class StyleRecommendationsAnswer(RecommendationsAnswer):
    """A page of styles."""

    recommendations: list[StyleRecommendationAnswer]  # type: ignore[assignment]  # each says more


class PrerequisiteAnswer(AnswerPart):
    """A feature that another one builds on."""

    item_id: str
    met: bool = Field(description="Whether the person used it.")


class FeatureRecommendationAnswer(RecommendationAnswer):
    """One place of a list of features."""

    helps_with: str = Field(description="What it is for, such as `editing`.")
    level: str = Field(description="Such as `basic`; empty if the catalogue says none.")
    person_level: str = Field(description="The highest level of which the person used several features.")
    prerequisites: list[PrerequisiteAnswer]
    next_step: bool = Field(description="Whether it follows a feature that the person uses.")


class FeatureRecommendationsAnswer(RecommendationsAnswer):
    """A page of features."""

    recommendations: list[FeatureRecommendationAnswer]  # type: ignore[assignment]  # each says more


async def recommend_templates(call: Call, _body: NoBody) -> TemplateRecommendationsAnswer:
    """Templates that suit what the person usually makes."""
    tenant, user = call.reach(call.request.path_params["userId"])
    found = await call.services.kinds.templates(
        tenant, user, RecommendationRequest(personalized=call.personalized), TemplateWish()
    )
    listed = [
        {"fit": [FitAspectAnswer(name=a.name, value=a.value, match=a.match) for a in aspects]} for aspects in found.fits
    ]
    return TemplateRecommendationsAnswer(**_page(RecommendationsAnswer.of(found.page), listed))


async def recommend_styles(call: Call, _body: NoBody) -> StyleRecommendationsAnswer:
    """Styles by how their look stands to what the person used."""
    tenant, user = call.reach(call.request.path_params["userId"])
    found = await call.services.kinds.styles(tenant, user, RecommendationRequest(personalized=call.personalized))
    listed = [
        {"look": dict(f.look), "similarity": f.similarity, "relation": f.relation, "like": list(f.like)}
        for f in found.fits
    ]
    return StyleRecommendationsAnswer(**_page(RecommendationsAnswer.of(found.page), listed))


async def recommend_features(call: Call, _body: NoBody) -> FeatureRecommendationsAnswer:
    """Features that the person does not use and is ready for."""
    tenant, user = call.reach(call.request.path_params["userId"])
    found = await call.services.kinds.features(tenant, user, RecommendationRequest(personalized=call.personalized))
    listed = [
        {
            "helps_with": use.helps_with,
            "level": use.level,
            "person_level": use.person_level,
            "prerequisites": [PrerequisiteAnswer(item_id=p.item_id, met=p.met) for p in use.prerequisites],
            "next_step": use.next_step,
        }
        for use in found.fits
    ]
    return FeatureRecommendationsAnswer(**_page(RecommendationsAnswer.of(found.page), listed))


def _page(page: RecommendationsAnswer, listed: list[dict[str, Any]]) -> dict[str, Any]:
    """The parts of a page, each of its places with what is peculiar to it."""
    places = [{**dict(item), **more} for item, more in zip(page.recommendations, listed, strict=True)]
    return {**dict(page), "recommendations": places}


OPERATIONS: Final[tuple[Operation[Any], ...]] = (
    Operation(
        name="templateRecommendations",
        method="GET",
        path="/template-recommendations/{userId}",
        summary="Get template recommendations",
        description="Ten templates, each with how it suits the category, duration and shape of the person's projects.",
        body=NoBody,
        answer=TemplateRecommendationsAnswer,
        scope=Scope.RECOMMENDATIONS_READ,
        successor="Query.templateRecommendations",
        handle=recommend_templates,
        parameters=_USER,
        impersonal=True,
        statuses={200: "The templates."},
    ),
    Operation(
        name="styleRecommendations",
        method="GET",
        path="/style-recommendations/{userId}",
        summary="Get style recommendations",
        description="Ten visual styles, each with its look and how that stands to what the person used.",
        body=NoBody,
        answer=StyleRecommendationsAnswer,
        scope=Scope.RECOMMENDATIONS_READ,
        successor="Query.styleRecommendations",
        handle=recommend_styles,
        parameters=_USER,
        impersonal=True,
        statuses={200: "The styles."},
    ),
    Operation(
        name="featureRecommendations",
        method="GET",
        path="/feature-recommendations/{userId}",
        summary="Get feature recommendations",
        description="Ten features that the person does not use, each with what it helps with and what it builds on.",
        body=NoBody,
        answer=FeatureRecommendationsAnswer,
        scope=Scope.RECOMMENDATIONS_READ,
        successor="Query.featureRecommendations",
        handle=recommend_features,
        parameters=_USER,
        impersonal=True,
        statuses={200: "The features."},
    ),
)
