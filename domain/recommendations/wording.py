"""Reasons as sentences, for products that do not word them themselves."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from domain.ids import ItemId
from domain.recommendations.model import Reason, ReasonCode

MAX_NAMED = 2

_SENTENCES: Final[Mapping[ReasonCode, str]] = {
    ReasonCode.SEGMENT_FAVOURITE: "People with tastes like yours use it",
    ReasonCode.TRENDING: "More and more people use it at the moment",
    ReasonCode.POPULAR: "Many people use it",
    ReasonCode.DISCOVERY: "New here, or not yet known to many",
    ReasonCode.FITS_YOUR_WORK: "Suits what you make and use",
    ReasonCode.FITS_SITUATION: "Is used more than elsewhere on this device, at this place or for this purpose",
    ReasonCode.PINNED: "Placed here by the provider, not chosen for you",
    ReasonCode.PROMOTED: "Promoted by the provider",
    ReasonCode.EXPLORATION: "Drawn by chance among promising items, to find out whether it is for you",
}


def sentence(reason: Reason, title_of: Callable[[ItemId], str]) -> str:
    """One English sentence that says why an item is shown.

    Args:
        reason: the reason.
        title_of: the title of an item from the user's history.
    """
    match reason.code:
        case ReasonCode.SIMILAR_TO_YOUR_ACTIONS:
            return f"Because of what you did with {_named([title_of(item) for item in reason.evidence])}"
        case ReasonCode.SIMILAR_CONTENT:
            return f"Like {_named([title_of(item) for item in reason.evidence])}{_in_common(reason.features)}"
        case ReasonCode.MATCHES_PREFERENCE:
            return f"Matches your preference for {_named(reason.preferences)}"
        case code:
            return _SENTENCES[code]


def _named(names: Sequence[str]) -> str:
    return " and ".join(names[:MAX_NAMED]) or "similar items"


def _in_common(features: Sequence[str]) -> str:
    return f" ({', '.join(features[:MAX_NAMED])})" if features else ""
