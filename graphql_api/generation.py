"""Video generation: parameters made for a person, and reports of what came of the videos."""

from datetime import datetime
from typing import Annotated, Any, Self, TypeAlias

import strawberry
from strawberry.scalars import JSON

from domain.generation.model import Context, GenerationParameters, GenerationReceipt, GenerationReport
from graphql_api.auth import Scope
from graphql_api.context import Info
from graphql_api.enums import GenerationOutcome, ParameterSource
from graphql_api.inputs import named_values
from graphql_api.problems import INPUT, AnyProblem, answering_problems
from graphql_api.used_data import UsedData, used_data


@strawberry.input(description="What a video is for and where it will be seen.")
class GenerationContextInput:
    """The context of a video."""

    purpose: str | None = strawberry.field(default=None, description="Such as `social_media`.")
    device: str | None = strawberry.field(default=None, description="Such as `mobile`.")


@strawberry.type(description="A parameter with its value and what that rests on.")
class GenerationParameter:
    """One parameter."""

    name: str = strawberry.field(description="As in `GenerationParametersInput`.")
    value: JSON = strawberry.field(description="What to use: a text or a number.")
    unit: str = strawberry.field(description="Of the value; empty for none.")
    source: ParameterSource = strawberry.field(description="Where most of what speaks for the value comes from.")
    confidence: float = strawberry.field(description="0 for a default, 1 for a statement; between, what was observed.")
    evidence: int = strawberry.field(description="Generations of the person, or people of a group, behind it.")


@strawberry.type(name="GenerationParameters", description="How a video should be made for a person.")
class GenerationParametersNode:
    """Every parameter."""

    parameters: list[GenerationParameter] = strawberry.field(description="Every parameter, in a fixed order.")
    personalized: bool = strawberry.field(description="Whether the person's own data had a part in it.")
    used_data: UsedData = strawberry.field(description="What the answer used of the person.")

    @classmethod
    def of(cls, found: GenerationParameters) -> Self:
        """The parameters as clients see them."""
        return cls(
            parameters=[
                GenerationParameter(
                    name=one.name,
                    value=JSON(one.value),
                    unit=one.unit,
                    source=one.source,
                    confidence=one.confidence,
                    evidence=one.evidence,
                )
                for one in found.parameters
            ],
            personalized=bool(found.used),
            used_data=used_data(found.used),
        )


@strawberry.input(description="Parameters of a video; those that nobody chose are left out.")
class GenerationParametersInput:
    """Parameters by name; their values are checked by the domain."""

    duration_seconds: float | None = strawberry.field(default=None, description="1 to 3600.")
    aspect_ratio: str | None = strawberry.field(default=None, description="Such as `9:16`.")
    resolution: str | None = strawberry.field(default=None, description="Such as `1080p`.")
    fps: int | None = strawberry.field(default=None, description="24, 25, 30, 48, 50 or 60.")
    pace: str | None = strawberry.field(default=None, description="`slow`, `medium` or `fast`.")
    visual_style: str | None = strawberry.field(default=None, description="A style's catalogue id, or a name.")
    colour_palette: str | None = strawberry.field(default=None, description="Such as `warm`.")
    music: str | None = strawberry.field(default=None, description="Such as `ambient`, or `none`.")
    voice: str | None = strawberry.field(default=None, description="Such as `calm`, or `none`.")
    transitions: str | None = strawberry.field(default=None, description="Such as `cut`.")
    captions: str | None = strawberry.field(default=None, description="`none`, `subtitles` or `animated`.")
    quality: str | None = strawberry.field(default=None, description="`draft`, `standard` or `high`.")
    steps: float | None = strawberry.field(default=None, description="Sampling steps, 1 to 200.")
    guidance: float | None = strawberry.field(default=None, description="Guidance scale, 0 to 30.")
    prompt_strength: float | None = strawberry.field(default=None, description="0 to 1.")


