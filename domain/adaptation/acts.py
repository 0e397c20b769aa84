"""From the log to what a person did with the interface: acts with their steps, tools and panels, and sessions of them.

Everything here depends on what is in the log, never on the order in which it arrived. Acts of the same moment stand in
the order of the log, since clients report several at once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from domain.adaptation.model import MAX_STEP_LENGTH, DeviceClass, Panel, Step, Steps, device_class
from domain.behavior.vocabulary import OTHER
from domain.catalog.model import ItemKind
from domain.catalog.snapshot import CatalogSnapshot
from domain.ids import EventId, ItemId

PAUSE: Final = timedelta(minutes=30)
"""A pause after which events without a session id belong to another session, as web analytics have it."""

LONGEST_PAUSE: Final = timedelta(hours=12)
"""A session id that is used again after it means another session: some clients never change it."""

CHOSEN: Final = MappingProxyType({"density_chosen": "density", "theme_chosen": "theme", "layout_chosen": "layout"})
"""Events by which clients report that somebody changed a setting of the interface; `feature` names the value."""

PANEL_OPENED: Final = "panel_opened"
HELP_OPENED: Final = "help_opened"

_CHOICES: Final = MappingProxyType({ItemKind.TEMPLATE: "template_used", ItemKind.STYLE: "style_applied"})
_USES: Final = frozenset({"template_used", "style_applied", "feature_used", "recommendation_used"})
_PLAIN: Final = frozenset({"project_created", "project_exported"})
_PANELS: Final[Mapping[str, Panel]] = MappingProxyType(
    {"project_created": Panel.PROJECTS, "project_described": Panel.PROJECTS, "project_exported": Panel.EXPORT}
)
_PANEL_OF_KIND: Final[Mapping[ItemKind, Panel]] = MappingProxyType(
    {
        ItemKind.TEMPLATE: Panel.TEMPLATES,
        ItemKind.STYLE: Panel.STYLES,
        ItemKind.FEATURE: Panel.TOOLS,
        ItemKind.CONTENT: Panel.LIBRARY,
    }
)
EVENT_TYPES: Final = (*sorted(_USES), *sorted(_PLAIN), "project_described", "item_viewed", OTHER.name)
"""The events that say something about how somebody works."""


@dataclass(frozen=True, slots=True)
class LoggedAct:
    """One event, its payload opened.

    Attributes:
        seq: its place in the log.
        device: of its session, where the event names none.
        surface: of its session.
    """

    event_id: EventId
    seq: int
    type: str
    item_id: ItemId | None
    occurred_at: datetime
    session_id: UUID | None = None
    device: str | None = None
    surface: str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Act:
    """What one event means for the interface.

    Attributes:
        step: of a workflow; None for what is no step of work, such as looking at something.
        item_id: the catalogue item that was chosen.
        tool: the feature that was used.
        panel: the part of the interface where it took place.
        chosen: the setting that was changed, and to what.
        asked_help: whether help was opened.
    """

    at: datetime
    seq: int
    session_id: UUID | None = None
    device: DeviceClass | None = None
    surface: str | None = None
    step: Step | None = None
    item_id: ItemId | None = None
    tool: ItemId | None = None
    panel: Panel | None = None
    chosen: tuple[str, str] | None = None
    asked_help: bool = False

    @property
    def day(self) -> date:
        """The day in UTC."""
        return self.at.date()


@dataclass(frozen=True, slots=True)
class Session:
    """One visit: its acts in order."""

    acts: tuple[Act, ...]

    @property
    def day(self) -> date:
        """The day on which it began."""
        return self.acts[0].day

    def steps(self, longest: int) -> Steps:
        """Its latest steps, at most `longest`; one that is repeated at once counts once."""
        taken: list[Step] = []
        for act in self.acts:
            if act.step is not None and (not taken or taken[-1] != act.step):
                taken.append(act.step)
        return tuple(taken[-longest:])


def acts_of(log: Iterable[LoggedAct], catalog: CatalogSnapshot, *, sensitive: bool) -> list[Act]:
    """What the events mean, in order of time, then of the log.

    Args:
        log: in any order; of two with the same id one counts.
        catalog: says what kind of thing an item is.
        sensitive: whether items that the catalogue flags as sensitive may be looked at.
    """
    distinct = {logged.event_id: logged for logged in log}.values()
    meant = (_act(logged, catalog) for logged in distinct if sensitive or not _is_sensitive(logged, catalog))
    return sorted(meant, key=lambda act: (act.at, act.seq))


def sessions_of(acts: Sequence[Act]) -> list[Session]:
    """The acts cut into sessions, in the order in which these began.

    Args:
        acts: in order, as `acts_of` answers them.
    """
    open_sessions: dict[UUID | None, list[Act]] = {}
    found: list[list[Act]] = []
    for act in acts:
        current = open_sessions.get(act.session_id)
        longest = PAUSE if act.session_id is None else LONGEST_PAUSE
        if current is None or act.at - current[-1].at > longest:
            current = open_sessions[act.session_id] = []
            found.append(current)
        current.append(act)
    return [Session(tuple(session)) for session in found]


def step_of(event_type: str, item_id: ItemId | None, kind: ItemKind | None) -> Step | None:
    """The step of a workflow that an event about a catalogue item is, as far as the log says it in the open.

    Features are told apart; which template or style was chosen is not part of the step, since projects differ in it.
    """
    if event_type in _PLAIN:
        return event_type
    if event_type not in _USES or kind is None:
        return None
    if kind is ItemKind.FEATURE:
        return f"feature_used:{item_id}"
    return _CHOICES.get(kind)


def _is_sensitive(logged: LoggedAct, catalog: CatalogSnapshot) -> bool:
    row = None if logged.item_id is None else catalog.rows.get(logged.item_id)
    return row is not None and bool(catalog.sensitive[row])


def _act(logged: LoggedAct, catalog: CatalogSnapshot) -> Act:
    row = None if logged.item_id is None else catalog.rows.get(logged.item_id)
    kind = None if row is None else catalog.kind_of(row)
    name, feature = _named(logged), _feature(logged)
    used = kind is ItemKind.FEATURE and logged.type in _USES
    own_step = _own_step(logged, name, feature)
    own_tool = feature if own_step and logged.type == "feature_used" else None
    panel = _PANELS.get(logged.type) or (None if kind is None else _PANEL_OF_KIND[kind])
    return Act(
        at=logged.occurred_at,
        seq=logged.seq,
        session_id=logged.session_id,
        device=device_class(_text(logged.payload.get("device")) or logged.device),
        surface=logged.surface,
        step=step_of(logged.type, logged.item_id, kind) or own_step,
        item_id=logged.item_id if kind in _CHOICES and logged.type in _USES else None,
        tool=logged.item_id if used else (None if own_tool is None else ItemId(own_tool)),
        panel=_panel_named(feature) if name == PANEL_OPENED else panel,
        chosen=(CHOSEN[name], feature) if name in CHOSEN and feature else None,
        asked_help=name == HELP_OPENED,
    )


def _named(logged: LoggedAct) -> str:
    """The type as the client named it."""
    return _text(logged.payload.get("type")) or logged.type if logged.type == OTHER.name else logged.type


def _feature(logged: LoggedAct) -> str | None:
    return _text(logged.payload.get("feature")) or logged.item_id


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def _own_step(logged: LoggedAct, name: str, feature: str | None) -> Step | None:
    """A step that only the client knows: a feature outside the catalogue, or an event of a type of its own."""
    if logged.type == "feature_used" and logged.item_id is None and feature:
        return _step(f"feature_used:{feature}")
    if logged.type != OTHER.name or name in {OTHER.name, PANEL_OPENED, HELP_OPENED} or name in CHOSEN:
        return None
    return _step(f"{name}:{feature}" if feature else name)


def _step(text: str) -> Step | None:
    return text if len(text) <= MAX_STEP_LENGTH else None


def _panel_named(feature: str | None) -> Panel | None:
    try:
        return None if feature is None else Panel(feature.strip().lower())
    except ValueError:
        return None
