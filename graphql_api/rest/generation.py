"""Video generation over REST: how a video should be made for somebody, and what came of it."""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import Field, StringConstraints, create_model

from domain.behavior.model import MAX_ATTRIBUTES
from domain.generation.model import (
    HIGHEST_RATING,
    LOWEST_RATING,
    MAX_FEATURES,
    MAX_ID,
    Context,
    GenerationParameters,
    GenerationReceipt,
    GenerationReport,
    Outcome,
    ParameterSource,
    PersonalizedParameter,
)
from domain.generation.parameters import DEVICES, LONGEST_TEXT, PARAMETERS, PURPOSES, Choice, Parameter
from graphql_api.auth import Scope
from graphql_api.rest.fields import AnswerPart, Moment, Name, RequestPart, Scalar, UserIdText
from graphql_api.rest.operation import Call, Operation
from graphql_api.rest.used_data import UsedDataAnswer

_LISTED_PURPOSES = ", ".join(f"`{name}`" for name in sorted(PURPOSES))
_LISTED_DEVICES = ", ".join(f"`{name}`" for name in sorted(DEVICES))

Purpose = Annotated[Name, Field(description=f"What the video is for; known are {_LISTED_PURPOSES}, any name is taken.")]
Device = Annotated[Name, Field(description=f"Where it will be seen; known are {_LISTED_DEVICES}, any name is taken.")]
GenerationId = Annotated[Name, StringConstraints(max_length=MAX_ID), Field(description="The generator's own id of it.")]
StyleName = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TEXT)]


def _typed(parameter: Parameter) -> Any:
    """What a parameter may be, as a type that checks and describes it."""
    if not isinstance(parameter, Choice):
        return Annotated[float, Field(ge=parameter.low, le=parameter.high)]
    if not parameter.values:
        return StyleName
    return reduce(or_, (Literal[value] for value in parameter.values))


def _described(parameter: Parameter) -> str:
    return f"{parameter.meaning} In {parameter.unit}." if parameter.unit else parameter.meaning


class _Parameters(RequestPart):
    """Parameters of a video by name; those that nobody chose are left out."""

    def chosen(self) -> dict[str, Any]:
        """The parameters that are there, by their stored names."""
        return self.model_dump(exclude_none=True)


_FIELDS: dict[str, Any] = {
    name: (_typed(one) | None, Field(None, description=_described(one))) for name, one in PARAMETERS.items()
}

if TYPE_CHECKING:
    ParametersBody = _Parameters
else:
    ParametersBody = create_model("ParametersBody", __base__=_Parameters, __doc__=_Parameters.__doc__, **_FIELDS)


class ContextBody(RequestPart):
    """What a video is for and where it will be seen."""

    purpose: Purpose | None = None
    device: Device | None = None


class GenerationParamsRequest(RequestPart):
    """What `generation-params` takes."""

    user_id: UserIdText
    context: ContextBody = ContextBody()
    personalized: bool = Field(default=True, description="False asks for the answer without the person's data.")


class IntegrateVideoGenerationRequest(RequestPart):
    """What `integrate-video-generation` takes: how a video was made, what came of it, or both."""

    user_id: UserIdText
    generation_id: GenerationId
    purpose: Purpose | None = None
    device: Device | None = None
    template: Name | None = Field(None, description="The template that it began with; best its catalogue id.")
    style: Name | None = Field(None, description="The style that was applied; best its catalogue id.")
    features: tuple[Name, ...] = Field((), max_length=MAX_FEATURES, description="What else of the product was used.")
    parameters: ParametersBody = ParametersBody()
    attributes: dict[Name, Scalar] = Field(
        default_factory=dict, max_length=MAX_ATTRIBUTES, description="Settings of your own; kept sealed."
    )
    outcome: Outcome | None = Field(None, description="What came of it, once that is known.")
    edited_parameters: ParametersBody = ParametersBody()
    rating: float | None = Field(None, ge=LOWEST_RATING, le=HIGHEST_RATING, description="The person's, 1 to 5.")
    occurred_at: Moment | None = None

    def meaning(self) -> GenerationReport:
        """The report."""
        return GenerationReport(
            generation_id=self.generation_id,
            context=Context(self.purpose, self.device),
            template=self.template,
            style=self.style,
            features=self.features,
            parameters=self.parameters.chosen(),
            attributes=self.attributes,
            outcome=self.outcome,
            edited_parameters=self.edited_parameters.chosen(),
            rating=self.rating,
            occurred_at=self.occurred_at,
        )


