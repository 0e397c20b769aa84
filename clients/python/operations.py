"""Every operation, typed; written by `make client` from operations.graphql and the schema."""

from collections.abc import AsyncGenerator
from typing import Any, Literal, NotRequired, TypedDict, cast

from clients.python.transport import Transport


PrivacyLevel = Literal["PERMISSIVE", "STANDARD", "STRICT"]

Agree = TypedDict(
    "Agree",
    {
        "privacyLevel": NotRequired[PrivacyLevel],
        "collects": NotRequired[bool],
        "personalizes": NotRequired[bool],
        "code": NotRequired[str],
        "message": NotRequired[str],
        "field": NotRequired[str | None],
    },
)
"""What is selected of `UpdatePrivacyPayload`."""

EvidenceInput = TypedDict(
    "EvidenceInput",
    {
        "jurisdiction": NotRequired[str],
        "legalBasis": NotRequired[str],
        "policyVersion": str,
        "source": NotRequired[str],
    },
)
"""What `EvidenceInput` takes."""

ConsentPurpose = Literal["BEHAVIOUR_COLLECTION", "EXPERIMENTS", "PERSONALIZATION", "STATED_PREFERENCES", "TRAINING"]

RecordConsentInput = TypedDict(
    "RecordConsentInput",
    {
        "evidence": EvidenceInput,
        "granted": bool,
        "purposes": NotRequired[list[ConsentPurpose] | None],
        "userId": str,
    },
)
"""What `RecordConsentInput` takes."""

Learn = TypedDict(
    "Learn",
    {
        "accepted": NotRequired[int],
        "duplicates": NotRequired[int],
        "version": NotRequired[int],
        "code": NotRequired[str],
        "message": NotRequired[str],
        "field": NotRequired[str | None],
    },
)
"""What is selected of `LearnPreferencesPayload`."""

ActionInput = TypedDict(
    "ActionInput",
    {
        "device": NotRequired[str | None],
        "eventId": NotRequired[str | None],
        "feature": NotRequired[str | None],
        "itemId": NotRequired[str | None],
        "occurredAt": NotRequired[str | None],
        "type": str,
        "value": NotRequired[float | None],
    },
)
"""What `ActionInput` takes."""

Sentiment = Literal["NEGATIVE", "NEUTRAL", "POSITIVE"]

FeedbackInput = TypedDict(
    "FeedbackInput",
    {
        "aspect": NotRequired[str | None],
        "comment": NotRequired[str | None],
        "itemId": NotRequired[str | None],
        "rating": NotRequired[float | None],
        "sentiment": Sentiment,
        "type": str,
    },
)
"""What `FeedbackInput` takes."""

ProjectInput = TypedDict(
    "ProjectInput",
    {
        "attributes": NotRequired[Any | None],
        "category": NotRequired[str | None],
        "duration": NotRequired[float | None],
        "visualStyle": NotRequired[str | None],
    },
)
"""What `ProjectInput` takes."""

LearnPreferencesInput = TypedDict(
    "LearnPreferencesInput",
    {
        "actions": NotRequired[list[ActionInput]],
        "device": NotRequired[str | None],
        "feedback": NotRequired[list[FeedbackInput]],
        "idempotencyKey": NotRequired[str | None],
        "projects": NotRequired[list[ProjectInput]],
        "sessionId": NotRequired[str | None],
        "userId": str,
    },
)
"""What `LearnPreferencesInput` takes."""

Track = TypedDict(
    "Track",
    {
        "accepted": NotRequired[int],
        "version": NotRequired[int],
        "code": NotRequired[str],
        "message": NotRequired[str],
        "field": NotRequired[str | None],
    },
)
"""What is selected of `TrackInteractionPayload`."""

InteractionAction = Literal["CLICKED", "DISMISSED", "LIKED", "RESTORED", "SNOOZED", "USED", "VIEWED"]

TrackInteractionInput = TypedDict(
    "TrackInteractionInput",
    {
        "action": InteractionAction,
        "eventId": NotRequired[str | None],
        "idempotencyKey": NotRequired[str | None],
        "itemId": str,
        "occurredAt": NotRequired[str | None],
        "position": NotRequired[int | None],
        "recommendationId": NotRequired[str | None],
        "snoozedUntil": NotRequired[str | None],
        "userId": str,
    },
)
"""What `TrackInteractionInput` takes."""

ReasonCode = Literal[
    "DISCOVERY",
    "EXPLORATION",
    "FITS_SITUATION",
    "FITS_YOUR_WORK",
    "MATCHES_PREFERENCE",
    "PINNED",
    "POPULAR",
    "PROMOTED",
    "SEGMENT_FAVOURITE",
    "SIMILAR_CONTENT",
    "SIMILAR_TO_YOUR_ACTIONS",
    "TRENDING",
]

