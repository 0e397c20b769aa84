"""What the canary says where a mark would be refused, and what browsers and proxies say along with it."""

from typing import Final

from tests.api.canary_filling import CANARY, MARK, NUMBER, OMITTED, Usual

VISITOR: Final = f"{MARK}-visitor"
OPERATOR: Final = "operator"
OPERATORS: Final = frozenset(
    {
        "createExperiment", "startExperiment", "pauseExperiment", "resumeExperiment", "stopExperiment",
        "rampExperiment", "deleteRules", "upsertRules", "importItems", "upsertCatalogItems", "promoteModel",
        "rollbackModel", "retrainModels",
    }
)  # fmt: skip
"""Mutations about nobody: what an operator writes into them stays, whoever is erased."""

LAST: Final = frozenset({"requestErasure"})
"""What ends the visit."""

FAR, SHORT = 3600.0, 0.5
GENERATED: Final = {
    "durationSeconds": 30.0, "aspectRatio": "9:16", "resolution": "720p", "fps": 24, "pace": "fast", "music": "none",
    "colourPalette": "warm", "voice": "none", "transitions": "none", "captions": "none", "quality": "draft",
    "steps": 30.0, "guidance": 7.5, "promptStrength": 0.5,
}  # fmt: skip
USUAL: Final[Usual] = {
    "TrackInteractionInput.itemId": "modern",
    "TrackInteractionInput.position": 3,
    "TrackInteractionInput.action": "CLICKED",
    "TrackInteractionInput.snoozedUntil": OMITTED,
    "TrackInteractionRequest.itemId": "modern",
    "TrackInteractionRequest.position": 3,
    "TrackInteractionRequest.action": "clicked",
    "TrackInteractionRequest.snoozedUntil": OMITTED,
    "UpdateProfileInput.expectedRevision": OMITTED,
    "UpdateProfileRequest.expectedRevision": OMITTED,
    "StatedValueInput.weight": SHORT,
    "MergeIdentityInput.anonymousId": VISITOR,
    "MergeIdentityInput.anonymousToken": OMITTED,
    "RecordConsentInput.purposes": OMITTED,
    "ConsentBody.purposes": OMITTED,
    "DismissOptimizationInput.undo": False,
    "DismissOptimizationInput.optimizationId": MARK,
    "IntegrateVideoGenerationInput.outcome": "EDITED",
    "IntegrateVideoGenerationRequest.outcome": "edited",
    "UpdateUiSettingsInput.shortcuts": [[f"{MARK} first", f"{MARK} second"]],
    "UserSyncInput.deleted": False,
    "UserSyncInput.revision": 7.0,
    "UserSyncInput.attributes": {f"{MARK}_name": f"{MARK} value"},
    "IntegrateContentAnalysisInput.itemId": OMITTED,
    "IntegrateContentAnalysisRequest.itemId": OMITTED,
    "FindingInput.confidence": SHORT,
    "FindingBody.confidence": SHORT,
    "AnalysisResultsInput.durationSeconds": FAR,
    "AnalysisResultsInput.scores": {f"{MARK}_score": SHORT},
    "ResultsBody.durationSeconds": FAR,
    "ResultsBody.scores": {f"{MARK}_score": SHORT},
    "EvidenceInput.jurisdiction": "DE",
    "ConsentBody.jurisdiction": "DE",
    "IntegrateContentAnalysisInput.source": MARK,
    "IntegrateContentAnalysisRequest.source": MARK,
    "PreferencesBody.duration": NUMBER,
    "IntegrateVideoGenerationInput.rating": 4.0,
    "IntegrateVideoGenerationRequest.rating": 4.0,
    **{
        f"{kind}.{name}": value
        for kind in ("GenerationParametersInput", "ParametersBody")
        for name, value in GENERATED.items()
    },
    "UpdatePrivacyInput.privacyLevel": "STANDARD",
    "UpdateUiSettingsInput.reset": "LAYOUT",
    "UpdateUiSettingsInput.layout": OMITTED,
    "PrivacyRequestBody.privacyLevel": OMITTED,
    "PrivacyRequestBody.request": OMITTED,
    "RecommendationOptions.limit": 5,
    "RecommendationOptions.after": OMITTED,
}

TELLTALE: Final = {
    "User-Agent": f"Mozilla/5.0 ({MARK} agent)",
    "Accept-Language": f"de-{MARK}",
    "X-Request-Id": f"{MARK}-request-0123456789",
    "X-Correlation-Id": f"{MARK}-correlation-0123456789",
    "traceparent": f"00-{MARK}",
    "baggage": f"user={CANARY}",
    "Referer": f"https://example.com/{MARK}",
    "Cookie": f"session={MARK}",
    "X-Forwarded-For": f"{MARK}.example.com",
    "X-Real-IP": MARK,
}
