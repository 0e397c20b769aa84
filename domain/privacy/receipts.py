"""Receipts: who agreed to what, when and on what legal basis, and what holds before anyone has spoken."""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from domain.errors import ValidationFailed
from domain.ids import SubjectId, TenantId
from domain.privacy.model import OBSERVED_PURPOSES, ConsentPurpose, PrivacyLevel, Subject, with_consents


@dataclass(frozen=True, slots=True)
class ConsentReceipt:
    """The dated record of one thing a person, or an operator on a named legal basis, decided.

    Attributes:
        consent_id: the receipt's own id.
        purpose: what it is about.
        granted: agreed, or withdrawn.
        policy_version: the privacy policy that was shown.
        source: where it was said, such as `settings-page`, `import` or `operator-default`.
        jurisdiction: ISO 3166 country, with its subdivision if it matters; empty if unknown.
        legal_basis: what makes the processing lawful, such as `consent` or `contract`.
        recorded_at: when; strictly later than every earlier receipt of the same person.
    """

    consent_id: UUID
    purpose: ConsentPurpose
    granted: bool
    policy_version: str
    source: str
    jurisdiction: str
    legal_basis: str
    recorded_at: datetime


_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/+-]{0,63}")
_JURISDICTION = re.compile(r"([A-Z]{2}(-[A-Z0-9]{1,3})?)?")


@dataclass(frozen=True, slots=True)
class Evidence:
    """How a decision was taken; the part that all receipts written together share.

    Raises:
        ValidationFailed: a value is not a short label (letters, digits and ` ._:/+-`, 64 at most), or the
            jurisdiction is not an ISO 3166 code.
    """

    policy_version: str
    source: str
    jurisdiction: str = ""
    legal_basis: str = "consent"

    def __post_init__(self) -> None:
        labels = {"policyVersion": self.policy_version, "source": self.source, "legalBasis": self.legal_basis}
        for field, label in labels.items():
            if not _LABEL.fullmatch(label):
                raise ValidationFailed("This must be a short label of letters, digits and ' ._:/+-'.", field=field)
        if not _JURISDICTION.fullmatch(self.jurisdiction):
            raise ValidationFailed("A jurisdiction is an ISO 3166 code such as DE or US-CA.", field="jurisdiction")

    def receipt(
        self, consent_id: UUID, purpose: ConsentPurpose, recorded_at: datetime, *, granted: bool
    ) -> ConsentReceipt:
        """The receipt of one decision."""
        return ConsentReceipt(
            consent_id=consent_id,
            purpose=purpose,
            granted=granted,
            policy_version=self.policy_version,
            source=self.source,
            jurisdiction=self.jurisdiction,
            legal_basis=self.legal_basis,
            recorded_at=recorded_at,
        )


@dataclass(frozen=True, slots=True)
class StartingPoint:
    """What holds for a person from their first moment here.

    Attributes:
        level: their privacy level before the purposes are counted.
        purposes: what is granted for them.
        evidence: what their first receipts say.
    """

    level: PrivacyLevel
    purposes: frozenset[ConsentPurpose]
    evidence: Evidence

    def newcomer(self, tenant: TenantId, subject_id: SubjectId) -> Subject:
        """A person of whom nothing else is known yet."""
        return with_consents(Subject(tenant, subject_id, self.level), self.purposes, granted=True)

    def receipts(self, recorded_at: datetime) -> list[ConsentReceipt]:
        """Their first receipts."""
        return [self.evidence.receipt(uuid4(), p, recorded_at, granted=True) for p in sorted(self.purposes)]


@dataclass(frozen=True, slots=True)
class PrivacyPolicy:
    """What the operator has decided for people who have said nothing.

    Attributes:
        version: the privacy policy in force, named in every receipt.
        default_level: the level of a new person.
        legal_basis: what allows a default above strict; needed for one.
        jurisdiction: named in the receipts of that default.

    Raises:
        ValidationFailed: a default above strict names no legal basis.
    """

    version: str = "1"
    default_level: PrivacyLevel = PrivacyLevel.STRICT
    legal_basis: str = ""
    jurisdiction: str = ""

    def __post_init__(self) -> None:
        if self.default_level is not PrivacyLevel.STRICT and not self.legal_basis:
            raise ValidationFailed(
                "A default privacy level above strict needs a named legal basis.", field="PERSONALIZATION_LEGAL_BASIS"
            )
        # A value that no receipt could carry is refused here, at start, instead of with the first person.
        _ = self.beginning

    @property
    def beginning(self) -> StartingPoint:
        """How new people start: with nothing granted at the strict level, else on the operator's legal basis."""
        purposes = frozenset() if self.default_level is PrivacyLevel.STRICT else OBSERVED_PURPOSES
        evidence = Evidence(self.version, "operator-default", self.jurisdiction, self.legal_basis or "consent")
        return StartingPoint(self.default_level, purposes, evidence)
