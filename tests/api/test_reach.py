"""What a caller may reach: their own data with the scope for it, and nothing that tells of others."""

import base64
from typing import Any
from uuid import UUID

import pytest

from domain.ids import TenantId, UserId
from domain.privacy.model import PrivacyLevel
from graphql_api.auth import Scope
from tests.api.graphql_room import CONSENT, LEARN, LIST, OWN, TRACK, Graph, caller, consent
from tests.api.rest_room import AGREED, RestRoom

ANNA = "anna@example.com"


ACTED = {"userId": ANNA, "actions": [{"type": "template_used", "feature": "modern_template"}]}


UPSERT = """mutation U($input: UpsertCatalogItemsInput!) { upsertCatalogItems(input: $input) { __typename
  ... on UpsertedCatalogItems { inserted updated unchanged catalogVersion } ... on Problem { code message field } } }"""


NODE = "query N($id: ID!) { node(id: $id) { __typename id } }"


def node_id(kind: str, key: str) -> str:
    return base64.b64encode(f"{kind}:{key}".encode()).decode()


@pytest.fixture
async def anna(room: RestRoom) -> Graph:
    return caller(room.app, room.tenant, ANNA)


READ = ("recommendations:read", Scope.RECOMMENDATIONS_READ)


ROOTS = (
    (f'{{ recommendations(userId: "{ANNA}") {{ recommendationId }} }}', READ),
    ('{ catalogItem(itemId: "modern") { title } }', READ),
    ("{ catalogItems { pageInfo { endCursor } } }", READ),
    (f'{{ node(id: "{node_id("CatalogItem", "modern")}") {{ id }} }}', READ),
    (f'{{ node(id: "{node_id("Profile", ANNA)}") {{ id }} }}', ("profile:read", Scope.PROFILE_READ)),
    (f'{{ profile(userId: "{ANNA}") {{ id }} }}', ("profile:read", Scope.PROFILE_READ)),
    (f'{{ generationParameters(userId: "{ANNA}") {{ personalized }} }}', READ),
    (f'{{ privacySettings(userId: "{ANNA}") {{ gpc }} }}', ("privacy:write", Scope.PRIVACY_WRITE)),
    (f'{{ uiSettings(userId: "{ANNA}") {{ personalized }} }}', ("profile:read", Scope.PROFILE_READ)),
    (f'{{ workflowOptimizations(userId: "{ANNA}") {{ sessions }} }}', ("profile:read", Scope.PROFILE_READ)),
    (f'{{ metrics(userId: "{ANNA}") {{ days }} }}', ("profile:read", Scope.PROFILE_READ)),
    ("{ models { version } }", ("models:admin", Scope.MODELS_ADMIN)),
    ("{ modelChanges { version } }", ("models:admin", Scope.MODELS_ADMIN)),
    ("{ auditLog { intact } }", ("privacy:admin", Scope.PRIVACY_ADMIN)),
    (f'{{ job(jobId: "{UUID(int=1)}") {{ state }} }}', ("models:admin", Scope.MODELS_ADMIN)),
)


@pytest.mark.parametrize(("query", "needed"), ROOTS)
async def test_every_query_needs_a_token_with_its_scope(query: str, needed: tuple[str, Scope], room: RestRoom) -> None:
    name, scope = needed
    assert await Graph(room.app, None).code(query) == "UNAUTHENTICATED"
    answer = await caller(room.app, room.tenant, ANNA, OWN - {scope}).whole(query)
    assert answer["errors"][0]["extensions"] == {"code": "FORBIDDEN"}
    assert name in answer["errors"][0]["message"]
    await room.agree(ANNA)
    allowed = await caller(room.app, room.tenant, ANNA, {scope}).whole(query)
    assert "errors" not in allowed, allowed


PROBLEM = "{ __typename ... on Problem { code } }"


