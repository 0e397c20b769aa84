"""Privacy over REST: levels, consent, and what holds from then on."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Annotated, Any, Final, Self
from uuid import UUID

from pydantic import Field, StringConstraints

from domain.errors import ValidationFailed
from domain.ids import TenantId, UserId
from domain.privacy.model import OBSERVED_PURPOSES, ConsentPurpose, PrivacyLevel
from domain.privacy.receipts import ConsentReceipt, Evidence
from domain.privacy.service import PrivacySettings
from domain.rights.model import PrivacyRequest, RequestKind, RequestState
from graphql_api.auth import Scope
from graphql_api.rest.fields import AnswerPart, RequestPart, UserIdText
from graphql_api.rest.operation import Call, Operation

LABEL_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9 ._:/+-]{0,63}$"
JURISDICTION_PATTERN = r"^([A-Z]{2}(-[A-Z0-9]{1,3})?)?$"


Label = Annotated[str, StringConstraints(pattern=LABEL_PATTERN)]


class ConsentBody(RequestPart):
    """One decision of a person about the use of their data, and how it was taken."""

    granted: bool = Field(description="Agreed, or withdrawn.")
    policy_version: Label = Field(description="The privacy policy that was shown.")
    purposes: frozenset[ConsentPurpose] | None = Field(
        None,
        min_length=1,
        description="What it is about. Absent: agreeing means every purpose that observes, withdrawing means all.",
    )
    source: Label = Field("api", description="Where it was said, such as `settings-page`.")
    jurisdiction: Annotated[str, StringConstraints(pattern=JURISDICTION_PATTERN)] = Field(
        "", description="ISO 3166 code such as `DE` or `US-CA`; empty if unknown."
    )
    legal_basis: Label = Field("consent", description="What makes the processing lawful.")

    @property
    def decided(self) -> frozenset[ConsentPurpose]:
        """The purposes, where none were named those that the decision means."""
        return self.purposes or (OBSERVED_PURPOSES if self.granted else frozenset(ConsentPurpose))

    def evidence(self) -> Evidence:
        """How the decision was taken."""
        return Evidence(self.policy_version, self.source, self.jurisdiction, self.legal_basis)


class PrivacyRequestBody(RequestPart):
    """What `privacy` takes: a level, a decision about consent, or both; the level is applied first."""

    user_id: UserIdText
    privacy_level: PrivacyLevel | None = Field(
        None, description="`strict` withdraws every consent to being observed; the other levels grant none."
    )
    consent: ConsentBody | None = None
    request: RequestKind | None = Field(
        None,
        description="A right to use, alone in its request: what is kept of the person is erased, or exported to them.",
    )


class ConsentAnswer(AnswerPart):
    """The latest word of a person on one purpose."""

    purpose: ConsentPurpose
    granted: bool
    policy_version: str
    source: str
    jurisdiction: str
    legal_basis: str
    recorded_at: datetime


class PrivacyBody(AnswerPart):
    """What holds for a person from now on."""

    privacy_level: PrivacyLevel
    collects: bool = Field(description="What they do is stored.")
    personalizes: bool = Field(description="Answers use what was learned of them.")
    gpc: bool = Field(description="They sent Global Privacy Control.")
    consents: list[ConsentAnswer] = Field(description="Their latest word on each purpose they spoke of.")


class RequestAnswer(AnswerPart):
    """What a person asked for; GraphQL's `privacyRequest` tells how far it is."""

    request_id: UUID
    kind: RequestKind
    state: RequestState
    progress: float = Field(description="0 to 1.")
    requested_at: datetime

    @classmethod
    def of(cls, request: PrivacyRequest) -> Self:
        """The request as clients see it."""
        return cls(
            request_id=request.request_id,
            kind=request.kind,
            state=request.state,
            progress=request.progress,
            requested_at=request.requested_at,
        )