RecommendEdgesNodeReasons = TypedDict(
    "RecommendEdgesNodeReasons",
    {
        "code": ReasonCode,
        "text": str,
    },
)
"""What is selected of `ReasonNode`."""

RecommendEdgesNode = TypedDict(
    "RecommendEdgesNode",
    {
        "itemId": str,
        "title": str,
        "score": float,
        "reasons": list[RecommendEdgesNodeReasons],
    },
)
"""What is selected of `Recommendation`."""

RecommendEdges = TypedDict(
    "RecommendEdges",
    {
        "node": RecommendEdgesNode,
    },
)
"""What is selected of `RecommendationEdge`."""

RecommendPageInfo = TypedDict(
    "RecommendPageInfo",
    {
        "hasNextPage": bool,
        "endCursor": str | None,
    },
)
"""What is selected of `PageInfo`."""

RecommendUsedData = TypedDict(
    "RecommendUsedData",
    {
        "categories": list[str],
        "purposes": list[str],
        "modelVersion": str | None,
    },
)
"""What is selected of `UsedData`."""

Recommend = TypedDict(
    "Recommend",
    {
        "edges": list[RecommendEdges],
        "pageInfo": RecommendPageInfo,
        "recommendationId": str,
        "personalized": bool,
        "usedData": RecommendUsedData,
    },
)
"""What is selected of `RecommendationConnection`."""

ItemKind = Literal["CONTENT", "FEATURE", "STYLE", "TEMPLATE"]

RecommendationContextInput = TypedDict(
    "RecommendationContextInput",
    {
        "device": NotRequired[str | None],
        "localTime": NotRequired[str | None],
        "purpose": NotRequired[str | None],
        "surface": NotRequired[str | None],
    },
)
"""What `RecommendationContextInput` takes."""

ParameterSource = Literal["DEFAULT", "EXPERIMENT", "GLOBAL", "PERSON", "PERSON_CONTEXT", "SEGMENT", "STATED"]

SettingsParameters = TypedDict(
    "SettingsParameters",
    {
        "name": str,
        "value": Any,
        "unit": str,
        "source": ParameterSource,
        "confidence": float,
    },
)
"""What is selected of `GenerationParameter`."""

Settings = TypedDict(
    "Settings",
    {
        "parameters": list[SettingsParameters],
    },
)
"""What is selected of `GenerationParameters`."""

GenerationContextInput = TypedDict(
    "GenerationContextInput",
    {
        "device": NotRequired[str | None],
        "purpose": NotRequired[str | None],
    },
)
"""What `GenerationContextInput` takes."""

AssignmentReason = Literal[
    "FORCED",
    "HASHED",
    "KEPT",
    "NOT_COVERED",
    "NOT_RUNNING",
    "NOT_TARGETED",
    "NO_CONSENT",
    "OTHER_EXPERIMENT",
    "SWITCHED_OFF",
]

Assignment = TypedDict(
    "Assignment",
    {
        "variation": str,
        "parameters": Any,
        "takesPart": bool,
        "reason": AssignmentReason,
    },
)
"""What is selected of `Assignment`."""

Expose = TypedDict(
    "Expose",
    {
        "variation": NotRequired[str],
        "parameters": NotRequired[Any],
        "takesPart": NotRequired[bool],
        "reason": NotRequired[AssignmentReason],
        "exposedAt": NotRequired[str | None],
        "code": NotRequired[str],
        "message": NotRequired[str],
        "field": NotRequired[str | None],
    },
)
"""What is selected of `AssignmentPayload`."""

ExposeUserInput = TypedDict(
    "ExposeUserInput",
    {
        "experimentKey": str,
        "userId": str,
    },
)
"""What `ExposeUserInput` takes."""

Convert = TypedDict(
    "Convert",
    {
        "accepted": NotRequired[int],
        "duplicates": NotRequired[int],
        "code": NotRequired[str],
        "message": NotRequired[str],
        "field": NotRequired[str | None],
    },
)
"""What is selected of `RecordConversionPayload`."""

RecordConversionInput = TypedDict(
    "RecordConversionInput",
    {
        "eventId": NotRequired[str | None],
        "goal": str,
        "idempotencyKey": NotRequired[str | None],
        "occurredAt": NotRequired[str | None],
        "userId": str,
        "value": NotRequired[float | None],
    },
)
"""What `RecordConversionInput` takes."""

UpdateKind = Literal[
    "CONSENT_CHANGED",
    "ERASED",
    "EXPERIMENT_UPDATED",
    "IDENTITY_MERGED",
    "INTERACTION_TRACKED",
    "MODEL_UPDATED",
    "PROFILE_UPDATED",
    "RECOMMENDATIONS_CHANGED",
]

ResyncReason = Literal["MERGED", "MISSED", "SLOW", "UNKNOWN_KIND"]

