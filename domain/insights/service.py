"""Use cases of content analysis: what was found in an item describes the item, what was found in a person's own content
says something of their taste.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID, uuid5

import orjson

from domain.behavior.model import Event, plausible_moment, require_text
from domain.behavior.sealing import SealedEvent
from domain.behavior.service import Appended, Report
from domain.catalog.insights import MANY, Analysis, analysis_to_json
from domain.clock import Clock
from domain.errors import ValidationFailed
from domain.ids import EventId, ItemId, SubjectId, TenantId, UserId
from domain.insights.model import InsightReceipt, OwnContentReceipt
from domain.privacy.encryption import SubjectKey
from domain.privacy.model import Subject
from domain.profiles.series import REVISION, SERIES

EVENT = "content_analysed"
MAX_CONTENT_ID = 256


class Catalog(Protocol):
    """The part of the catalogue that insights need."""

    async def annotate(self, tenant: TenantId, item_id: ItemId, analysis: Analysis) -> tuple[bool, int]:
        """Keep an analysis unless a later one of its source is there; whether it was kept, and the version."""
        ...


class Log(Protocol):
    """The log of behaviour."""

    async def append(self, tenant: TenantId, subject: SubjectId, report: Report) -> Appended:
        """Add a report; raises `ConsentRequired` where the person does not, or no longer, agree."""
        ...


class Consent(Protocol):
    """The part of the privacy room that storing needs."""

    async def collecting_subject(self, tenant: TenantId, user_id: UserId) -> Subject:
        """The person; raises `ConsentRequired` unless they agreed."""
        ...


class SubjectKeys(Protocol):
    """Where a person's key comes from."""

    async def key_for(self, tenant: TenantId, subject: SubjectId) -> SubjectKey:
        """The sealer of one person's fields."""
        ...


class Publisher(Protocol):
    """Who tells live updates once they are committed."""

    async def publish(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> int:
        """Publish what waits for these people; how many updates."""
        ...


class InsightService:
    """What content analysis found.

    Args:
        catalog: keeps what was found in items.
        log: keeps what was found in people's own content.
        consent: knows who agreed.
        keys: seal it.
        publisher: tells live updates.
        identity_key: secret that turns a content's id into ours.
        clock: dates what clients leave undated.
    """

    def __init__(
        self,
        catalog: Catalog,
        log: Log,
        consent: Consent,
        keys: SubjectKeys,
        publisher: Publisher,
        identity_key: bytes,
        clock: Clock,
    ) -> None:
        self._catalog = catalog
        self._log = log
        self._consent = consent
        self._keys = keys
        self._publisher = publisher
        self._identity_key = identity_key
        self._clock = clock

    async def of_item(self, tenant: TenantId, item_id: ItemId, analysis: Analysis) -> InsightReceipt:
        """Keep what was found in an item of the catalogue; features and lists follow with the catalogue's version.

        Raises:
            NotFound: the catalogue holds no such item.
            ValidationFailed: a part of it means nothing; `field` says which.
        """
        analysis.check()
        at = plausible_moment(analysis.analysed_at, self._clock.now(), "analysedAt")
        applied, version = await self._catalog.annotate(tenant, item_id, replace(analysis, analysed_at=at))
        return InsightReceipt(applied, version)

    async def of_own_content(
        self, tenant: TenantId, user_id: UserId, content_id: str, analysis: Analysis
    ) -> OwnContentReceipt:
        """Learn from what was found in something that a person made; of several analyses of it the latest counts.

        Raises:
            ConsentRequired: the person has not agreed to it.
            ValidationFailed: a part of it means nothing; `field` says which.
        """
        analysis.check()
        require_text(content_id, "contentId", required=True)
        if len(content_id) > MAX_CONTENT_ID:
            raise ValidationFailed(f"at most {MAX_CONTENT_ID} characters", field="contentId")
        subject = await self._consent.collecting_subject(tenant, user_id)
        now = self._clock.now()
        at = plausible_moment(analysis.analysed_at, now, "analysedAt")
        key = await self._keys.key_for(tenant, subject.subject_id)
        event = _event(self._series(tenant, content_id, analysis.source), content_id, analysis, at)
        appended = await self._log.append(tenant, subject.subject_id, _report(event, key, now))
        if appended.accepted:
            await self._publisher.publish(tenant, (subject.subject_id,))
        return OwnContentReceipt(appended.accepted == 1, appended.version)

    def _series(self, tenant: TenantId, content_id: str, source: str) -> UUID:
        message = f"{tenant}\0{source}\0{content_id}".encode()
        return UUID(bytes=hmac.digest(self._identity_key, message, hashlib.sha256)[:16], version=4)


def _event(series: UUID, content_id: str, analysis: Analysis, at: datetime) -> Event:
    moment = analysis.analysed_at.isoformat() if analysis.analysed_at else None
    content = orjson.dumps([analysis_to_json(analysis), moment], option=orjson.OPT_SORT_KEYS)
    event_id = EventId(uuid5(series, hashlib.sha256(content).hexdigest()))
    payload = {"content": content_id, "source": analysis.source, SERIES: str(series), REVISION: 1}
    return Event(event_id, EVENT, None, None, at, payload | _facets(analysis))


def _facets(analysis: Analysis) -> dict[str, Any]:
    """What the trusted findings say of the person's taste, in the words of behaviour."""
    attributes: dict[str, Any] = {}
    for found in analysis.trusted:
        if found.facet in MANY:
            attributes.setdefault(found.facet, []).append(found.value)
        else:
            attributes[found.facet] = found.value
    said: dict[str, Any] = {"attributes": attributes} if attributes else {}
    if analysis.duration_seconds is not None:
        said["duration_seconds"] = analysis.duration_seconds
    return said


def _report(event: Event, key: SubjectKey, received_at: datetime) -> Report:
    payload = key.seal_json("user_behavior_events", "payload_sealed", dict(event.payload))
    body = key.seal_json("outbox", "body_sealed", {"events": 1, "itemIds": []})
    return Report([SealedEvent(event, payload)], body, received_at)