@strawberry.input(description="How a video was made, what came of it, or both.")
class IntegrateVideoGenerationInput:
    """The input of `integrateVideoGeneration`."""

    user_id: str = strawberry.field(description="For whom it was made.")
    generation_id: str = strawberry.field(description="The generator's own id of it.")
    context: GenerationContextInput | None = strawberry.field(default=None, description="What it is for, and where.")
    template: str | None = strawberry.field(
        default=None, description="The template it began with; best a catalogue id."
    )
    style: str | None = strawberry.field(default=None, description="The style applied; best a catalogue id.")
    features: list[str] = strawberry.field(default_factory=list, description="What else of the product was used.")
    parameters: GenerationParametersInput | None = strawberry.field(default=None, description="How it was made.")
    attributes: JSON | None = strawberry.field(default=None, description="Settings of your own; kept sealed.")
    outcome: GenerationOutcome | None = strawberry.field(default=None, description="What came of it, once known.")
    edited_parameters: GenerationParametersInput | None = strawberry.field(
        default=None, description="The values the person left it with; of the outcome `EDITED`."
    )
    rating: float | None = strawberry.field(default=None, description="The person's, 1 to 5.")
    occurred_at: datetime | None = strawberry.field(default=None, description="When; now if absent.")

    def report(self) -> GenerationReport:
        """The report. Raises `ValidationFailed`."""
        return GenerationReport(
            generation_id=self.generation_id,
            context=context_from(self.context),
            template=self.template,
            style=self.style,
            features=tuple(self.features),
            parameters=_chosen(self.parameters),
            attributes=named_values(self.attributes, "attributes"),
            outcome=self.outcome,
            edited_parameters=_chosen(self.edited_parameters),
            rating=self.rating,
            occurred_at=self.occurred_at,
        )


@strawberry.type(description="A report that is stored for certain.")
class GenerationRecorded:
    """The success of a report."""

    generation_id: str = strawberry.field(description="As reported.")
    outcome: GenerationOutcome | None = strawberry.field(description="The latest that is known of the video.")
    duplicate: bool = strawberry.field(description="This very report was there already.")
    accepted: int = strawberry.field(description="Events that it added to the person's log.")
    version: int = strawberry.field(description="The person's version; live updates carry the same number.")

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


IntegrateVideoGenerationPayload: TypeAlias = Annotated[
    GenerationRecorded | AnyProblem,
    strawberry.union("IntegrateVideoGenerationPayload", description="The report stored, or why it was not."),
]


@strawberry.type
class GenerationQuery:
    """Asking how a video should be made."""

    @strawberry.field(
        description="How a video should be made for a person; null where that fails while the rest works."
    )
    async def generation_parameters(
        self,
        info: Info,
        user_id: Annotated[str, strawberry.argument(description="For whom.")],
        context: Annotated[
            GenerationContextInput | None,
            strawberry.argument(description="What the video is for, and where it is seen."),
        ] = None,
        personalized: Annotated[
            bool, strawberry.argument(description="False asks for the answer without the person's data.")
        ] = True,
    ) -> GenerationParametersNode | None:
        """The parameters for one person."""
        tenant, user = info.context.reach(user_id, Scope.RECOMMENDATIONS_READ)
        found = await info.context.services.generation.parameters(
            tenant, user, context_from(context), personalized=personalized
        )
        return GenerationParametersNode.of(found)


@strawberry.type
class GenerationMutation:
    """Telling what came of videos."""

    @strawberry.mutation(
        description="Report how a video was made, what came of it, or both, in any order; the next answers reflect it."
    )
    @answering_problems
    async def integrate_video_generation(
        self,
        info: Info,
        input: Annotated[IntegrateVideoGenerationInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> IntegrateVideoGenerationPayload:
        """One report."""
        tenant, user = info.context.reach(input.user_id, Scope.EVENTS_WRITE)
        return GenerationRecorded.of(await info.context.services.generation.report(tenant, user, input.report()))


def context_from(given: GenerationContextInput | None) -> Context:
    """The context that an input means."""
    return Context() if given is None else Context(given.purpose, given.device)


def _chosen(given: GenerationParametersInput | None) -> dict[str, Any]:
    return {} if given is None else {name: value for name, value in vars(given).items() if value is not None}
