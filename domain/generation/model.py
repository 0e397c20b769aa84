"""The words of generation: what a video is for, what came of it, what is answered and on what that rests."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from math import exp2
from typing import Any, Final

from domain.behavior.model import MAX_ATTRIBUTES, Scalar, require_text
from domain.catalog.model import NUMBER_BOUND
from domain.errors import ValidationFailed
from domain.generation.parameters import DEVICES, PURPOSES, Value, checked
from domain.ids import ItemId

MAX_FEATURES: Final = 16
MAX_ID: Final = 256
LOWEST_RATING, HIGHEST_RATING = 1.0, 5.0
OTHER: Final = "other"
SECONDS_PER_DAY: Final = 86_400.0

_SURROGATE = re.compile("[\ud800-\udfff]")


class Outcome(StrEnum):
    """What came of a generated video."""

    ACCEPTED = "accepted"
    EDITED = "edited"
    REGENERATED = "regenerated"
    DISCARDED = "discarded"
    FAILED = "failed"

    @property
    def approval(self) -> float:
        """How strongly it speaks for the parameters that the video was left with; negative speaks against them.

        A video that was sent back condemns no single parameter, so it says less against each than a kept one for it.
        One that could not be rendered says nothing of taste.
        """
        return _APPROVAL[self]


_APPROVAL: Final = {
    Outcome.ACCEPTED: 1.0,
    Outcome.EDITED: 1.0,
    Outcome.REGENERATED: -0.25,
    Outcome.DISCARDED: -0.5,
    Outcome.FAILED: 0.0,
}


class ParameterSource(StrEnum):
    """On whose generations a parameter's value rests most."""

    STATED = "STATED"
    EXPERIMENT = "EXPERIMENT"
    PERSON_CONTEXT = "PERSON_CONTEXT"
    PERSON = "PERSON"
    SEGMENT = "SEGMENT"
    GLOBAL = "GLOBAL"
    DEFAULT = "DEFAULT"


@dataclass(frozen=True, slots=True)
class Context:
    """What a video is for and where it will be seen; None where nobody said."""

    purpose: str | None = None
    device: str | None = None

    def check(self, place: str) -> None:
        """Raise `ValidationFailed`, naming the field below `place`, unless both can be names."""
        for name, said in (("purpose", self.purpose), ("device", self.device)):
            require_text(said, f"{place}{name}", required=said is not None)

    @property
    def listed(self) -> "Context":
        """The context in listed names alone, which may be stored in the open: a free text could name a person."""
        return Context(_listed(self.purpose, PURPOSES), _listed(self.device, DEVICES))


def _listed(name: str | None, names: frozenset[str]) -> str | None:
    return name if name is None or name in names else OTHER