Follow = TypedDict(
    "Follow",
    {
        "__typename": str,
        "cursor": NotRequired[str],
        "version": NotRequired[int],
        "kind": NotRequired[UpdateKind],
        "body": NotRequired[Any],
        "reason": NotRequired[ResyncReason],
    },
)
"""What is selected of `RealtimeEvent`."""

PrivacyRequestKind = Literal["ERASURE", "EXPORT"]

PrivacyRequestState = Literal["DONE", "FAILED", "RUNNING", "WAITING"]

Erase = TypedDict(
    "Erase",
    {
        "requestId": NotRequired[str],
        "kind": NotRequired[PrivacyRequestKind],
        "state": NotRequired[PrivacyRequestState],
        "progress": NotRequired[float],
        "code": NotRequired[str],
        "message": NotRequired[str],
        "field": NotRequired[str | None],
    },
)
"""What is selected of `RequestErasurePayload`."""

RequestErasureInput = TypedDict(
    "RequestErasureInput",
    {
        "userId": str,
    },
)
"""What `RequestErasureInput` takes."""

Export = TypedDict(
    "Export",
    {
        "requestId": NotRequired[str],
        "kind": NotRequired[PrivacyRequestKind],
        "state": NotRequired[PrivacyRequestState],
        "progress": NotRequired[float],
        "code": NotRequired[str],
        "message": NotRequired[str],
        "field": NotRequired[str | None],
    },
)
"""What is selected of `RequestExportPayload`."""

RequestExportInput = TypedDict(
    "RequestExportInput",
    {
        "userId": str,
    },
)
"""What `RequestExportInput` takes."""

LinkExport = TypedDict(
    "LinkExport",
    {
        "path": NotRequired[str],
        "expiresAt": NotRequired[str],
        "code": NotRequired[str],
        "message": NotRequired[str],
        "field": NotRequired[str | None],
    },
)
"""What is selected of `IssueExportLinkPayload`."""

IssueExportLinkInput = TypedDict(
    "IssueExportLinkInput",
    {
        "requestId": str,
        "userId": str,
    },
)
"""What `IssueExportLinkInput` takes."""

AskedFor = TypedDict(
    "AskedFor",
    {
        "requestId": str,
        "kind": PrivacyRequestKind,
        "state": PrivacyRequestState,
        "progress": float,
        "checkpoint": str | None,
        "finishedAt": str | None,
        "error": str | None,
        "receipt": str | None,
    },
)
"""What is selected of `PrivacyRequest`."""

FollowRequest = TypedDict(
    "FollowRequest",
    {
        "state": PrivacyRequestState,
        "progress": float,
        "checkpoint": str | None,
    },
)
"""What is selected of `PrivacyRequest`."""

AGREE = """mutation Agree($input: RecordConsentInput!) {
  recordConsent(input: $input) {
    ... on PrivacySettings {
      privacyLevel
      collects
      personalizes
    }
    ... on Problem {
      code
      message
      field
    }
  }
}"""

LEARN = """mutation Learn($input: LearnPreferencesInput!) {
  learnPreferences(input: $input) {
    ... on EventsRecorded {
      accepted
      duplicates
      version
    }
    ... on Problem {
      code
      message
      field
    }
  }
}"""

TRACK = """mutation Track($input: TrackInteractionInput!) {
  trackInteraction(input: $input) {
    ... on EventsRecorded {
      accepted
      version
    }
    ... on Problem {
      code
      message
      field
    }
  }
}"""

RECOMMEND = """query Recommend($userId: String!, $kind: ItemKind, $first: Int! = 10, $after: String, $context: RecommendationContextInput) {
  recommendations(
    userId: $userId
    kind: $kind
    first: $first
    after: $after
    context: $context
  ) {
    edges {
      node {
        itemId
        title
        score
        reasons {
          code
          text
        }
      }
    }
    pageInfo {
      hasNextPage
      endCursor
    }
    recommendationId
    personalized
    usedData {
      categories
      purposes
      modelVersion
    }
  }
}"""

SETTINGS = """query Settings($userId: String!, $context: GenerationContextInput) {
  generationParameters(userId: $userId, context: $context) {
    parameters {
      name
      value
      unit
      source
      confidence
    }
  }
}"""

ASSIGNMENT = """query Assignment($userId: String!, $experimentKey: String!) {
  assignment(userId: $userId, experimentKey: $experimentKey) {
    variation
    parameters
    takesPart
    reason
  }
}"""

EXPOSE = """mutation Expose($input: ExposeUserInput!) {
  exposeUser(input: $input) {
    ... on Assignment {
      variation
      parameters
      takesPart
      reason
      exposedAt
    }
    ... on Problem {
      code
      message
      field
    }
  }
}"""

