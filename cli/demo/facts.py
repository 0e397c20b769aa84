"""What the demo's behaviour looks like in figures, so that its stated structure can be checked and quoted."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from cli.demo.behaviour import UserHistory


@dataclass(frozen=True, slots=True)
class DemoFacts:
    """Figures of a set of histories.

    Attributes:
        users: how many histories.
        events: how many events.
        by_type: events of each type, the most frequent first.
        median_per_user: of events.
        users_up_to_3: users with none to three events.
        users_from_200: users with 200 events or more.
        sessions: how many.
        gini: of uses over the templates, styles and features that were used; 0 for equal, 1 for one item alone.
        top_item: the item used most.
        top_share: its share of all uses.
        devices: share of events by device.
    """

    users: int
    events: int
    by_type: dict[str, int]
    median_per_user: float
    users_up_to_3: int
    users_from_200: int
    sessions: int
    gini: float
    top_item: str
    top_share: float
    devices: dict[str, float]


USES = frozenset({"template_used", "style_applied", "feature_used"})


def measure(histories: Iterable[UserHistory]) -> DemoFacts:
    """Measure the histories in one pass."""
    sizes: list[int] = []
    types: Counter[str] = Counter()
    uses: Counter[str] = Counter()
    devices: Counter[str] = Counter()
    sessions = 0
    for history in histories:
        sizes.append(len(history.events))
        sessions += len({event.session for event in history.events})
        types.update(event.type for event in history.events)
        devices.update(event.device or "" for event in history.events)
        uses.update(event.item_id for event in history.events if event.type in USES)
    events = sum(sizes)
    top_item, top_uses = uses.most_common(1)[0] if uses else ("", 0)
    return DemoFacts(
        users=len(sizes),
        events=events,
        by_type=dict(types.most_common()),
        median_per_user=float(np.median(sizes)) if sizes else 0.0,
        users_up_to_3=sum(size <= 3 for size in sizes),
        users_from_200=sum(size >= 200 for size in sizes),
        sessions=sessions,
        gini=gini(uses.values()),
        top_item=top_item,
        top_share=top_uses / max(uses.total(), 1),
        devices={device: count / events for device, count in devices.most_common()},
    )


def gini(counts: Iterable[int]) -> float:
    """The Gini coefficient of `counts`: half their mean absolute difference over their mean; 0 for none."""
    ordered = np.sort(np.fromiter(counts, dtype=np.float64))
    if not ordered.sum():
        return 0.0
    ranks = np.arange(1, len(ordered) + 1)
    return float((2 * ranks - len(ordered) - 1) @ ordered / (len(ordered) * ordered.sum()))
