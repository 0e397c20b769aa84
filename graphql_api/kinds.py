"""Templates, styles and features, each list with what is peculiar to it."""

from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from domain.recommendations.template_fit import TemplateWish
from graphql_api.auth import Scope
from graphql_api.context import Info
from graphql_api.list_enums import Relation
from graphql_api.recommendations import (
    Recommendation,
    RecommendationConnection,
    RecommendationContextInput,
    RecommendationFilterInput,
    request_of,
)


@strawberry.type(description="One respect in which a template suits what the person makes.")
class FitAspect:
    """An aspect."""

    name: str = strawberry.field(description="`purpose`, `category`, `duration` or `aspect_ratio`.")
    value: str = strawberry.field(description="What the template has.")
    match: float = strawberry.field(description="0 for not at all, 1 for as well as can be.")


@strawberry.type(description="A template and how it suits.")
class TemplateRecommendation:
    """A place of a list of templates."""

    recommendation: Recommendation = strawberry.field(description="The template and why it is shown.")
    fit: list[FitAspect] = strawberry.field(description="The respects that are known, the best first.")


@strawberry.type(description="A style and how its look stands to what the person used.")
class StyleRecommendation:
    """A place of a list of styles."""

    recommendation: Recommendation = strawberry.field(description="The style and why it is shown.")
    look: JSON = strawberry.field(description="Palette, family, pace and aspect ratio, as far as they are known.")
    similarity: float = strawberry.field(description="How usual its look is for the person, 0 to 1.")
    relation: Relation = strawberry.field(description="Similar, a complement, or new.")
    like: list[str] = strawberry.field(description="Ids of the person's own items that look most alike.")


@strawberry.type(description="A feature that another one builds on.")
class Prerequisite:
    """A prerequisite."""

    item_id: str = strawberry.field(description="The feature's id.")
    met: bool = strawberry.field(description="Whether the person used it.")


@strawberry.type(description="A feature that the person does not use, what it helps with, and whether they are ready.")
class FeatureRecommendation:
    """A place of a list of features."""

    recommendation: Recommendation = strawberry.field(description="The feature and why it is shown.")
    helps_with: str = strawberry.field(description="What it is for, such as `editing`.")
    level: str = strawberry.field(description="Such as `basic`; empty if the catalogue says none.")
    person_level: str = strawberry.field(description="The highest level of which the person used several features.")
    prerequisites: list[Prerequisite] = strawberry.field(description="What it builds on.")
    next_step: bool = strawberry.field(description="Whether it follows a feature that the person uses.")


PAGE = "The page as `recommendations` answers it: paging, what was used, how it was made."


@strawberry.type(description="A page of templates.")
class TemplateRecommendations:
    """Templates."""

    nodes: list[TemplateRecommendation] = strawberry.field(description="Best first.")
    page: RecommendationConnection = strawberry.field(description=PAGE)


@strawberry.type(description="A page of styles.")
class StyleRecommendations:
    """Styles."""

    nodes: list[StyleRecommendation] = strawberry.field(description="Best first.")
    page: RecommendationConnection = strawberry.field(description=PAGE)


@strawberry.type(description="A page of features.")
class FeatureRecommendations:
    """Features."""

    nodes: list[FeatureRecommendation] = strawberry.field(description="Best first.")
    page: RecommendationConnection = strawberry.field(description=PAGE)


@strawberry.input(description="What a template shall be for; what is absent is taken from the person's projects.")
class TemplateWishInput:
    """A wish."""

    purpose: str | None = strawberry.field(default=None, description="Such as `social_media`.")
    category: str | None = strawberry.field(default=None, description="Such as `business`.")
    duration: float | None = strawberry.field(default=None, description="Length of the video in seconds.")


USER = strawberry.argument(description="Whose recommendations.")
CONTEXT = strawberry.argument(description="Where and how the list will be shown.")
FIRST = strawberry.argument(description="Page length, 1 to 100.")
AFTER = strawberry.argument(description="The end cursor of the page before.")
FILTER = strawberry.argument(description="What may be on the list.")