class PrivacyAnswer(AnswerPart):
    """A person's privacy settings."""

    privacy: PrivacyBody
    request: RequestAnswer | None = Field(None, description="What was asked for; absent where nothing was.")

    @classmethod
    def of(cls, settings: PrivacySettings, request: PrivacyRequest | None = None) -> Self:
        """The settings as clients see them, and the request that was made."""
        body = PrivacyBody(
            privacy_level=settings.privacy_level,
            collects=settings.collects,
            personalizes=settings.personalizes,
            gpc=settings.gpc,
            consents=[_consent(receipt) for receipt in _latest(settings.receipts)],
        )
        return cls(privacy=body, request=None if request is None else RequestAnswer.of(request))


async def manage_privacy(call: Call, body: PrivacyRequestBody) -> PrivacyAnswer:
    """Choose a privacy level, decide about consent, or both; or use a right."""
    tenant, user = call.reach(body.user_id)
    privacy = call.services.privacy
    level, consent = body.privacy_level, body.consent
    if body.request is not None:
        return await _requested(call, tenant, user, body)
    if level is None and consent is None:
        raise ValidationFailed("Choose a privacy level or decide about consent.", field="privacyLevel")
    if level is PrivacyLevel.STRICT and consent and consent.granted and consent.decided & OBSERVED_PURPOSES:
        raise ValidationFailed("The strict level contradicts agreeing to be observed.", field="consent")
    if level is not None:
        evidence = consent.evidence() if consent else Evidence(privacy.policy_version, "api")
        await privacy.update_settings(tenant, user, level=level, evidence=evidence)
    if consent is not None:
        await privacy.record_consent(
            tenant, user, consent.decided, granted=consent.granted, evidence=consent.evidence()
        )
    return PrivacyAnswer.of(await privacy.settings(tenant, user))


async def _requested(call: Call, tenant: TenantId, user: UserId, body: PrivacyRequestBody) -> PrivacyAnswer:
    if body.privacy_level is not None or body.consent is not None:
        raise ValidationFailed("A right is used in a request of its own.", field="request")
    rights = call.services.rights
    ask = rights.request_erasure if body.request is RequestKind.ERASURE else rights.request_export
    request = await ask(tenant, user)
    return PrivacyAnswer.of(await call.services.privacy.settings(tenant, user), request)


def _act(body: PrivacyRequestBody) -> str:
    """The GraphQL field that does the same."""
    if body.request is not None:
        return "requestErasure" if body.request is RequestKind.ERASURE else "requestExport"
    return "recordConsent" if body.privacy_level is None and body.consent is not None else "updatePrivacy"


def _latest(receipts: Iterable[ConsentReceipt]) -> Iterator[ConsentReceipt]:
    spoken: set[ConsentPurpose] = set()
    for receipt in receipts:
        if receipt.purpose not in spoken:
            spoken.add(receipt.purpose)
            yield receipt


def _consent(receipt: ConsentReceipt) -> ConsentAnswer:
    return ConsentAnswer(
        purpose=receipt.purpose,
        granted=receipt.granted,
        policy_version=receipt.policy_version,
        source=receipt.source,
        jurisdiction=receipt.jurisdiction,
        legal_basis=receipt.legal_basis,
        recorded_at=receipt.recorded_at,
    )


OPERATIONS: Final[tuple[Operation[Any], ...]] = (
    Operation(
        name="privacy",
        method="POST",
        path="/privacy",
        summary="Manage privacy settings",
        description="Chooses how much of a person's data may be used at most, records consent or its withdrawal, and "
        "answers what holds from now on. Both take effect before the answer. With `request` a person uses a right "
        "instead: a worker erases, or exports to them, everything that is kept.",
        body=PrivacyRequestBody,
        answer=PrivacyAnswer,
        scope=Scope.PRIVACY_WRITE,
        successor="Mutation.updatePrivacy",
        handle=manage_privacy,
        act_of=_act,
        statuses={200: "What holds from now on."},
        example={
            "userId": "user_123",
            "privacyLevel": "standard",
            "consent": {"granted": True, "policyVersion": "2026-01", "source": "settings-page"},
        },
    ),
)
