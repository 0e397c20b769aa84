"""The compact JSON in which learned and stated preferences are sealed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from domain.privacy.encryption import SubjectKey
from domain.profiles.model import NOTHING_LEARNED, Correction, Learned, LearnedFacet, LearnedValue, Verdict
from domain.profiles.stated import NOTHING_STATED, Stated, StatedFacet

TABLE: Final = "user_profiles"
LEARNED: Final = "learned_sealed"
STATED: Final = "stated_sealed"

_FORMAT: Final = 2


def seal_learned(key: SubjectKey, learned: Learned) -> bytes:
    """What was learned, sealed for its column."""
    return key.seal_json(
        TABLE,
        LEARNED,
        {
            "format": _FORMAT,
            "facets": _facets(learned.facets),
            "devices": {device: _facets(facets) for device, facets in learned.devices.items()},
            "events": learned.events,
            "oldest": _text(learned.oldest_at),
            "latest": _text(learned.latest_at),
        },
    )


def open_learned(key: SubjectKey, sealed: bytes | None) -> Learned:
    """What `seal_learned` sealed; nothing for what another release wrote, which the next batch writes anew.

    Raises:
        SealBroken: it was altered or is somebody else's.
    """
    stored = None if sealed is None else key.open_json(TABLE, LEARNED, sealed)
    if stored is None or stored.get("format") != _FORMAT:
        return NOTHING_LEARNED
    return Learned(
        facets=_read_facets(stored["facets"]),
        devices={device: _read_facets(facets) for device, facets in stored["devices"].items()},
        events=stored["events"],
        oldest_at=_moment(stored["oldest"]),
        latest_at=_moment(stored["latest"]),
    )


def seal_stated(key: SubjectKey, stated: Stated) -> bytes:
    """What was stated, sealed for its column."""
    return key.seal_json(
        TABLE,
        STATED,
        {
            "facets": {n: [f.stated_at.isoformat(), dict(f.values)] for n, f in stated.facets.items()},
            "corrections": [
                [c.facet, c.value, c.verdict.value, c.corrected_at.isoformat()] for c in stated.corrections.values()
            ],
            "revision": stated.revision,
            "requests": list(stated.requests),
        },
    )


def open_stated(key: SubjectKey, sealed: bytes | None) -> Stated:
    """What `seal_stated` sealed; raises `SealBroken` as `open_learned` does."""
    if sealed is None:
        return NOTHING_STATED
    stored = key.open_json(TABLE, STATED, sealed)
    corrections = [
        Correction(facet, value, Verdict(verdict), datetime.fromisoformat(at))
        for facet, value, verdict, at in stored["corrections"]
    ]
    return Stated(
        facets={n: StatedFacet(values, datetime.fromisoformat(at)) for n, (at, values) in stored["facets"].items()},
        corrections={(c.facet, c.value): c for c in corrections},
        revision=stored["revision"],
        requests=tuple(stored["requests"]),
    )


def _facets(facets: Sequence[LearnedFacet]) -> dict[str, Any]:
    return {f.name: [f.total, [[v.value, v.weight, v.evidence] for v in f.values]] for f in facets}


def _read_facets(stored: Mapping[str, Any]) -> tuple[LearnedFacet, ...]:
    return tuple(
        LearnedFacet(name, tuple(LearnedValue(*value) for value in values), total)
        for name, (total, values) in stored.items()
    )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
