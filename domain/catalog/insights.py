"""What an analysis found in content: namespaced beside what editors say, with its source and its confidence.

A finding becomes the tag `facet:value` of its item's snapshot, a score or a length the attribute `analysis.name`. Both
are laid over the item where it is read and never written into it, so no editor's word is lost and none is invented.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from domain.catalog.model import AttributeValue
from domain.errors import ValidationFailed

SINGLE: Final = ("visual_style", "category", "mood", "pace")
"""Facets of which content has one value."""

MANY: Final = ("tag", "object", "colour")
"""Facets of which content has any number of values."""

MAX_FINDINGS: Final = 64
"""Of one facet."""

MAX_SCORES: Final = 32
MAX_VALUE: Final = 64
LONGEST_SECONDS: Final = 86_400.0
TRUSTED: Final = 0.5
"""Findings below this confidence are kept and shown, and nothing is made of them."""

ATTRIBUTE: Final = "analysis."

_SOURCE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found: a value of a facet, with the analysis' own confidence, 0 to 1."""

    facet: str
    value: str
    confidence: float

    @property
    def trusted(self) -> bool:
        """Whether something is made of it."""
        return self.confidence >= TRUSTED

    @property
    def tag(self) -> str:
        """The tag that it becomes."""
        return f"{self.facet}:{self.value}"


@dataclass(frozen=True, slots=True)
class Analysis:
    """What one analysis found in one piece of content.

    Attributes:
        source: the name of the analysis, such as `vision-2`.
        findings: at most one of each single facet, at most 64 of each other.
        scores: named numbers within 0 to 1, such as `sharpness`.
        duration_seconds: the length of the content; None where it has none.
        analysed_at: when; None stands for the moment of the report.
    """

    source: str
    findings: tuple[Finding, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    duration_seconds: float | None = None
    analysed_at: datetime | None = None

    def check(self) -> None:
        """Raise `ValidationFailed`, naming the field, unless every part is usable."""
        if _SOURCE.fullmatch(self.source) is None:
            raise ValidationFailed("is 1 to 64 lower-case letters, digits and . _ -", field="source")
        if not (self.findings or self.scores or self.duration_seconds is not None):
            raise ValidationFailed("holds nothing that was found", field="results")
        for facet in (*SINGLE, *MANY):
            _check_facet(facet, [found for found in self.findings if found.facet == facet])
        if len(self.scores) > MAX_SCORES:
            raise ValidationFailed(f"at most {MAX_SCORES} scores", field="results.scores")
        for name, score in self.scores.items():
            if _NAME.fullmatch(name) is None or not 0 <= score <= 1:
                raise ValidationFailed("maps snake-case names to numbers within 0 to 1", field="results.scores")
        if self.duration_seconds is not None and not 0 <= self.duration_seconds <= LONGEST_SECONDS:
            raise ValidationFailed(f"is not within 0 to {LONGEST_SECONDS:g}", field="results.durationSeconds")

    @property
    def trusted(self) -> tuple[Finding, ...]:
        """The findings of which something is made."""
        return tuple(found for found in self.findings if found.trusted)


def analysis_to_json(analysis: Analysis) -> dict[str, Any]:
    """What is stored of an analysis beside its source and its time."""
    return {
        "findings": [[f.facet, f.value, f.confidence] for f in analysis.findings],
        "scores": dict(analysis.scores),
        "duration_seconds": analysis.duration_seconds,
    }


def analysis_from_json(source: str, stored: Mapping[str, Any], analysed_at: datetime | None = None) -> Analysis:
    """What `analysis_to_json` wrote."""
    findings = tuple(Finding(*found) for found in stored["findings"])
    return Analysis(source, findings, stored["scores"], stored["duration_seconds"], analysed_at)


def with_found_tags(tags: Sequence[str], analyses: Iterable[Analysis]) -> tuple[str, ...]:
    """An editor's tags, then what was found beside them, each once."""
    found = sorted({finding.tag for analysis in analyses for finding in analysis.trusted})
    return tuple(dict.fromkeys((*tags, *found)))


def with_found_attributes(
    attributes: Mapping[str, AttributeValue], analyses: Sequence[Analysis]
) -> Mapping[str, AttributeValue]:
    """An editor's attributes over what was measured; of two sources the one later by name counts."""
    if not analyses:
        return attributes
    found: dict[str, AttributeValue] = {}
    for analysis in sorted(analyses, key=lambda one: one.source):
        found |= {ATTRIBUTE + name: score for name, score in analysis.scores.items()}
        if analysis.duration_seconds is not None:
            found[f"{ATTRIBUTE}duration_seconds"] = analysis.duration_seconds
    return found | dict(attributes)


def facet_of_tag(tag: str) -> tuple[str, str] | None:
    """The facet and value of a tag that was found; None for one of an editor."""
    facet, _, value = tag.partition(":")
    return (facet, value) if value and facet in {*SINGLE, *MANY} else None


def _check_facet(facet: str, findings: Sequence[Finding]) -> None:
    place = f"results.{_PLACES[facet]}"
    most = 1 if facet in SINGLE else MAX_FINDINGS
    if len(findings) > most:
        raise ValidationFailed(f"at most {most}", field=place)
    for found in findings:
        if not found.value.strip() or len(found.value) > MAX_VALUE or _UNPRINTABLE.search(found.value):
            raise ValidationFailed(f"a value is 1 to {MAX_VALUE} characters without control characters", field=place)
        if not 0 <= found.confidence <= 1:
            raise ValidationFailed("a confidence is within 0 to 1", field=place)
    if len({found.value for found in findings}) < len(findings):
        raise ValidationFailed("names the same value twice", field=place)


_PLACES: Final = {
    "visual_style": "visualStyle",
    "category": "category",
    "mood": "mood",
    "pace": "pace",
    "tag": "tags",
    "object": "objects",
    "colour": "colours",
}
