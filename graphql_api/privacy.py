"""Privacy: a person's level and consents, read and changed."""

from datetime import datetime
from typing import Annotated, Self, TypeAlias

import strawberry

from domain.ids import TenantId, UserId
from domain.privacy.model import OBSERVED_PURPOSES
from domain.privacy.receipts import ConsentReceipt, Evidence
from graphql_api.auth import Scope
from graphql_api.context import Info
from graphql_api.enums import ConsentPurpose, PrivacyLevel
from graphql_api.problems import INPUT, AnyProblem, answering_problems


@strawberry.type(name="ConsentReceipt", description="The dated record of one decision.")
class ConsentReceiptNode:
    """A receipt."""

    consent_id: strawberry.ID = strawberry.field(description="The receipt's own id.")
    purpose: ConsentPurpose = strawberry.field(description="What it is about.")
    granted: bool = strawberry.field(description="Agreed, or withdrawn.")
    policy_version: str = strawberry.field(description="The privacy policy that was shown.")
    source: str = strawberry.field(description="Where it was said.")
    jurisdiction: str = strawberry.field(description="ISO 3166 country; empty if unknown.")
    legal_basis: str = strawberry.field(description="What makes the processing lawful.")
    recorded_at: datetime = strawberry.field(description="When.")

    @classmethod
    def of(cls, receipt: ConsentReceipt) -> Self:
        """The receipt as clients see it."""
        return cls(
            consent_id=strawberry.ID(str(receipt.consent_id)),
            purpose=receipt.purpose,
            granted=receipt.granted,
            policy_version=receipt.policy_version,
            source=receipt.source,
            jurisdiction=receipt.jurisdiction,
            legal_basis=receipt.legal_basis,
            recorded_at=receipt.recorded_at,
        )


@strawberry.type(description="What holds for a person.")
class PrivacySettings:
    """Level, consequences and receipts."""

    user_id: str = strawberry.field(description="The person.")
    privacy_level: PrivacyLevel = strawberry.field(description="What may be done with their data at most.")
    collects: bool = strawberry.field(description="What they do is stored.")
    personalizes: bool = strawberry.field(description="Answers use what was learned of them.")
    gpc: bool = strawberry.field(description="Their browser sent Global Privacy Control.")
    receipts: list[ConsentReceiptNode] = strawberry.field(description="Their decisions, latest first.")


@strawberry.input(description="How a decision was taken.")
class EvidenceInput:
    """What the receipt will say."""

    policy_version: str = strawberry.field(description="The privacy policy that was shown.")
    source: str = strawberry.field(default="graphql", description="Where it was said, such as `settings-page`.")
    jurisdiction: str = strawberry.field(default="", description="ISO 3166 country, such as DE or US-CA.")
    legal_basis: str = strawberry.field(default="consent", description="What makes the processing lawful.")

    def evidence(self) -> Evidence:
        """The evidence. Raises `ValidationFailed`."""
        return Evidence(self.policy_version, self.source, self.jurisdiction, self.legal_basis)


@strawberry.input(description="A privacy level to choose.")
class UpdatePrivacyInput:
    """The input of `updatePrivacy`."""

    user_id: str = strawberry.field(description="Who chooses.")
    privacy_level: PrivacyLevel = strawberry.field(description="STRICT withdraws every consent to being observed.")
    evidence: EvidenceInput = strawberry.field(description="How the decision was taken.")


@strawberry.input(description="A consent to record, or to withdraw.")
class RecordConsentInput:
    """The input of `recordConsent`."""

    user_id: str = strawberry.field(description="Who decides.")
    granted: bool = strawberry.field(description="Agreed, or withdrawn.")
    purposes: list[ConsentPurpose] | None = strawberry.field(
        default=None,
        description="What it is about. Absent: agreeing means every purpose that observes, withdrawing means all.",
    )
    evidence: EvidenceInput = strawberry.field(description="How the decision was taken.")

    @property
    def decided(self) -> frozenset[ConsentPurpose]:
        """The purposes, where none were named those that the decision means."""
        if self.purposes is not None:
            return frozenset(self.purposes)
        return OBSERVED_PURPOSES if self.granted else frozenset(ConsentPurpose)


UpdatePrivacyPayload: TypeAlias = Annotated[
    PrivacySettings | AnyProblem,
    strawberry.union("UpdatePrivacyPayload", description="What holds now, or why nothing changed."),
]


@strawberry.type
class PrivacyQuery:
    """Reading decisions."""

    @strawberry.field(description="What holds for a person; asking leaves no trace of them; null where it fails.")
    async def privacy_settings(
        self, info: Info, user_id: Annotated[str, strawberry.argument(description="Whose settings.")]
    ) -> PrivacySettings | None:
        """One person's settings."""
        return await _settings(info, *await info.context.read(user_id, Scope.PRIVACY_WRITE, "privacySettings"))


@strawberry.type
class PrivacyMutation:
    """Taking decisions."""

    @strawberry.mutation(description="Choose a privacy level; it holds when this returns.")
    @answering_problems
    async def update_privacy(
        self,
        info: Info,
        input: Annotated[UpdatePrivacyInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> UpdatePrivacyPayload:
        """One person's level."""
        tenant, user = info.context.reach(input.user_id, Scope.PRIVACY_WRITE)
        await info.context.services.privacy.update_settings(
            tenant, user, level=input.privacy_level, evidence=input.evidence.evidence()
        )
        return await _settings(info, tenant, user)

    @strawberry.mutation(description="Record or withdraw consent; it holds when this returns.")
    @answering_problems
    async def record_consent(
        self,
        info: Info,
        input: Annotated[RecordConsentInput, INPUT],  # noqa: A002 - the name clients expect
    ) -> UpdatePrivacyPayload:
        """One person's consents."""
        tenant, user = info.context.reach(input.user_id, Scope.PRIVACY_WRITE)
        await info.context.services.privacy.record_consent(
            tenant, user, input.decided, granted=input.granted, evidence=input.evidence.evidence()
        )
        return await _settings(info, tenant, user)


async def _settings(info: Info, tenant: TenantId, user: UserId) -> PrivacySettings:
    settings = await info.context.services.privacy.settings(tenant, user)
    return PrivacySettings(
        user_id=user,
        privacy_level=settings.privacy_level,
        collects=settings.collects,
        personalizes=settings.personalizes,
        gpc=settings.gpc,
        receipts=list(map(ConsentReceiptNode.of, settings.receipts)),
    )
