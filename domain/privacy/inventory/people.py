"""Tables about people: each row belongs to one person and is found by their subject id."""

from typing import Final

from domain.privacy.data_map import Basis, Entry, Erasure, Keeping
from domain.privacy.inventory.declaring import person_table

PEOPLE: Final[tuple[Entry, ...]] = (
    person_table(
        "subject_identities",
        "From the id by which the product knows a person, as a keyed hash, to the random id of their data",
        basis=Basis.INTERESTS,
        technical="identity_hash",
    ),
    person_table(
        "subjects",
        "What a person decided about the use of their data, and the number of the latest change of it",
        basis=Basis.OBLIGATION,
        erasure=Erasure.STRIP,
        identifier="external_id_sealed",
        consent="privacy_level collects trains gpc",
        technical="version unannounced",
        evidence="created_at erased_at",
    ),
    person_table(
        "consents",
        "Receipts of what a person agreed to and withdrew (Article 7(1)); after an erasure under a random id alone",
        basis=Basis.OBLIGATION,
        erasure=Erasure.STRIP,
        keeping=Keeping.EVIDENCE,
        consent="consent_id purpose granted policy_version source jurisdiction legal_basis recorded_at",
    ),
    person_table(
        "user_sessions",
        "Visits, so that what was done together is understood together",
        dated_by="last_seen_at",
        identifier="client_session_sealed",
        behaviour="session_id started_at last_seen_at event_count",
        device="device context_sealed",
    ),
    person_table(
        "user_behavior_events",
        "What a person did, from which their profile and, with their consent to it, models are learned",
        dated_by="occurred_at",
        behaviour="event_id type item_id value session_id payload_sealed occurred_at received_at",
        technical="seq attempts processed_at quarantined_at quarantine_reason",
    ),
    person_table(
        "user_profiles",
        "What was learned of a person's preferences, and what they stated themselves",
        inferred="learned_sealed event_count",
        stated="stated_sealed updated_at",
    ),
    person_table(
        "user_segments",
        "The group of people with similar behaviour that a model puts a person into",
        dated_by="assigned_at",
        inferred="model_version segment confidence assigned_at",
    ),
    person_table(
        "recommendations",
        "The lists that a person was shown, so that what came of them can be measured and explained",
        dated_by="served_at",
        behaviour="recommendation_id kind surface item_ids served_at purpose local_hour weekday",
        inferred="model_version policy_version scores propensities",
        device="device",
    ),
    person_table(
        "recommendation_interactions",
        "What a person did with what they were shown",
        dated_by="occurred_at",
        behaviour="interaction_id recommendation_id item_id action position occurred_at",
    ),
    person_table(
        "user_interest",
        "For which items a person is counted in the live counts, so that nobody counts twice",
        dated_by="counted_at",
        behaviour="item_id counted_at partners",
    ),
    person_table(
        "user_feedback",
        "What a person said about items and parts of the product",
        dated_by="occurred_at",
        stated="feedback_id sentiment item_id payload_sealed occurred_at",
    ),
    person_table(
        "video_generation_tracking",
        "Parameters of generated videos and what came of them",
        dated_by="created_at",
        behaviour="generation_id purpose outcome parameters_sealed created_at",
        device="device",
    ),
    person_table(
        "user_adaptations",
        "What a person said about their interface and its offers",
        stated="choices_sealed updated_at",
    ),
    person_table(
        "user_accounts",
        "What the user management service says of a user",
        account="revision attributes_sealed synced_at",
    ),
    person_table(
        "user_ab_tests",
        "The variation of an experiment that a person saw first",
        dated_by="exposed_at",
        experiment="test_id phase variation policy_version propensity exposed_at counted multiple context",
        technical="stale",
    ),
    person_table(
        "outbox",
        "Live updates that are committed and not yet told",
        erasure=Erasure.EMPTY,
        behaviour="kind body_sealed created_at",
        technical="version",
    ),
    person_table(
        "identity_merges",
        "Which ids turned out to be one person, so that a merge that was cut short is finished",
        pseudonym="merged_subject_id",
        evidence="merged_at key_destroyed_at",
    ),
    person_table(
        "privacy_exports",
        "Archives of what is kept of a person, until they fetch theirs (Articles 15 and 20)",
        basis=Basis.OBLIGATION,
        keeping=Keeping.DAYS,
        evidence="request_id made_at expires_at",
        technical="archive_sealed link_hash link_until",
    ),
    person_table(
        "vault.data_keys",
        "The key of a person's sealed fields, itself wrapped by the operator's key",
        basis=Basis.OBLIGATION,
        erasure=Erasure.SHRED,
        key="wrapped kek_id",
        technical="created_at",
    ),
)
