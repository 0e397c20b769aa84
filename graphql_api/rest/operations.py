"""The documented operations, each a call of the service that its GraphQL twin calls."""

from typing import Any, Final

from domain.errors import Unavailable, ValidationFailed
from domain.health import Readiness, ServingState, Status
from domain.privacy.model import OBSERVED_PURPOSES, PrivacyLevel
from domain.privacy.receipts import Evidence
from graphql_api.auth import Scope
from graphql_api.rest.answers import (
    HealthAnswer,
    HealthDetails,
    PrivacyAnswer,
    ProfileAnswer,
    ReceiptAnswer,
    RecommendationsAnswer,
)
from graphql_api.rest.operation import Call, NoBody, Operation
from graphql_api.rest.requests import (
    LearnPreferencesRequest,
    PrivacyRequest,
    RecommendationsRequest,
    TrackInteractionRequest,
)

UNAVAILABLE_STATUS: Final = 503


async def learn_preferences(call: Call, body: LearnPreferencesRequest) -> ReceiptAnswer:
    """Store a report of behaviour."""
    tenant, user = call.reach(body.user_id)
    return ReceiptAnswer.of(
        await call.services.behavior.learn_preferences(tenant, user, body.meaning(), call.idempotency_key)
    )


async def recommend(call: Call, body: RecommendationsRequest) -> RecommendationsAnswer:
    """A page of recommendations."""
    tenant, user = call.reach(body.user_id)
    return RecommendationsAnswer.of(await call.services.recommendations.recommend(tenant, user, body.meaning()))


async def track_interaction(call: Call, body: TrackInteractionRequest) -> ReceiptAnswer:
    """Store what a person did with a recommended item."""
    tenant, user = call.reach(body.user_id)
    return ReceiptAnswer.of(
        await call.services.behavior.track_interaction(tenant, user, body.meaning(), call.idempotency_key)
    )


async def manage_privacy(call: Call, body: PrivacyRequest) -> PrivacyAnswer:
    """Choose a privacy level, decide about consent, or both."""
    tenant, user = call.reach(body.user_id)
    privacy = call.services.privacy
    level, consent = body.privacy_level, body.consent
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


async def read_profile(call: Call, _body: NoBody) -> ProfileAnswer:
    """What was learned of a person."""
    tenant, user = call.reach(call.request.path_params["userId"])
    return ProfileAnswer.of(await call.services.profiles.profile(tenant, user))


async def check_health(call: Call, _body: NoBody) -> HealthAnswer:
    """How this process is; what its parts are called is told only to callers with a token."""
    readiness = await call.services.health.readiness()
    if call.principal is None:
        return HealthAnswer(status=readiness.status, details=None)
    serving = await _serving(call, readiness)
    return HealthAnswer(status=readiness.status, details=HealthDetails.of(readiness, serving))


async def _serving(call: Call, readiness: Readiness) -> ServingState | None:
    if call.principal is None or not readiness.ready:
        return None
    try:
        return await call.services.health.serving(call.principal.tenant)
    except Unavailable:
        return None


def _health_status(answer: HealthAnswer) -> int:
    return UNAVAILABLE_STATUS if answer.status is Status.UNAVAILABLE else 200


_USER = {"userId": "The id by which your product knows the person."}

OPERATIONS: Final[tuple[Operation[Any], ...]] = (
    Operation(
        name="learnPreferences",
        method="POST",
        path="/learn-preferences",
        summary="Learn from user behavior",
        description="Stores what a person did, made and said. The answer comes after the commit; the next "
        "recommendation reflects it.",
        body=LearnPreferencesRequest,
        answer=ReceiptAnswer,
        scope=Scope.EVENTS_WRITE,
        successor="Mutation.learnPreferences",
        handle=learn_preferences,
        idempotent_by_key=True,
        statuses={200: "The events are stored for certain."},
        failures=("CONSENT_REQUIRED",),
        example={
            "userId": "user_123",
            "behaviorData": {
                "actions": [
                    {"type": "project_created", "feature": "video_editor"},
                    {"type": "template_used", "feature": "modern_template"},
                ],
                "projects": [{"visualStyle": "modern", "category": "business", "duration": 30}],
                "feedback": [{"type": "visual", "sentiment": "positive", "aspect": "style"}],
                "sessionId": "session_123",
            },
        },
    ),
    Operation(
        name="recommendations",
        method="POST",
        path="/recommendations",
        summary="Get personalized recommendations",
        description="A page of catalogue items, each with a score and the reasons for it. An unknown person gets what "
        "is popular.",
        body=RecommendationsRequest,
        answer=RecommendationsAnswer,
        scope=Scope.RECOMMENDATIONS_READ,
        successor="Query.recommendations",
        handle=recommend,
        statuses={200: "The page."},
        example={
            "userId": "user_123",
            "context": "video_creation",
            "options": {"limit": 10, "device": "desktop"},
        },
    ),
    Operation(
        name="trackInteraction",
        method="POST",
        path="/track-interaction",
        summary="Track recommendation interaction",
        description="Stores what a person did with a recommended item; the next list reflects it.",
        body=TrackInteractionRequest,
        answer=ReceiptAnswer,
        scope=Scope.EVENTS_WRITE,
        successor="Mutation.trackInteraction",
        handle=track_interaction,
        idempotent_by_key=True,
        statuses={200: "The interaction is stored for certain."},
        failures=("CONSENT_REQUIRED",),
        example={"userId": "user_123", "itemId": "modern_template", "action": "clicked", "position": 0},
    ),
    Operation(
        name="privacy",
        method="POST",
        path="/privacy",
        summary="Manage privacy settings",
        description="Chooses how much of a person's data may be used at most, records consent or its withdrawal, and "
        "answers what holds from now on. Both take effect before the answer.",
        body=PrivacyRequest,
        answer=PrivacyAnswer,
        scope=Scope.PRIVACY_WRITE,
        successor="Mutation.updatePrivacy",
        handle=manage_privacy,
        statuses={200: "What holds from now on."},
        example={
            "userId": "user_123",
            "privacyLevel": "standard",
            "consent": {"granted": True, "policyVersion": "2026-01", "source": "settings-page"},
        },
    ),
    Operation(
        name="profile",
        method="GET",
        path="/profile/{userId}",
        summary="Get user profile",
        description="What was learned of a person: per facet the values that their behaviour speaks for.",
        body=NoBody,
        answer=ProfileAnswer,
        scope=Scope.PROFILE_READ,
        successor="Query.profile",
        handle=read_profile,
        parameters=_USER,
        statuses={200: "The profile."},
    ),
    Operation(
        name="health",
        method="GET",
        path="/health",
        summary="Service health check",
        description="How well this process can do its work; open to everybody. Details come with a token.",
        body=NoBody,
        answer=HealthAnswer,
        scope=None,
        successor=None,
        handle=check_health,
        statuses={200: "It works, perhaps with losses.", UNAVAILABLE_STATUS: "It cannot do its work at the moment."},
        status_of=_health_status,
    ),
)
"""Every operation, in the order in which they are described."""