CONVERT = """mutation Convert($input: RecordConversionInput!) {
  recordConversion(input: $input) {
    ... on EventsRecorded {
      accepted
      duplicates
    }
    ... on Problem {
      code
      message
      field
    }
  }
}"""

FOLLOW = """subscription Follow($userId: String!, $after: String) {
  realtimeUpdates(userId: $userId, after: $after) {
    __typename
    ... on RealtimeUpdate {
      cursor
      version
      kind
      body
    }
    ... on ResyncRequired {
      cursor
      reason
    }
  }
}"""

ERASE = """mutation Erase($input: RequestErasureInput!) {
  requestErasure(input: $input) {
    ... on PrivacyRequest {
      requestId
      kind
      state
      progress
    }
    ... on Problem {
      code
      message
      field
    }
  }
}"""

EXPORT = """mutation Export($input: RequestExportInput!) {
  requestExport(input: $input) {
    ... on PrivacyRequest {
      requestId
      kind
      state
      progress
    }
    ... on Problem {
      code
      message
      field
    }
  }
}"""

LINK_EXPORT = """mutation LinkExport($input: IssueExportLinkInput!) {
  issueExportLink(input: $input) {
    ... on ExportLink {
      path
      expiresAt
    }
    ... on Problem {
      code
      message
      field
    }
  }
}"""

ASKED_FOR = """query AskedFor($id: ID!) {
  privacyRequest(id: $id) {
    requestId
    kind
    state
    progress
    checkpoint
    finishedAt
    error
    receipt
  }
}"""

FOLLOW_REQUEST = """subscription FollowRequest($id: ID!) {
  privacyRequest(id: $id) {
    state
    progress
    checkpoint
  }
}"""


class Client(Transport):
    """The service, as one user reaches it."""

    async def agree(self, *, input: RecordConsentInput) -> Agree:
        """Ask as `Agree` does."""
        return cast("Agree", await self.ask(AGREE, {"input": input}))

    async def learn(self, *, input: LearnPreferencesInput) -> Learn:
        """Ask as `Learn` does."""
        return cast("Learn", await self.ask(LEARN, {"input": input}))

    async def track(self, *, input: TrackInteractionInput) -> Track:
        """Ask as `Track` does."""
        return cast("Track", await self.ask(TRACK, {"input": input}))

    async def recommend(
        self,
        *,
        user_id: str,
        kind: ItemKind | None = None,
        first: int | None = None,
        after: str | None = None,
        context: RecommendationContextInput | None = None,
    ) -> Recommend | None:
        """Ask as `Recommend` does."""
        return cast(
            "Recommend | None",
            await self.ask(
                RECOMMEND, {"userId": user_id, "kind": kind, "first": first, "after": after, "context": context}
            ),
        )

    async def settings(self, *, user_id: str, context: GenerationContextInput | None = None) -> Settings | None:
        """Ask as `Settings` does."""
        return cast("Settings | None", await self.ask(SETTINGS, {"userId": user_id, "context": context}))

    async def assignment(self, *, user_id: str, experiment_key: str) -> Assignment | None:
        """Ask as `Assignment` does."""
        return cast(
            "Assignment | None", await self.ask(ASSIGNMENT, {"userId": user_id, "experimentKey": experiment_key})
        )

    async def expose(self, *, input: ExposeUserInput) -> Expose:
        """Ask as `Expose` does."""
        return cast("Expose", await self.ask(EXPOSE, {"input": input}))

    async def convert(self, *, input: RecordConversionInput) -> Convert:
        """Ask as `Convert` does."""
        return cast("Convert", await self.ask(CONVERT, {"input": input}))

    def follow(self, *, user_id: str, after: str | None = None) -> AsyncGenerator[Follow, None]:
        """Listen as `Follow` does."""
        return self.listen(FOLLOW, {"userId": user_id, "after": after})

    async def erase(self, *, input: RequestErasureInput) -> Erase:
        """Ask as `Erase` does."""
        return cast("Erase", await self.ask(ERASE, {"input": input}))

    async def export(self, *, input: RequestExportInput) -> Export:
        """Ask as `Export` does."""
        return cast("Export", await self.ask(EXPORT, {"input": input}))

    async def link_export(self, *, input: IssueExportLinkInput) -> LinkExport:
        """Ask as `LinkExport` does."""
        return cast("LinkExport", await self.ask(LINK_EXPORT, {"input": input}))

    async def asked_for(self, *, id: str) -> AskedFor | None:
        """Ask as `AskedFor` does."""
        return cast("AskedFor | None", await self.ask(ASKED_FOR, {"id": id}))

    def follow_request(self, *, id: str) -> AsyncGenerator[FollowRequest, None]:
        """Listen as `FollowRequest` does."""
        return self.listen(FOLLOW_REQUEST, {"id": id})