@dataclass(frozen=True, slots=True)
class GenerationReport:
    """One report about one generated video: how it was made, what came of it, or both.

    Attributes:
        generation_id: the generator's own id of the video.
        template: the template that it began with, best by catalogue id.
        style: the style that was applied; counts as its visual style where the parameters name none.
        features: what else of the product went into it.
        parameters: by name as in `PARAMETERS`.
        attributes: settings of the product's own.
        edited_parameters: the values that the person left it with.
        rating: 1 to 5.
        occurred_at: when; now if absent.
    """

    generation_id: str
    context: Context = Context()
    template: str | None = None
    style: str | None = None
    features: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    attributes: Mapping[str, Scalar] = field(default_factory=dict)
    outcome: Outcome | None = None
    edited_parameters: Mapping[str, Any] = field(default_factory=dict)
    rating: float | None = None
    occurred_at: datetime | None = None

    def check(self) -> None:
        """Raise `ValidationFailed`, naming the field, unless the whole report is usable."""
        require_text(self.generation_id, "generationId", required=True)
        if len(self.generation_id) > MAX_ID:
            raise ValidationFailed(f"at most {MAX_ID} characters", field="generationId")
        self.context.check("")
        for place, item in (("template", self.template), ("style", self.style)):
            require_text(item, place, required=item is not None)
        if len(self.features) > MAX_FEATURES:
            raise ValidationFailed(f"at most {MAX_FEATURES} features", field="features")
        for index, feature in enumerate(self.features):
            require_text(feature, f"features.{index}", required=True)
        checked(self.parameters, "parameters")
        self._check_attributes()
        self._check_outcome()
        self._check_texts()

    def _check_attributes(self) -> None:
        if len(self.attributes) > MAX_ATTRIBUTES:
            raise ValidationFailed(f"at most {MAX_ATTRIBUTES} attributes", field="attributes")
        for name, value in self.attributes.items():
            require_text(name, "attributes", required=True)
            if isinstance(value, str):
                require_text(value, f"attributes.{name}")
            elif not abs(value) <= NUMBER_BOUND:
                raise ValidationFailed("is not a number within ±(2^53 - 1)", field=f"attributes.{name}")

    def _check_outcome(self) -> None:
        checked(self.edited_parameters, "editedParameters")
        if self.edited_parameters and self.outcome is not Outcome.EDITED:
            raise ValidationFailed("belongs to the outcome `edited`", field="editedParameters")
        if self.rating is not None and not LOWEST_RATING <= self.rating <= HIGHEST_RATING:
            raise ValidationFailed("is not within 1 to 5", field="rating")

    def _check_texts(self) -> None:
        # A lone surrogate can be neither hashed nor stored.
        for place, text in (
            ("generationId", self.generation_id),
            ("purpose", self.context.purpose),
            ("device", self.context.device),
        ):
            require_unicode(text, place)
        for index, item in enumerate(self.items):
            require_unicode(item, f"items.{index}")
        for place, named in (
            ("parameters", self.parameters),
            ("attributes", self.attributes),
            ("editedParameters", self.edited_parameters),
        ):
            for name, value in named.items():
                require_unicode(name, place)
                require_unicode(value, f"{place}.{name}")

    @property
    def items(self) -> tuple[ItemId, ...]:
        """What it was made with, each once; any of these may be a catalogue id."""
        named = (self.template, self.style, *self.features)
        return tuple(dict.fromkeys(ItemId(text) for text in named if text))


@dataclass(frozen=True, slots=True)
class Observation:
    """What one generated video says of its parameters.

    Attributes:
        context: as the reports named it.
        parameters: the values that the video was left with, the edited ones in place of those before.
        approval: how strongly they are spoken for, negative for against; not yet decayed.
        half_life_days: after how long it says half as much.
    """

    context: Context
    parameters: Mapping[str, Value]
    approval: float
    half_life_days: float
    occurred_at: datetime

    def weight_at(self, now: datetime) -> float:
        """Its approval as it counts at `now`: halved for every half-life that has passed."""
        age_days = max(0.0, (now - self.occurred_at).total_seconds() / SECONDS_PER_DAY)
        return self.approval * exp2(-age_days / self.half_life_days)


@dataclass(frozen=True, slots=True)
class PersonalizedParameter:
    """A parameter with its value and what that rests on.

    Attributes:
        name: in camelCase.
        unit: of the value; empty for none.
        source: where most of what speaks for the value comes from.
        confidence: 0 for a default, 1 for what the person stated; between, the part of the posterior for this value
            that comes from observed generations.
        evidence: how many generations of the person it rests on; for `SEGMENT` and `GLOBAL`, how many people, rounded
            down to fives; 0 for a default, 1 for what was stated.
    """

    name: str
    value: Value
    unit: str
    source: ParameterSource
    confidence: float
    evidence: int


@dataclass(frozen=True, slots=True)
class GenerationParameters:
    """The answer to "how should this video be made".

    Attributes:
        parameters: every parameter, in a fixed order.
        used: categories of the person's data that had a part in it; empty for an anonymous answer.
    """

    parameters: tuple[PersonalizedParameter, ...]
    used: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GenerationReceipt:
    """What came of a report.

    Attributes:
        generation_id: as reported.
        outcome: the latest outcome known of the video; None while there is none.
        duplicate: the report was there already; nothing was written.
        accepted: events that were new to the log.
        version: the person's version afterwards.
    """

    generation_id: str
    outcome: Outcome | None
    duplicate: bool
    accepted: int
    version: int


def require_unicode(value: object, place: str) -> None:
    """Raise `ValidationFailed` if `value` is a text that UTF-8 cannot express."""
    if isinstance(value, str) and _SURROGATE.search(value):
        raise ValidationFailed("holds a broken character", field=place)