MUTATIONS: tuple[tuple[str, dict[str, Any] | None, Scope], ...] = (
    (LEARN, ACTED, Scope.EVENTS_WRITE),
    (TRACK, {"userId": ANNA, "itemId": "modern", "action": "USED"}, Scope.EVENTS_WRITE),
    (CONSENT, consent(ANNA, granted=True), Scope.PRIVACY_WRITE),
    (
        f"mutation M($input: UpdatePrivacyInput!) {{ updatePrivacy(input: $input) {PROBLEM} }}",
        {"userId": ANNA, "privacyLevel": "STRICT", "evidence": {"policyVersion": "1"}},
        Scope.PRIVACY_WRITE,
    ),
    (
        f"mutation M($input: UpdateProfileInput!) {{ updateProfile(input: $input) {PROBLEM} }}",
        {"userId": ANNA, "preferences": [{"facet": "pace", "values": [{"value": "fast"}]}]},
        Scope.PROFILE_WRITE,
    ),
    (
        f"mutation M($input: CorrectPreferenceInput!) {{ correctPreference(input: $input) {PROBLEM} }}",
        {"userId": ANNA, "facet": "pace", "value": "fast", "verdict": "WRONG"},
        Scope.PROFILE_WRITE,
    ),
    (
        f"mutation M($input: IntegrateVideoGenerationInput!) {{ integrateVideoGeneration(input: $input) {PROBLEM} }}",
        {"userId": ANNA, "generationId": "g"},
        Scope.EVENTS_WRITE,
    ),
    (
        f"mutation M($input: UpdateUiSettingsInput!) {{ updateUiSettings(input: $input) {PROBLEM} }}",
        {"userId": ANNA, "theme": "DARK"},
        Scope.PROFILE_WRITE,
    ),
    (
        f"mutation M($input: DismissOptimizationInput!) {{ dismissOptimization(input: $input) {PROBLEM} }}",
        {"userId": ANNA, "optimizationId": "a"},
        Scope.PROFILE_WRITE,
    ),
    (
        f"mutation M($input: SubmitFeedbackInput!) {{ submitFeedback(input: $input) {PROBLEM} }}",
        {"userId": ANNA, "feedback": {"type": "visual", "sentiment": "POSITIVE"}},
        Scope.EVENTS_WRITE,
    ),
    (
        f"mutation M($input: UpdateSessionInput!) {{ updateSession(input: $input) {PROBLEM} }}",
        {"userId": ANNA, "sessionId": "visit"},
        Scope.EVENTS_WRITE,
    ),
    (
        f"mutation M($input: IntegrateContentAnalysisInput!) {{ integrateContentAnalysis(input: $input) {PROBLEM} }}",
        {"source": "vision", "itemId": "modern", "results": {"mood": {"value": "calm"}}},
        Scope.ANALYSIS_WRITE,
    ),
    (
        f"mutation M($input: MergeIdentityInput!) {{ mergeIdentity(input: $input) {PROBLEM} }}",
        {"userId": ANNA, "anonymousId": ""},
        Scope.PROFILE_WRITE,
    ),
    (UPSERT, {"items": []}, Scope.CATALOG_WRITE),
    (
        f"mutation M($input: SyncUsersInput!) {{ syncUsers(input: $input) {PROBLEM} }}",
        {"users": [{"userId": ANNA, "revision": 1}]},
        Scope.USERS_SYNC,
    ),
    (
        f"mutation M($input: ImportItemsInput!) {{ importItems(input: $input) {PROBLEM} }}",
        {"items": [{"itemId": "!", "kind": "STYLE", "title": "T"}]},
        Scope.CATALOG_WRITE,
    ),
    (f"mutation M {{ retrainModels {PROBLEM} }}", None, Scope.MODELS_ADMIN),
    (f"mutation M {{ rollbackModel {PROBLEM} }}", None, Scope.MODELS_ADMIN),
    (
        f"mutation M($input: PromoteModelInput!) {{ promoteModel(input: $input) {PROBLEM} }}",
        {"version": "none"},
        Scope.MODELS_ADMIN,
    ),
)