class ParameterAnswer(AnswerPart):
    """A parameter with its value and what that rests on."""

    value: str | float = Field(description="What to use.")
    unit: str = Field(description="Of the value; empty for none.")
    source: ParameterSource = Field(description="Where most of what speaks for the value comes from.")
    confidence: float = Field(description="0 for a default, 1 for what the person stated; between, what was observed.")
    evidence: int = Field(description="Generations of the person, or people of a group, that it rests on.")

    @classmethod
    def of(cls, found: PersonalizedParameter) -> Self:
        """The parameter as clients see it."""
        return cls(
            value=found.value,
            unit=found.unit,
            source=found.source,
            confidence=found.confidence,
            evidence=found.evidence,
        )


class GenerationParamsAnswer(AnswerPart):
    """How a video should be made."""

    parameters: dict[str, ParameterAnswer] = Field(description="Every parameter by its name in camelCase.")
    personalized: bool = Field(description="Whether the person's own data had a part in it.")
    used_data: UsedDataAnswer

    @classmethod
    def of(cls, found: GenerationParameters) -> Self:
        """The parameters as clients see them."""
        parameters = {one.name: ParameterAnswer.of(one) for one in found.parameters}
        return cls(parameters=parameters, personalized=bool(found.used), used_data=UsedDataAnswer.of(found.used))


class GenerationAnswer(AnswerPart):
    """A report that is stored for certain."""

    generation_id: str
    outcome: Outcome | None = Field(description="The latest that is known of the video.")
    duplicate: bool = Field(description="This very report was there already.")
    accepted: int = Field(description="Events that it added to the person's log.")
    version: int = Field(description="The person's version; live updates carry the same number.")

    @classmethod
    def of(cls, receipt: GenerationReceipt) -> Self:
        """The receipt as clients see it."""
        return cls(
            generation_id=receipt.generation_id,
            outcome=receipt.outcome,
            duplicate=receipt.duplicate,
            accepted=receipt.accepted,
            version=receipt.version,
        )


async def generation_params(call: Call, body: GenerationParamsRequest) -> GenerationParamsAnswer:
    """How a video should be made for a person."""
    tenant, user = call.reach(body.user_id)
    context = Context(body.context.purpose, body.context.device)
    return GenerationParamsAnswer.of(
        await call.services.generation.parameters(tenant, user, context, personalized=body.personalized)
    )


async def integrate_video_generation(call: Call, body: IntegrateVideoGenerationRequest) -> GenerationAnswer:
    """Store what came of a generated video."""
    tenant, user = call.reach(body.user_id)
    return GenerationAnswer.of(await call.services.generation.report(tenant, user, body.meaning()))


OPERATIONS: Final[tuple[Operation[Any], ...]] = (
    Operation(
        name="generationParams",
        method="POST",
        path="/generation-params",
        summary="Get personalized generation parameters",
        description="How a video for a purpose and a device should be made for a person: each parameter with its "
        "source, confidence and evidence. Whoever has not agreed to it gets what suits everybody.",
        body=GenerationParamsRequest,
        answer=GenerationParamsAnswer,
        scope=Scope.RECOMMENDATIONS_READ,
        successor="Query.generationParameters",
        handle=generation_params,
        statuses={200: "The parameters."},
        example={"userId": "user_123", "context": {"purpose": "social_media", "device": "mobile"}},
    ),
    Operation(
        name="integrateVideoGeneration",
        method="POST",
        path="/integrate-video-generation",
        summary="Integrate with video generation",
        description="Stores how a video was made, what came of it, or both, in any order. A report that came before "
        "changes nothing. The next parameters and recommendations reflect it.",
        body=IntegrateVideoGenerationRequest,
        answer=GenerationAnswer,
        scope=Scope.EVENTS_WRITE,
        successor="Mutation.integrateVideoGeneration",
        handle=integrate_video_generation,
        statuses={200: "The report is stored for certain."},
        failures=("CONSENT_REQUIRED", "CONFLICT"),
        example={
            "userId": "user_123",
            "generationId": "gen_42",
            "purpose": "social_media",
            "device": "mobile",
            "template": "modern_template",
            "parameters": {"durationSeconds": 30, "aspectRatio": "9:16", "pace": "fast"},
            "outcome": "edited",
            "editedParameters": {"durationSeconds": 20},
            "rating": 4,
        },
    ),
)
