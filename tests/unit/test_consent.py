from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from domain.errors import ValidationFailed
from domain.ids import SubjectId, TenantId
from domain.privacy.model import (
    OBSERVED_PURPOSES,
    RULES,
    ConsentPurpose,
    Consents,
    PrivacyLevel,
    Subject,
    TrainingUse,
    collects,
    trains,
    valid_user_id,
    with_consents,
    with_level,
)
from domain.privacy.receipts import Evidence, PrivacyPolicy

SILENT = Subject(TenantId("t"), SubjectId(UUID(int=1)))
BEHAVIOUR = ConsentPurpose.BEHAVIOUR_COLLECTION
ABOVE_STRICT = [PrivacyLevel.STANDARD, PrivacyLevel.PERMISSIVE]


def test_a_person_who_has_said_nothing_is_strict_and_nothing_may_be_done() -> None:
    assert SILENT.privacy_level is PrivacyLevel.STRICT
    assert not any([SILENT.collects, SILENT.trains, SILENT.personalizes, SILENT.experiments, SILENT.keeps_stated])


@pytest.mark.parametrize("level", PrivacyLevel)
def test_no_level_collects_without_consent(level: PrivacyLevel) -> None:
    assert not collects(level, Consents())
    assert not collects(level, Consents(withdrawn=frozenset({BEHAVIOUR})))


def test_strict_collects_whatever_was_agreed_to() -> None:
    everything = Consents(granted=frozenset(ConsentPurpose))
    assert not collects(PrivacyLevel.STRICT, everything)
    assert not trains(PrivacyLevel.STRICT, everything)


@pytest.mark.parametrize("level", ABOVE_STRICT)
def test_agreeing_above_strict_collects_and_personalizes(level: PrivacyLevel) -> None:
    subject = with_consents(with_level(SILENT, level), {BEHAVIOUR}, granted=True)
    assert subject.collects
    assert subject.personalizes
    assert subject.experiments
    assert subject.keeps_stated
    assert subject.privacy_level is level


def test_agreeing_to_be_observed_raises_strict_to_standard() -> None:
    subject = with_consents(SILENT, {BEHAVIOUR}, granted=True)
    assert subject.privacy_level is PrivacyLevel.STANDARD
    assert subject.collects


@pytest.mark.parametrize("purpose", [ConsentPurpose.TRAINING, ConsentPurpose.EXPERIMENTS])
def test_agreeing_to_a_use_alone_collects_nothing(purpose: ConsentPurpose) -> None:
    subject = with_consents(SILENT, {purpose}, granted=True)
    assert subject.privacy_level is PrivacyLevel.STRICT
    assert not any([subject.collects, subject.trains, subject.experiments])


def test_what_a_strict_person_states_needs_its_own_consent() -> None:
    subject = with_consents(SILENT, {ConsentPurpose.STATED_PREFERENCES}, granted=True)
    assert subject.keeps_stated
    assert subject.privacy_level is PrivacyLevel.STRICT
    assert not subject.collects


@pytest.mark.parametrize(
    ("level", "said", "expected"),
    [
        (PrivacyLevel.STANDARD, None, False),
        (PrivacyLevel.STANDARD, True, True),
        (PrivacyLevel.STANDARD, False, False),
        (PrivacyLevel.PERMISSIVE, None, True),
        (PrivacyLevel.PERMISSIVE, True, True),
        (PrivacyLevel.PERMISSIVE, False, False),
    ],
)
def test_training_needs_a_word_at_standard_and_silence_at_permissive(
    level: PrivacyLevel, said: bool | None, expected: bool
) -> None:
    consents = Consents(granted=frozenset({BEHAVIOUR}))
    if said is not None:
        consents = consents.after({ConsentPurpose.TRAINING}, granted=said)
    assert trains(level, consents) is expected


def test_withdrawing_collection_ends_everything_that_rests_on_it() -> None:
    agreed = with_consents(with_level(SILENT, PrivacyLevel.PERMISSIVE), ConsentPurpose, granted=True)
    subject = with_consents(agreed, {BEHAVIOUR}, granted=False)
    assert not any([subject.collects, subject.trains, subject.personalizes, subject.experiments])