@pytest.mark.parametrize(("query", "given", "scope"), MUTATIONS)
async def test_every_mutation_needs_a_token_with_its_scope(
    query: str, given: dict[str, Any] | None, scope: Scope, room: RestRoom
) -> None:
    variables = {} if given is None else {"input": given}
    assert await Graph(room.app, None).code(query, **variables) == "UNAUTHENTICATED"
    refused = await caller(room.app, room.tenant, ANNA, OWN - {scope}).ask(query, **variables)
    assert (refused["__typename"], refused["code"]) == ("ForbiddenProblem", "FORBIDDEN")
    allowed = await caller(room.app, room.tenant, ANNA, {scope}).ask(query, **variables)
    assert allowed["__typename"] != "ForbiddenProblem"


@pytest.mark.parametrize("query", [LEARN, TRACK, CONSENT])
async def test_somebody_else_answers_as_nobody(query: str, room: RestRoom) -> None:
    """Whether a person exists cannot be found out by asking about them."""
    await room.agree(ANNA)
    bert = caller(room.app, room.tenant, "bert")
    answers = []
    for user in (ANNA, "nobody"):
        inputs: dict[str, dict[str, Any]] = {
            LEARN: {**ACTED, "userId": user},
            TRACK: {"userId": user, "itemId": "modern", "action": "USED"},
            CONSENT: consent(user, granted=False),
        }
        answers.append(await bert.whole(query, input=inputs[query]))
    assert answers[0] == answers[1]
    assert "NotFoundProblem" in str(answers[0])


@pytest.mark.parametrize(
    "query",
    [
        "query Q($u: String!) { recommendations(userId: $u) { personalized } }",
        "query Q($u: String!) { profile(userId: $u) { eventCount } }",
        "query Q($u: String!) { privacySettings(userId: $u) { collects } }",
        "query Q($u: String!) { generationParameters(userId: $u) { personalized } }",
    ],
)
async def test_somebody_elses_data_reads_as_nobodys(query: str, room: RestRoom) -> None:
    await room.agree(ANNA)
    bert = caller(room.app, room.tenant, "bert")
    assert await bert.whole(query, u=ANNA) == await bert.whole(query, u="nobody")
    operator = caller(room.app, room.tenant, "operator", Scope)
    assert await operator.whole(query, u=ANNA) != await bert.whole(query, u=ANNA)


async def test_somebody_elses_global_id_is_nobodys(room: RestRoom, anna: Graph) -> None:
    await room.agree(ANNA)
    bert = caller(room.app, room.tenant, "bert")
    for wanted in (node_id("Profile", ANNA), node_id("Profile", "nobody")):
        assert await bert.code(NODE, id=wanted) == "NOT_FOUND"
    assert await anna.ask(NODE, id=node_id("Profile", ANNA)) is not None


async def test_an_unknown_tenant_learns_that_it_is_none(room: RestRoom) -> None:
    stranger = caller(room.app, TenantId("no-such-tenant"), ANNA)
    assert await stranger.ids(ANNA) == []
    problem = await stranger.ask(CONSENT, input=consent(ANNA, granted=True))
    assert problem["__typename"] == "NotFoundProblem"


async def test_the_strict_get_what_the_unknown_get(room: RestRoom, anna: Graph) -> None:
    await room.agree(ANNA)
    await anna.ask(LEARN, input=ACTED)
    personal = await anna.ids(ANNA, first=30)
    await room.services.privacy.update_settings(room.tenant, UserId(ANNA), level=PrivacyLevel.STRICT, evidence=AGREED)
    strict = await anna.ask(LIST, user=ANNA, first=30)
    unknown = await caller(room.app, room.tenant, "nobody").ask(LIST, user="nobody", first=30)
    differ = {"recommendationId"}
    assert {k: v for k, v in strict.items() if k not in differ} == {k: v for k, v in unknown.items() if k not in differ}
    assert [edge["node"]["itemId"] for edge in strict["edges"]] != personal