@strawberry.type
class KindQuery:
    """Reading lists of one kind."""

    @strawberry.field(description="Templates that suit a wish, or what the person usually makes; null where it fails.")
    async def template_recommendations(
        self,
        info: Info,
        user_id: Annotated[str, USER],
        wish: Annotated[TemplateWishInput | None, strawberry.argument(description="What it shall be for.")] = None,
        context: Annotated[RecommendationContextInput | None, CONTEXT] = None,
        first: Annotated[int, FIRST] = 10,
        after: Annotated[str | None, AFTER] = None,
        filter: Annotated[RecommendationFilterInput | None, FILTER] = None,  # noqa: A002 - the name clients expect
    ) -> TemplateRecommendations | None:
        """A page of templates."""
        tenant, user = info.context.reach(user_id, Scope.RECOMMENDATIONS_READ)
        request = request_of(None, context, first, after, filter)
        said = wish or TemplateWishInput()
        wanted = TemplateWish(said.purpose, said.category, said.duration)
        found = await info.context.services.kinds.templates(tenant, user, request, wanted)
        page = RecommendationConnection.of(tenant, found.page, request.after)
        nodes = [
            TemplateRecommendation(
                recommendation=edge.node,
                fit=[FitAspect(name=aspect.name, value=aspect.value, match=aspect.match) for aspect in fit],
            )
            for edge, fit in zip(page.edges, found.fits, strict=True)
        ]
        return TemplateRecommendations(nodes=nodes, page=page)

    @strawberry.field(description="Styles by how their look stands to what the person used; null where it fails.")
    async def style_recommendations(
        self,
        info: Info,
        user_id: Annotated[str, USER],
        context: Annotated[RecommendationContextInput | None, CONTEXT] = None,
        first: Annotated[int, FIRST] = 10,
        after: Annotated[str | None, AFTER] = None,
        filter: Annotated[RecommendationFilterInput | None, FILTER] = None,  # noqa: A002 - the name clients expect
    ) -> StyleRecommendations | None:
        """A page of styles."""
        tenant, user = info.context.reach(user_id, Scope.RECOMMENDATIONS_READ)
        request = request_of(None, context, first, after, filter)
        found = await info.context.services.kinds.styles(tenant, user, request)
        page = RecommendationConnection.of(tenant, found.page, request.after)
        nodes = [
            StyleRecommendation(
                recommendation=edge.node,
                look=JSON(dict(fit.look)),
                similarity=fit.similarity,
                relation=fit.relation,
                like=list(fit.like),
            )
            for edge, fit in zip(page.edges, found.fits, strict=True)
        ]
        return StyleRecommendations(nodes=nodes, page=page)

    @strawberry.field(description="Features that the person does not use and is ready for; null where it fails.")
    async def feature_recommendations(
        self,
        info: Info,
        user_id: Annotated[str, USER],
        context: Annotated[RecommendationContextInput | None, CONTEXT] = None,
        first: Annotated[int, FIRST] = 10,
        after: Annotated[str | None, AFTER] = None,
        filter: Annotated[RecommendationFilterInput | None, FILTER] = None,  # noqa: A002 - the name clients expect
    ) -> FeatureRecommendations | None:
        """A page of features."""
        tenant, user = info.context.reach(user_id, Scope.RECOMMENDATIONS_READ)
        request = request_of(None, context, first, after, filter)
        found = await info.context.services.kinds.features(tenant, user, request)
        page = RecommendationConnection.of(tenant, found.page, request.after)
        nodes = [
            FeatureRecommendation(
                recommendation=edge.node,
                helps_with=use.helps_with,
                level=use.level,
                person_level=use.person_level,
                prerequisites=[
                    Prerequisite(item_id=built_on.item_id, met=built_on.met) for built_on in use.prerequisites
                ],
                next_step=use.next_step,
            )
            for edge, use in zip(page.edges, found.fits, strict=True)
        ]
        return FeatureRecommendations(nodes=nodes, page=page)
