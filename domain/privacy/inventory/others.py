"""Tables about nobody whom the product serves: catalogue, models, counts of many, jobs, evidence."""

from typing import Final

from domain.privacy.data_map import Basis, Entry, Erasure, Keeping
from domain.privacy.inventory.declaring import other_table

OTHERS: Final[tuple[Entry, ...]] = (
    other_table(
        "tenants",
        "The products that are served",
        nobody="name catalog_version rules_version experiments_version created_at",
    ),
    other_table(
        "catalog_items",
        "What can be recommended",
        nobody="item_id kind title description tags category attributes available_from available_until sensitive "
        "created_at updated_at",
    ),
    other_table("catalog_insights", "What analyses found in items", nobody="item_id source insights analysed_at"),
    other_table("recommendation_rules", "The operator's rules for lists", nobody="rule_id definition updated_at"),
    other_table(
        "ml_models",
        "Trained models: arrays about items and groups, no vector of a person",
        erasure=Erasure.RETIRE,
        nobody="name version algorithm status sha256 size_bytes metrics artifact trained_at created_at signature "
        "crowned_at trained_from verdict baseline drift",
    ),
    other_table(
        "model_changes",
        "Who changed which model serves, and why",
        basis=Basis.INTERESTS,
        keeping=Keeping.EVIDENCE,
        nobody="change_id name version replaced action reason changed_at",
        pseudonym="actor",
    ),
    other_table(
        "jobs",
        "Work off the request path, named by random ids; who forced a training stands in it under a pseudonym",
        basis=Basis.INTERESTS,
        nobody="job_id kind state correlation progress attempts heartbeat_at result error created_at "
        "started_at finished_at stage",
        pseudonym="arguments",
    ),
    other_table(
        "scheduled_runs",
        "When what is done by the clock was done",
        of_tenants=False,
        nobody="task window_at heartbeat_at finished_at",
    ),
    other_table(
        "ab_tests",
        "Experiments and their definitions",
        nobody="test_id key status definition created_at started_at stopped_at revision",
    ),
    other_table(
        "ab_test_policies",
        "The rules by which people were assigned to experiments",
        nobody="test_id phase number seed weights coverage reason made_at",
    ),
    other_table(
        "ab_test_cells",
        "What the people of each arm of an experiment did, in sums that are made anew without whoever is erased",
        nobody="test_id phase policy_version variation context units multiples sums",
    ),
    other_table(
        "ab_test_departures",
        "How many people of an experiment are gone, or turned out to be one, since their doings were summed",
        nobody="departure_id test_id units merged",
    ),
    other_table(
        "ab_test_results",
        "What came of experiments, in sums over many",
        nobody="test_id evaluated_at engine_version inputs outputs",
    ),
    other_table(
        "item_interest",
        "How many people took to an item lately; an erasure takes the person's share out",
        nobody="item_id day week month touched_at",
    ),
    other_table(
        "item_pairs",
        "How many people took to both of two items lately; an erasure takes the person's share out",
        nobody="item_id other_id people touched_at",
    ),
    other_table(
        "common_workflows",
        "Sequences of steps that at least five people follow, computed anew every day",
        nobody="workflow_id steps people of_people sessions support confidence lift last_seen_at mined_at",
    ),
    other_table(
        "feature_companions",
        "Features that at least five people use beside a step, computed anew every day",
        nobody="step feature people of_people confidence share kept last_seen_at mined_at",
    ),
    other_table(
        "generation_pools",
        "What at least five people of a group chose for their videos, computed anew every hour",
        nobody="segment purpose device parameter value weight people computed_at",
    ),
    other_table(
        "analyst_logins",
        "By which database role the analysts of a tenant see its sums",
        technical="login made_at",
    ),
    other_table(
        "account_tombstones",
        "Deletions that the user management service told of, under a keyed hash, so that no older change undoes one",
        basis=Basis.OBLIGATION,
        keeping=Keeping.EVIDENCE,
        evidence="identity_hash revision deleted_at",
    ),
    other_table(
        "privacy_requests",
        "What people asked for and how far it is, under a keyed hash that leads to nobody once erased (Article 5(2))",
        basis=Basis.OBLIGATION,
        keeping=Keeping.EVIDENCE,
        pseudonym="identity_hash subjects",
        evidence="request_id kind state checkpoint evidence requested_at taught_since erased_at finished_at error",
        technical="attempts retry_at",
    ),
    other_table(
        "privacy_receipts",
        "Signed receipts of erasures, which name nobody (Article 5(2))",
        basis=Basis.OBLIGATION,
        keeping=Keeping.EVIDENCE,
        evidence="number request_id document",
    ),
    other_table(
        "audit_log",
        "Who did what to whom and when, under pseudonyms, sealed in a chain (Article 5(2), Article 32)",
        basis=Basis.OBLIGATION,
        keeping=Keeping.EVIDENCE,
        pseudonym="actor subject",
        evidence="entry_id action object outcome door correlation done_at previous digest concludes",
    ),
)
