"""What is known of one generated video, as a set of reports: their order and repetition change nothing.

The set only grows and is read in the order of the moments that the reports speak of, so two processes that hear the
same reports in another order know the same (a grow-only set; Shapiro et al., Conflict-free Replicated Data Types,
2011). A report that is already there is recognised by its content, whatever moment a redelivery would be given.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID, uuid5

import orjson

from domain.behavior.model import Event
from domain.behavior.vocabulary import event_type
from domain.errors import Conflict
from domain.generation.model import Context, GenerationReport, Observation, Outcome
from domain.generation.parameters import LONGEST_TEXT, Value, checked, usable
from domain.ids import EventId, ItemId
from domain.profiles.series import OUTCOME, REPORT, REVISION, SERIES

MAX_REPORTS: Final = 16
NEUTRAL_RATING: Final = 3.0

_FACETS: Final = frozenset({"visual_style", "duration_seconds"})
_ATTRIBUTES: Final = {
    name: name for name in ("aspect_ratio", "resolution", "pace", "music", "voice", "transitions", "captions")
} | {"colour_palette": "colour"}


@dataclass(frozen=True, slots=True)
class Told:
    """One report as it is kept.

    Attributes:
        digest: of its content; recognises a redelivery.
        at: the moment that it speaks of.
        said: its content by field, without what it left out.
    """

    digest: str
    at: datetime
    said: Mapping[str, Any]

    @property
    def outcome(self) -> Outcome | None:
        """What it says came of the video."""
        return Outcome(self.said["outcome"]) if "outcome" in self.said else None


@dataclass(frozen=True, slots=True)
class Tracked:
    """Everything that is known of one video.

    Attributes:
        generation_id: the generator's own id.
        told: the reports in the order of their moments.
    """

    generation_id: str
    told: tuple[Told, ...] = ()

    def knows(self, report: GenerationReport) -> bool:
        """Whether this very report is among them."""
        digest = _digest(report)
        return any(told.digest == digest for told in self.told)

    def after(self, report: GenerationReport, at: datetime, known: Collection[ItemId] = ()) -> "Tracked":
        """What is known once `report` has come.

        Args:
            report: a checked report.
            at: the moment that it speaks of.
            known: which of its items the catalogue holds.

        Raises:
            Conflict: more different reports of one video than are kept.
        """
        if self.knows(report):
            return self
        if len(self.told) >= MAX_REPORTS:
            raise Conflict(f"at most {MAX_REPORTS} different reports of one generation", field="generationId")
        catalogued = [item for item in report.items if item in known]
        said = _said(report) | ({"catalogued": catalogued} if catalogued else {})
        told = (*self.told, Told(_digest(report), at, said))
        return Tracked(self.generation_id, tuple(sorted(told, key=lambda one: (one.at, one.digest))))

    @property
    def started_at(self) -> datetime:
        """The earliest moment that a report speaks of."""
        return self.told[0].at

    @property
    def last(self) -> Told | None:
        """The report of the latest outcome; None while there is none."""
        return next((told for told in reversed(self.told) if told.outcome), None)

    @property
    def outcome(self) -> Outcome | None:
        """The latest outcome; None while there is none."""
        return self.last.outcome if self.last else None

    @property
    def context(self) -> Context:
        """Purpose and device, each as said last."""
        return Context(self._said_last("purpose"), self._said_last("device"))

    @property
    def items(self) -> tuple[ItemId, ...]:
        """The catalogue items that it was made with, according to all reports together, by id."""
        return tuple(sorted({ItemId(item) for told in self.told for item in told.said.get("catalogued", ())}))

    @property
    def attributes(self) -> Mapping[str, Any]:
        """The product's own settings."""
        return {name: value for told in self.told for name, value in told.said.get("attributes", {}).items()}

    @property
    def parameters(self) -> dict[str, Value]:
        """The parameters that the video was left with, every edit in place of what was there before."""
        found: dict[str, Any] = {}
        for part in ("parameters", "edited"):
            for told in self.told:
                found |= told.said.get(part, {})
        return usable(found)

    def observation(self) -> Observation | None:
        """What the video says of its parameters; None while nothing came of it, or it could not be rendered."""
        if self.last is None or self.outcome is None or not self.outcome.approval:
            return None
        kind = event_type(f"generation_{self.outcome.value}")
        approval = self.outcome.approval * _emphasis(self._said_last("rating"), self.outcome)
        return Observation(self.context, self.parameters, approval, kind.half_life_days, self.last.at)

    def _said_last(self, name: str) -> Any:
        return next((told.said[name] for told in reversed(self.told) if name in told.said), None)


