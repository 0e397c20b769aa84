"""What a person says about themselves: statements about facets, and corrections of what was learned; pure rules.

Each facet that is stated and each value that is corrected is a register whose latest write counts, so that two halves
of one history, told under two ids, merge into what one id would have.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final, Self

from domain.errors import Conflict, ValidationFailed
from domain.profiles.model import Correction, Verdict
from domain.profiles.naming import DURATION, DURATION_BUCKETS, LONGEST_BUCKET, facet_name, facet_value

MAX_FACETS: Final = 64
MAX_FACET_VALUES: Final = 64
MAX_CORRECTIONS: Final = 256
MAX_VALUE: Final = 128
REMEMBERED_REQUESTS: Final = 64

_FACET = re.compile(r"[a-z][a-z0-9_]{0,63}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_DURATIONS = frozenset({*(name for _, name in DURATION_BUCKETS), LONGEST_BUCKET})

Wanted = Mapping[str, float]
"""Value -> how much it is wanted (above 0) or not (below 0), -1 to 1."""


@dataclass(frozen=True, slots=True)
class StatedFacet:
    """A facet as it was stated last; without values it was taken back."""

    values: Wanted
    stated_at: datetime


@dataclass(frozen=True, slots=True)
class StatedChange:
    """What a person wants to say.

    Attributes:
        facets: each named facet is replaced whole, None takes it back; the others stay.
        expected_revision: refuse unless the statements are still at this revision; None takes any.
        request: chosen by the client so that a retry does nothing; None for none.

    Raises:
        ValidationFailed: a facet, value or weight means nothing; `field` says which.
    """

    facets: Mapping[str, Wanted | None]
    expected_revision: int | None = None
    request: str | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.facets) <= MAX_FACETS:
            raise ValidationFailed(f"State 1 to {MAX_FACETS} facets.", field="preferences")
        named = {checked_facet(name): _checked_values(name, values) for name, values in self.facets.items()}
        if len(named) < len(self.facets):
            raise ValidationFailed("A facet is stated twice.", field="preferences")
        object.__setattr__(self, "facets", MappingProxyType(named))


@dataclass(frozen=True, slots=True)
class Stated:
    """Everything that a person has said about themselves.

    Attributes:
        facets: by name; one without values was taken back.
        corrections: by facet and value; `RESTORE` took one back.
        revision: grows with every change.
        requests: digests of the latest requests that the client named.
    """

    facets: Mapping[str, StatedFacet] = field(default_factory=dict)
    corrections: Mapping[tuple[str, str], Correction] = field(default_factory=dict)
    revision: int = 0
    requests: tuple[str, ...] = ()

    @property
    def wanted(self) -> dict[str, Wanted]:
        """What is stated now, by facet."""
        return {name: facet.values for name, facet in self.facets.items() if facet.values}

    @property
    def standing(self) -> list[Correction]:
        """The corrections that hold, latest first."""
        held = [c for c in self.corrections.values() if c.verdict is not Verdict.RESTORE]
        return sorted(held, key=lambda c: (-c.corrected_at.timestamp(), c.facet, c.value))

    def after(self, change: StatedChange, at: datetime) -> Self:
        """The statements once `change` is made; the same object if that was done already.

        Saying the same again is remembered as said now, and leaves the revision as it is.

        Raises:
            Conflict: they are not at the expected revision.
            ValidationFailed: there would be too many.
        """
        if self._knows(change.request):
            return self
        if change.expected_revision is not None and change.expected_revision != self.revision:
            raise Conflict(f"The statements are at revision {self.revision}.", field="expectedRevision")
        new = {name: StatedFacet(values or {}, self._not_before(at, name)) for name, values in change.facets.items()}
        visible = any(dict(facet.values) != dict(self.wanted.get(name, {})) for name, facet in new.items())
        facets = {**self.facets, **new}
        # Two people who became one may have stated more than one can; they may change it, and take it back.
        if sum(bool(facet.values) for facet in facets.values()) > max(MAX_FACETS, len(self.wanted)):
            raise ValidationFailed(f"At most {MAX_FACETS} facets can be stated.", field="preferences")
        return self._changed(change.request, visible=visible, facets=_bounded(facets))

    def corrected(self, correction: Correction, request: str | None) -> Self:
        """The statements once a learned value is corrected; the same object if that was done already.

        Raises:
            ValidationFailed: there would be too many corrections.
        """
        place = (correction.facet, correction.value)
        earlier = self.corrections.get(place)
        held = Verdict.RESTORE if earlier is None else earlier.verdict
        if self._knows(request):
            return self
        more = held is Verdict.RESTORE and correction.verdict is not Verdict.RESTORE
        if more and len(self.standing) >= MAX_CORRECTIONS:
            raise ValidationFailed(f"At most {MAX_CORRECTIONS} corrections are kept.", field="value")
        at = correction.corrected_at if earlier is None else max(correction.corrected_at, earlier.corrected_at)
        corrections = _recent({**self.corrections, place: replace(correction, corrected_at=at)})
        return self._changed(request, visible=held is not correction.verdict, corrections=corrections)

    def joined(self, other: "Stated") -> Self:
        """These statements with those made under another id: of each facet and correction the later one counts."""
        if other == NOTHING_STATED:
            return self
        facets = dict(self.facets)
        for name, facet in other.facets.items():
            if name not in facets or facets[name].stated_at < facet.stated_at:
                facets[name] = facet
        corrections = dict(self.corrections)
        for place, correction in other.corrections.items():
            if place not in corrections or corrections[place].corrected_at < correction.corrected_at:
                corrections[place] = correction
        requests = dict.fromkeys((*other.requests, *self.requests))
        return replace(
            self,
            facets=facets,
            corrections=corrections,
            revision=max(self.revision, other.revision) + 1,
            requests=tuple(requests)[-REMEMBERED_REQUESTS:],
        )

    def _knows(self, request: str | None) -> bool:
        return request is not None and _digest(request) in self.requests

    def _not_before(self, at: datetime, name: str) -> datetime:
        """`at`, or the time of the statement that it replaces where another host's clock is ahead."""
        return max(at, self.facets[name].stated_at) if name in self.facets else at

    def _changed(
        self,
        request: str | None,
        *,
        visible: bool,
        facets: Mapping[str, StatedFacet] | None = None,
        corrections: Mapping[tuple[str, str], Correction] | None = None,
    ) -> Self:
        requests = self.requests if request is None else (*self.requests, _digest(request))
        return replace(
            self,
            facets=self.facets if facets is None else facets,
            corrections=self.corrections if corrections is None else corrections,
            revision=self.revision + visible,
            requests=requests[-REMEMBERED_REQUESTS:],
        )


