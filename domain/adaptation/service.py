"""Use cases of adaptation: read the log, say how the interface shall be and what would save steps, keep what is said.

Whoever has not agreed to it gets the answer that an anonymous person gets. What is learned is computed from the log at
each call and stored nowhere, so that redelivery and order change nothing; what is common to a tenant is mined elsewhere
and only read here.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from domain.adaptation.acts import Act, acts_of, sessions_of
from domain.adaptation.choices import STATED, Choices
from domain.adaptation.dossier import Dossier, choices_of, opened, sealed_choices
from domain.adaptation.interface import Place, learned_settings
from domain.adaptation.model import (
    Setting,
    SettingChanges,
    SettingName,
    SettingSource,
    UiContext,
    UiSettings,
    device_class,
)
from domain.adaptation.optimization import Optimization
from domain.adaptation.ports import AdaptationStore, Catalog, Directory, Experiments, Publisher, SubjectKeys
from domain.adaptation.routines import routines_of
from domain.adaptation.shared_ways import CommonWays, still_offered
from domain.adaptation.trial import tried
from domain.adaptation.workflows import optimizations_of
from domain.catalog.snapshot import CatalogSnapshot
from domain.clock import Clock
from domain.errors import ConsentRequired, ValidationFailed
from domain.experiments.levers import Area
from domain.exposures.steering import UNSTEERED
from domain.ids import ItemId, TenantId, UserId
from domain.privacy.model import Subject

LOG_LIMIT: Final = 2000
"""The latest events of a person that are looked at."""

HELD_TENANTS: Final = 64
RECHECK: Final = timedelta(seconds=60)
"""How old what is common to a tenant may be; it is mined once a day."""

BEHAVIOUR: Final = "behaviour"
MAX_ID_LENGTH: Final = 64


@dataclass(frozen=True, slots=True)
class WorkflowOptimizations:
    """What would save a person steps.

    Attributes:
        used: categories of the person's data behind the answer.
        mined_at: when what is common was found; None before the first time.
        title_of: what the catalogue calls an item.
    """

    optimizations: tuple[Optimization, ...]
    used: frozenset[str]
    sessions: int
    mined_at: datetime | None
    title_of: Callable[[ItemId], str]


@dataclass(frozen=True, slots=True)
class _Known:
    """What may be used of a person at this call; nothing for whoever did not agree."""

    acts: Sequence[Act] = ()
    choices: Choices = field(default_factory=Choices)
    subject: Subject | None = None


class AdaptationService:
    """UI settings and workflow optimizations.

    Args:
        store: log, choices, common ways.
        directory: finds people and what they agreed to.
        keys: open and seal what is theirs.
        catalog: says what items are.
        publisher: tells live updates.
        experiments: what they change for a person.
        clock: the moment of each request.
        ml_enabled: False answers everybody with defaults, what is common, and what they stated.
    """

    def __init__(
        self,
        store: AdaptationStore,
        directory: Directory,
        keys: SubjectKeys,
        catalog: Catalog,
        publisher: Publisher,
        experiments: Experiments,
        clock: Clock,
        *,
        ml_enabled: bool = True,
    ) -> None:
        self._store = store
        self._directory = directory
        self._keys = keys
        self._catalog = catalog
        self._publisher = publisher
        self._experiments = experiments
        self._clock = clock
        self._ml_enabled = ml_enabled
        self._held: OrderedDict[TenantId, tuple[datetime, CommonWays]] = OrderedDict()

    async def ui_settings(
        self, tenant: TenantId, user_id: UserId, context: UiContext, *, personalized: bool = True
    ) -> UiSettings:
        """How the interface shall be for a person where they are; for anybody, unless `personalized` is asked for.

        Raises:
            ValidationFailed: `user_id` cannot be a user id.
        """
        catalog = await self._catalog.snapshot(tenant)
        known = await self._known(tenant, user_id, catalog, personalized=personalized)
        steering = UNSTEERED
        if known.subject is not None:
            steering = await self._experiments.steering(user_id, known.subject, Area.UI)
        place = Place(device_class(context.device), context.surface)
        learned = await asyncio.to_thread(_settings, known.acts, place, self._clock.now())
        shown = replace(_marked(tried(known.choices.applied(learned), steering)), title_of=_titles(catalog))
        await self._experiments.shown(known.subject, steering)
        return shown

    async def update_settings(self, tenant: TenantId, user_id: UserId, changes: SettingChanges) -> UiSettings:
        """Keep what a person sets themselves, or forget it; it holds when this returns.

        Raises:
            ConsentRequired: they have not agreed to what they state being kept.
            ValidationFailed: a value is out of its bounds, or nothing was changed.
        """
        changes.check()
        if changes == SettingChanges(device=changes.device):
            raise ValidationFailed("Set or reset at least one setting.", field="reset")
        await self._choose(tenant, user_id, lambda said: said.after(changes))
        device = None if changes.device is None else changes.device.value
        return await self.ui_settings(tenant, user_id, UiContext(device))

    async def workflow_optimizations(
        self, tenant: TenantId, user_id: UserId, *, personalized: bool = True
    ) -> WorkflowOptimizations:
        """What would save a person steps; what is common for somebody unknown, or if `personalized` is not asked for.

        Raises:
            ValidationFailed: `user_id` cannot be a user id.
        """
        catalog = await self._catalog.snapshot(tenant)
        known = await self._known(tenant, user_id, catalog, personalized=personalized)
        common = still_offered(await self._common(tenant), catalog, self._clock.now())
        sessions = sessions_of(known.acts)
        dismissed = known.choices.dismissed
        found = await asyncio.to_thread(optimizations_of, known.acts, sessions, common, dismissed)
        used = {BEHAVIOUR} if known.acts else set()
        return WorkflowOptimizations(
            optimizations=tuple(found),
            used=frozenset(used | ({STATED} if dismissed else set())),
            sessions=len(sessions),
            mined_at=common.mined_at,
            title_of=_titles(catalog),
        )

    async def dismiss_optimization(
        self, tenant: TenantId, user_id: UserId, optimization_id: str, *, undo: bool = False
    ) -> WorkflowOptimizations:
        """Do not offer something to a person again, or with `undo`, offer it again.

        Raises:
            ConsentRequired: they have not agreed to what they state being kept.
            ValidationFailed: `optimization_id` cannot be one.
        """
        if not 1 <= len(optimization_id) <= MAX_ID_LENGTH or not optimization_id.isalnum():
            raise ValidationFailed("is not the id of an optimization", field="optimizationId")
        at = None if undo else self._clock.now()
        await self._choose(tenant, user_id, lambda said: said.dismissing(optimization_id, at))
        return await self.workflow_optimizations(tenant, user_id)

    async def _known(
        self, tenant: TenantId, user_id: UserId, catalog: CatalogSnapshot, *, personalized: bool
    ) -> _Known:
        subject = await self._directory.resolve(tenant, user_id)
        if subject is None or not personalized or not (subject.personalizes or subject.keeps_stated):
            return _Known(subject=subject if personalized else None)
        if subject.personalizes and self._ml_enabled:
            dossier = await self._store.dossier(tenant, subject.subject_id, LOG_LIMIT)
        else:
            dossier = Dossier(choices_sealed=await self._store.choices(tenant, subject.subject_id))
        if not dossier.acts and dossier.choices_sealed is None:
            return _Known(subject=subject)
        key = await self._keys.key_for(tenant, subject.subject_id)
        choices = choices_of(dossier.choices_sealed if subject.keeps_stated else None, key)
        log = opened(dossier, key)
        return _Known(acts_of(log, catalog, sensitive=subject.rules.learns_sensitive), choices, subject)

    async def _choose(self, tenant: TenantId, user_id: UserId, change: Callable[[Choices], Choices]) -> None:
        subject = await self._directory.resolve(tenant, user_id)
        if subject is None or not subject.keeps_stated:
            raise ConsentRequired("This user has not agreed to what they state being kept.", field="userId")
        key = await self._keys.key_for(tenant, subject.subject_id)

        def changed(sealed: bytes | None) -> bytes:
            return sealed_choices(change(choices_of(sealed, key)), key)

        announcement = key.seal_json("outbox", "body_sealed", {"adaptation": True})
        await self._store.choose(tenant, subject.subject_id, changed, announcement, self._clock.now())
        await self._publisher.publish(tenant, (subject.subject_id,))

    async def _common(self, tenant: TenantId) -> CommonWays:
        now = self._clock.now()
        held = self._held.get(tenant)
        if held is None or not timedelta(0) <= now - held[0] < RECHECK:
            held = self._held[tenant] = (now, await self._store.common(tenant))
            if len(self._held) > HELD_TENANTS:
                self._held.popitem(last=False)
        self._held.move_to_end(tenant)
        return held[1]


def _settings(acts: Sequence[Act], place: Place, now: datetime) -> UiSettings:
    today = now.date()
    routines = routines_of(sessions_of([act for act in acts if act.day < today]))
    return learned_settings(acts, routines, place, today)


def _marked(settings: UiSettings) -> UiSettings:
    """The settings with the categories of data that had a part in them."""
    shown: list[Setting[Any]] = [getattr(settings, name.value) for name in SettingName]
    sources = {setting.source for setting in shown}
    used = {BEHAVIOUR} if SettingSource.LEARNED in sources else set()
    return replace(settings, used=frozenset(used | ({STATED} if SettingSource.STATED in sources else set())))


def _titles(catalog: CatalogSnapshot) -> Callable[[ItemId], str]:
    def title_of(item_id: ItemId) -> str:
        row = catalog.rows.get(item_id)
        return item_id if row is None else catalog.titles[row]

    return title_of
