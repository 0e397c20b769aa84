"""Reasons as sentences, for products that do not word them themselves."""

from collections.abc import Callable, Sequence

from domain.ids import ItemId
from domain.recommendations.model import Reason, ReasonCode

MAX_NAMED = 2


def sentence(reason: Reason, title_of: Callable[[ItemId], str]) -> str:
    """One English sentence that says why an item is shown.

    Args:
        reason: the reason.
        title_of: the title of an item from the user's history.
    """
    match reason.code:
        case ReasonCode.SIMILAR_TO_YOUR_ACTIONS:
            return f"Because of what you did with {_named([title_of(item) for item in reason.evidence])}"
        case ReasonCode.MATCHES_PREFERENCE:
            return f"Matches your preference for {_named(reason.preferences)}"
        case ReasonCode.SEGMENT_FAVOURITE:
            return "People with tastes like yours use it"
        case ReasonCode.TRENDING:
            return "More and more people use it at the moment"
        case ReasonCode.POPULAR:
            return "Many people use it"
        case ReasonCode.DISCOVERY:
            return "New here, or not yet known to many"


def _named(names: Sequence[str]) -> str:
    return " and ".join(names[:MAX_NAMED]) or "similar items"