def tracked_to_json(tracked: Tracked) -> dict[str, Any]:
    """The form that is sealed and stored."""
    return {"id": tracked.generation_id, "told": [[t.digest, t.at.isoformat(), dict(t.said)] for t in tracked.told]}


def tracked_from_json(stored: Mapping[str, Any]) -> Tracked:
    """What `tracked_to_json` wrote."""
    told = (Told(digest, datetime.fromisoformat(at), said) for digest, at, said in stored["told"])
    return Tracked(stored["id"], tuple(told))


def events_of(tracked: Tracked, series: UUID) -> list[Event]:
    """Every event that the reports become, with ids that any order of the same reports gives.

    An outcome, or a start where a report names none, is one event for each catalogue item of the video. What the latest
    outcome says of taste is one more, anew for each report, since every report may complete it.

    Args:
        tracked: what is known of the video.
        series: the id under which it is kept.
    """
    events = [_event(series, told, str(item), item) for told in tracked.told for item in tracked.items]
    last = tracked.last
    if last is not None:
        revision = len(tracked.told)
        facets = _facets(tracked, last)
        if facets or _lost(last):
            events.append(_event(series, last, f"facets/{revision}", None, {REVISION: revision} | facets))
    return events


def _event(
    series: UUID, told: Told, place: str, item: ItemId | None, more: Mapping[str, Any] = MappingProxyType({})
) -> Event:
    payload: dict[str, Any] = {SERIES: str(series), REPORT: told.digest, **more}
    if told.outcome:
        payload[OUTCOME] = told.outcome.value
    name = f"generation_{told.outcome.value if told.outcome else 'started'}"
    return Event(EventId(uuid5(series, f"{told.digest}/{place}")), name, item, None, told.at, payload)


def _lost(told: Told) -> bool:
    return told.outcome is not None and told.outcome.approval <= 0


def _facets(tracked: Tracked, told: Told) -> dict[str, Any]:
    """What an outcome that keeps the video says of the person's taste."""
    if _lost(told):
        return {}
    parameters = tracked.parameters
    attributes = {_ATTRIBUTES[name]: value for name, value in parameters.items() if name in _ATTRIBUTES}
    found: dict[str, Any] = {name: value for name, value in parameters.items() if name in _FACETS}
    if attributes or tracked.attributes:
        found["attributes"] = {**tracked.attributes, **attributes}
    if found and tracked.context.device:
        found["device"] = tracked.context.device
    return found


def _emphasis(rating: float | None, outcome: Outcome) -> float:
    """A rating of 5 makes a kept video count half as much again and a sent back one half; 1 the other way round."""
    lean = 0.0 if rating is None else (rating - NEUTRAL_RATING) / 4
    return 1 + lean if outcome.approval > 0 else 1 - lean


def _said(report: GenerationReport) -> dict[str, Any]:
    parameters = checked(report.parameters, "parameters")
    if report.style and "visual_style" not in parameters and len(report.style) <= LONGEST_TEXT:
        parameters["visual_style"] = report.style
    fields: dict[str, Any] = {
        "purpose": report.context.purpose,
        "device": report.context.device,
        "items": list(report.items),
        "parameters": parameters,
        "attributes": dict(report.attributes),
        "outcome": report.outcome and report.outcome.value,
        "edited": checked(report.edited_parameters, "editedParameters"),
        "rating": report.rating,
    }
    return {name: value for name, value in fields.items() if value not in (None, [], {})}


def _digest(report: GenerationReport) -> str:
    moment = report.occurred_at.isoformat() if report.occurred_at else None
    return _hash({"said": _said(report), "at": moment})


def _hash(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]