@pytest.mark.parametrize(
    ("purpose", "attribute"),
    [
        (ConsentPurpose.PERSONALIZATION, "personalizes"),
        (ConsentPurpose.TRAINING, "trains"),
        (ConsentPurpose.EXPERIMENTS, "experiments"),
        (ConsentPurpose.STATED_PREFERENCES, "keeps_stated"),
    ],
)
def test_withdrawing_one_purpose_ends_that_use_alone(purpose: ConsentPurpose, attribute: str) -> None:
    agreed = with_consents(SILENT, ConsentPurpose, granted=True)
    subject = with_consents(agreed, {purpose}, granted=False)
    uses = ["collects", "personalizes", "trains", "experiments", "keeps_stated"]
    assert [use for use in uses if not getattr(subject, use)] == [attribute]


def test_choosing_strict_is_a_withdrawal_that_going_back_does_not_undo() -> None:
    agreed = with_consents(SILENT, ConsentPurpose, granted=True)
    strict = with_level(agreed, PrivacyLevel.STRICT)
    assert strict.consents.withdrawn == OBSERVED_PURPOSES
    assert not with_level(strict, PrivacyLevel.STANDARD).collects
    assert with_consents(strict, {BEHAVIOUR}, granted=True).collects


def test_a_later_word_replaces_the_earlier_one() -> None:
    consents = Consents().after({BEHAVIOUR}, granted=True).after({BEHAVIOUR}, granted=False)
    assert consents == Consents(withdrawn=frozenset({BEHAVIOUR}))
    assert consents.after({BEHAVIOUR}, granted=True) == Consents(granted=frozenset({BEHAVIOUR}))


def test_every_level_has_its_rules_and_only_permissive_learns_sensitive() -> None:
    assert set(RULES) == set(PrivacyLevel)
    assert [level for level, rules in RULES.items() if rules.learns_sensitive] == [PrivacyLevel.PERMISSIVE]
    assert [rules.retention_months for rules in RULES.values()] == [0, 13, 25]
    assert RULES[PrivacyLevel.STRICT].trains is TrainingUse.NEVER


def test_by_default_newcomers_are_strict_without_a_receipt() -> None:
    beginning = PrivacyPolicy().beginning
    assert beginning.newcomer(SILENT.tenant, SILENT.subject_id) == SILENT
    assert beginning.receipts(datetime(2026, 3, 10, tzinfo=UTC)) == []


@pytest.mark.parametrize("level", ABOVE_STRICT)
def test_an_operators_default_above_strict_is_named_in_every_receipt(level: PrivacyLevel) -> None:
    beginning = PrivacyPolicy("2026-01", level, "contract", "DE").beginning
    subject = beginning.newcomer(SILENT.tenant, SILENT.subject_id)
    receipts = beginning.receipts(datetime(2026, 3, 10, tzinfo=UTC))
    assert subject.privacy_level is level
    assert subject.collects
    assert subject.trains
    assert {(r.source, r.legal_basis, r.policy_version, r.jurisdiction) for r in receipts} == {
        ("operator-default", "contract", "2026-01", "DE")
    }
    assert {r.purpose for r in receipts if r.granted} == OBSERVED_PURPOSES


def test_a_default_above_strict_without_a_legal_basis_is_refused() -> None:
    with pytest.raises(ValidationFailed) as refusal:
        PrivacyPolicy(default_level=PrivacyLevel.STANDARD)
    assert refusal.value.field == "PERSONALIZATION_LEGAL_BASIS"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"source": ""}, "source"),
        ({"source": "x" * 65}, "source"),
        ({"policy_version": "1\n2"}, "policyVersion"),
        ({"legal_basis": "<script>"}, "legalBasis"),
        ({"jurisdiction": "Germany"}, "jurisdiction"),
        ({"jurisdiction": "de"}, "jurisdiction"),
    ],
)
def test_evidence_is_made_of_short_labels(change: dict[str, str], field: str) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        replace(Evidence("1", "settings-page", "US-CA", "legitimate interest"), **change)
    assert refusal.value.field == field


@pytest.mark.parametrize("text", ["u", "user_123", "x" * 256, "ünï çødé", "a b", "🙂", "'; DROP TABLE subjects; --"])
def test_any_short_text_is_a_user_id(text: str) -> None:
    assert valid_user_id(text) == text


@pytest.mark.parametrize("text", ["", "x" * 257, "a\x00b", "a\nb", "\x7f", "a\x85", "\ud800"])
def test_empty_long_or_control_text_is_no_user_id(text: str) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        valid_user_id(text)
    assert refusal.value.field == "userId"
