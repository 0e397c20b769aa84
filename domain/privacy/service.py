"""What a person may decide about their data, and the one question every collection of it must ask first.

Every decision is dated by a receipt, changes what may be done with the person in the same transaction, and is told to
whoever listens live.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol
from uuid import UUID, uuid4

from domain.clock import Clock
from domain.errors import ConsentRequired, NotFound, ValidationFailed
from domain.ids import SubjectId, TenantId, UserId
from domain.privacy.data_keys import DataKeys
from domain.privacy.decisions import Decision, Standing, announcement, receipts_of
from domain.privacy.directory import CHUNK, SubjectDirectory
from domain.privacy.model import (
    OBSERVED_PURPOSES,
    ConsentPurpose,
    PrivacyLevel,
    Subject,
    decided,
    with_consents,
    with_level,
)
from domain.privacy.receipts import ConsentReceipt, Evidence, PrivacyPolicy, StartingPoint

ATTEMPTS = 2
"""How often a person is looked up who may have become part of another one meanwhile."""


class Publisher(Protocol):
    """Who tells live updates once they are committed."""

    async def publish(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> int:
        """Publish what waits for these people; how many updates."""
        ...


class PrivacyStore(Protocol):
    """The tables behind the service."""

    async def decide(
        self, tenant: TenantId, subjects: Sequence[SubjectId], decision: Callable[[Standing], Decision]
    ) -> dict[SubjectId, Subject]:
        """Lock people, let `decision` look at each, write what it says; one transaction.

        Returns:
            The people as they are now, with their new versions; whoever is gone is left out.
        """
        ...

    async def receipts(self, tenant: TenantId, subject: SubjectId) -> list[ConsentReceipt]:
        """Every receipt of a person, latest first."""
        ...


@dataclass(frozen=True, slots=True)
class PrivacySettings:
    """What a person has decided, or what holds because they have not.

    Attributes:
        subject: the person; None if nothing is kept of them.
        privacy_level: what may be done at most.
        collects: what they do is stored.
        personalizes: answers use what was learned of them.
        gpc: they sent Global Privacy Control.
        receipts: their decisions, latest first.
    """

    subject: Subject | None
    privacy_level: PrivacyLevel
    collects: bool
    personalizes: bool
    gpc: bool
    receipts: Sequence[ConsentReceipt]


class PrivacyService:
    """Privacy levels and consent.

    Args:
        store: the tables of decisions.
        directory: finds and founds people.
        data_keys: seal the live updates.
        publisher: tells them.
        clock: dates the receipts.
        policy: what holds for people who have said nothing.
    """

    def __init__(
        self,
        store: PrivacyStore,
        directory: SubjectDirectory,
        data_keys: DataKeys,
        publisher: Publisher,
        clock: Clock,
        policy: PrivacyPolicy,
    ) -> None:
        self._store = store
        self._directory = directory
        self._data_keys = data_keys
        self._publisher = publisher
        self._clock = clock
        self._policy = policy

    @property
    def policy_version(self) -> str:
        """The privacy policy in force, for the receipts of decisions that name none."""
        return self._policy.version

    async def collecting_subject(self, tenant: TenantId, user_id: UserId) -> Subject:
        """The person whose behaviour is about to be stored; asking leaves no trace of whoever did not agree.

        Raises:
            ConsentRequired: they have not agreed to it.
            ValidationFailed: `user_id` cannot be a user id.
        """
        subject = await self._agreeing(tenant, user_id)
        if subject is None or not subject.collects:
            raise ConsentRequired("This user has not agreed to behaviour being stored.", field="userId")
        return subject

    async def stating_subject(self, tenant: TenantId, user_id: UserId) -> Subject:
        """The person who is about to state something about themselves; asks and raises as `collecting_subject` does."""
        subject = await self._agreeing(tenant, user_id)
        if subject is None or not subject.keeps_stated:
            raise ConsentRequired("This user has not agreed to stated preferences being kept.", field="userId")
        return subject

    async def settings(self, tenant: TenantId, user_id: UserId) -> PrivacySettings:
        """What holds for a person; asking founds nobody. Raises `ValidationFailed`."""
        subject = await self._directory.resolve(tenant, user_id)
        receipts = await self._store.receipts(tenant, subject.subject_id) if subject else []
        holding = subject or self._policy.beginning.newcomer(tenant, SubjectId(uuid4()))
        return PrivacySettings(
            subject=subject,
            privacy_level=holding.privacy_level,
            collects=holding.collects,
            personalizes=holding.personalizes,
            gpc=holding.gpc,
            receipts=receipts,
        )

    async def update_settings(
        self,
        tenant: TenantId,
        user_id: UserId,
        *,
        level: PrivacyLevel | None = None,
        gpc: bool | None = None,
        evidence: Evidence,
    ) -> Subject:
        """Choose a level, or record Global Privacy Control.

        Choosing strict withdraws every consent to being observed; choosing another level gives none.

        Raises:
            ValidationFailed: `user_id` cannot be a user id, or nothing was chosen.
            NotFound: there is no such tenant.
        """
        if level is None and gpc is None:
            raise ValidationFailed("Choose a privacy level.", field="privacyLevel")

        def change(subject: Subject) -> Subject:
            chosen = subject if level is None else with_level(subject, level)
            return decided(chosen, chosen.privacy_level, chosen.consents, gpc=gpc)

        return await self._change_one(tenant, user_id, change, evidence)

    async def record_consent(
        self,
        tenant: TenantId,
        user_id: UserId,
        purposes: Iterable[ConsentPurpose],
        *,
        granted: bool,
        evidence: Evidence,
    ) -> Subject:
        """Record that a person agreed to `purposes`, or withdrew them; what follows holds when this returns.

        Agreeing to be observed raises a strict level to standard. Repeating a decision adds a receipt, nothing else.

        Raises:
            ValidationFailed: `user_id` cannot be a user id, or `purposes` is empty.
            NotFound: there is no such tenant.
        """
        named = frozenset(purposes)
        if not named:
            raise ValidationFailed("Name at least one purpose.", field="purposes")
        change = partial(with_consents, purposes=named, granted=granted)
        return await self._change_one(tenant, user_id, change, evidence, always=named)

    async def withdraw(self, tenant: TenantId, user_id: UserId, *, evidence: Evidence) -> Subject:
        """Withdraw every consent at once; raises as `record_consent` does."""
        return await self.record_consent(tenant, user_id, ConsentPurpose, granted=False, evidence=evidence)

    async def record_consents_bulk(
        self,
        tenant: TenantId,
        user_ids: Iterable[UserId],
        *,
        evidence: Evidence,
        purposes: Iterable[ConsentPurpose] = OBSERVED_PURPOSES,
    ) -> dict[UserId, Subject]:
        """Record the consent that an operator holds for many people, founding those who are new.

        A purpose on which a person has spoken already is left as they said, so repeating an import adds nothing and no
        import undoes a withdrawal.

        Returns:
            The people by external id, as they are afterwards.

        Raises:
            ValidationFailed: one of them cannot be a user id; nothing was written.
            NotFound: there is no such tenant.
        """
        named = frozenset(purposes)

        def change(subject: Subject) -> Subject:
            return with_consents(subject, named - subject.consents.spoken, granted=True)

        beginning = StartingPoint(self._policy.default_level, named, evidence)
        people = await self._directory.ensure_many(tenant, user_ids, beginning)
        unspoken = [s.subject_id for s in people.values() if named - s.consents.spoken]
        changed: dict[SubjectId, Subject] = {}
        for start in range(0, len(unspoken), CHUNK):
            changed |= await self._change(tenant, unspoken[start : start + CHUNK], change, evidence)
        return {user_id: changed.get(s.subject_id, s) for user_id, s in people.items()}

    def identity(self, tenant: TenantId, user_id: UserId) -> UUID:
        """What stands for an external id, whoever it leads to; raises `ValidationFailed`."""
        return self._directory.identity(tenant, user_id)

    async def _agreeing(self, tenant: TenantId, user_id: UserId) -> Subject | None:
        subject = await self._directory.resolve(tenant, user_id)
        if subject is None and self._policy.beginning.purposes:
            subject = await self._directory.ensure(tenant, user_id)
        return subject

    async def _change_one(
        self,
        tenant: TenantId,
        user_id: UserId,
        change: Callable[[Subject], Subject],
        evidence: Evidence,
        always: frozenset[ConsentPurpose] = frozenset(),
    ) -> Subject:
        for _ in range(ATTEMPTS):
            subject = await self._directory.ensure(tenant, user_id)
            changed = await self._change(tenant, (subject.subject_id,), change, evidence, always)
            if subject.subject_id in changed:
                return changed[subject.subject_id]
        raise NotFound("There is no such user.")

    async def _change(
        self,
        tenant: TenantId,
        subjects: Sequence[SubjectId],
        change: Callable[[Subject], Subject],
        evidence: Evidence,
        always: frozenset[ConsentPurpose] = frozenset(),
    ) -> dict[SubjectId, Subject]:
        keys = await self._data_keys.keys_for(tenant, subjects)
        now = self._clock.now()

        def decision(standing: Standing) -> Decision:
            before, after = standing.subject, change(standing.subject)
            receipts = receipts_of(standing, after, evidence, now, always)
            return Decision(after, receipts, None if after == before else announcement(after, keys))

        decided = await self._store.decide(tenant, subjects, decision)
        await self._publisher.publish(tenant, decided)
        return decided
