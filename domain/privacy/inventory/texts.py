"""What may stand in every column of text that is not sealed: nobody's words about a person have a place of their own.

Whatever a client says of a person is sealed (`..._sealed`). Each other column that can hold text is in exactly one of
these classes, and a test fails on one that is in none.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Text(StrEnum):
    """Who writes a text, and what it can be."""

    OWN = "words, numbers and hashes of the service"
    NAME = "an id or a name of things, of a bounded shape or from a list"
    LABEL = "a label of a consent; at an erasure only one stays that can name nobody"
    COMMON = "what at least five people chose alike"
    OPERATOR = "the operator's text about things; no person is to be named in it, and an erasure does not look into it"


def _classed(text: Text, **columns: str) -> dict[str, Text]:
    return {f"{table}.{name}": text for table, names in columns.items() for name in names.split()}


TEXTS: Final[Mapping[str, Text]] = MappingProxyType(
    _classed(
        Text.OWN,
        ab_test_cells="policy_version",
        ab_test_policies="seed reason",
        ab_test_results="engine_version inputs outputs",
        ab_tests="status",
        analyst_logins="login",
        audit_log="action outcome door correlation",
        common_workflows="workflow_id",
        consents="purpose",
        jobs="kind state arguments correlation result error stage",
        ml_models="version algorithm status sha256 metrics trained_from verdict baseline drift",
        model_changes="version replaced action actor",
        outbox="kind",
        privacy_receipts="document",
        privacy_requests="kind state checkpoint evidence error",
        recommendations="model_version policy_version",
        scheduled_runs="task",
        subjects="privacy_level",
        user_ab_tests="policy_version",
        user_behavior_events="quarantine_reason",
        user_segments="model_version",
    )
    | _classed(
        Text.NAME,
        ab_tests="key",
        audit_log="object",
        catalog_insights="item_id source",
        catalog_items="item_id kind",
        common_workflows="steps",
        feature_companions="step feature",
        generation_pools="segment purpose device parameter",
        item_interest="item_id",
        item_pairs="item_id other_id",
        ml_models="name",
        model_changes="name",
        recommendation_interactions="item_id action",
        recommendation_rules="rule_id",
        recommendations="kind surface item_ids device purpose",
        user_behavior_events="type item_id",
        user_feedback="sentiment item_id",
        user_interest="item_id partners",
        user_sessions="device",
        video_generation_tracking="purpose device outcome",
    )
    | {"vault.data_keys.kek_id": Text.OWN}
    | _classed(Text.LABEL, consents="policy_version source jurisdiction legal_basis")
    | _classed(Text.COMMON, generation_pools="value")
    | _classed(
        Text.OPERATOR,
        ab_tests="definition",
        catalog_insights="insights",
        catalog_items="title description tags category attributes",
        model_changes="reason",
        recommendation_rules="definition",
        tenants="name",
    )
)
"""The class of each column, by `table.column`; `tenant_id` is a slug everywhere."""