NOTHING_STATED: Final = Stated()


def checked_facet(text: str, place: str = "preferences") -> str:
    """The one name of a facet that a person may state.

    Raises:
        ValidationFailed: nothing can be called so.
    """
    name = facet_name(text)
    if _FACET.fullmatch(name) is None:
        raise ValidationFailed("A facet is 1 to 64 letters, digits and underscores.", field=place)
    return name


def checked_value(facet: str, value: str | float, place: str) -> str:
    """The one form of a value of a checked facet.

    Raises:
        ValidationFailed: it is empty, too long, or no duration where one is needed.
    """
    text = facet_value(facet, value)
    if not 1 <= len(text) <= MAX_VALUE or _CONTROL.search(text):
        raise ValidationFailed(f"A value is 1 to {MAX_VALUE} characters without control characters.", field=place)
    if facet == DURATION and text not in _DURATIONS:
        raise ValidationFailed("A duration is a number of seconds.", field=place)
    return text


def _checked_values(name: str, values: Wanted | None) -> Wanted | None:
    if values is None:
        return None
    place = f"preferences.{name}"
    if len(values) > MAX_FACET_VALUES:
        raise ValidationFailed(f"At most {MAX_FACET_VALUES} values of a facet.", field=place)
    checked: dict[str, float] = {}
    for value, weight in values.items():
        if not -1 <= weight <= 1:
            raise ValidationFailed("A weight is within -1 to 1.", field=place)
        checked[checked_value(facet_name(name), value, place)] = float(weight)
    return MappingProxyType(checked)


def _bounded(facets: Mapping[str, StatedFacet]) -> dict[str, StatedFacet]:
    """All that is stated, and the latest of what was taken back."""
    taken_back = sorted((f.stated_at, name) for name, f in facets.items() if not f.values)
    forgotten = {name for _, name in taken_back[:-MAX_FACETS]}
    return {name: facet for name, facet in facets.items() if name not in forgotten}


def _recent(corrections: Mapping[tuple[str, str], Correction]) -> dict[tuple[str, str], Correction]:
    """All that hold, and the latest of what was restored."""
    restored = sorted((c.corrected_at, place) for place, c in corrections.items() if c.verdict is Verdict.RESTORE)
    forgotten = {place for _, place in restored[:-MAX_CORRECTIONS]}
    return {place: correction for place, correction in corrections.items() if place not in forgotten}


def _digest(request: str) -> str:
    return hashlib.sha256(request.encode()).hexdigest()[:16]
