"""Settings: the documented variables, their defaults, and the refusal of anything unknown."""

import os
from collections.abc import Callable

import pytest

from domain.errors import ValidationFailed
from domain.settings import Settings, load_settings

Loader = Callable[[dict[str, str]], Settings]


@pytest.fixture
def settings_from(monkeypatch: pytest.MonkeyPatch) -> Loader:
    """Load the settings of a process whose environment holds these variables and no others of ours."""

    def load(variables: dict[str, str]) -> Settings:
        for name in [name for name in os.environ if name.startswith("PERSONALIZATION_")]:
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return load_settings()

    return load


def test_the_documented_variables_have_their_documented_defaults(settings_from: Loader) -> None:
    settings = settings_from({})
    assert settings.ml_enabled
    assert settings.ab_testing_enabled
    assert settings.realtime_enabled
    assert settings.cache_ttl == 3600
    assert not settings.debug


def test_each_documented_variable_is_read(settings_from: Loader) -> None:
    settings = settings_from(
        {
            "PERSONALIZATION_ML_ENABLED": "false",
            "PERSONALIZATION_AB_TESTING_ENABLED": "false",
            "PERSONALIZATION_REALTIME_ENABLED": "false",
            "PERSONALIZATION_CACHE_TTL": "60",
            "PERSONALIZATION_DEBUG": "true",
        }
    )
    assert not settings.ml_enabled
    assert not settings.ab_testing_enabled
    assert not settings.realtime_enabled
    assert settings.cache_ttl == 60
    assert settings.debug


def test_an_unknown_name_is_refused_with_the_nearest_match(settings_from: Loader) -> None:
    with pytest.raises(ValidationFailed) as refused:
        settings_from({"PERSONALIZATION_CACHE_TLL": "60"})
    assert refused.value.field == "PERSONALIZATION_CACHE_TLL"
    assert "PERSONALIZATION_CACHE_TTL" in refused.value.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CACHE_TTL", "-1"),
        ("CACHE_TTL", "soon"),
        ("PORT", "70000"),
        ("LOG_LEVEL", "LOUD"),
        ("ENVIRONMENT", "staging"),
        ("DEFAULT_PRIVACY_LEVEL", "none"),
        ("ML_ENABLED", "perhaps"),
        ("RATE_LIMIT", "600"),
        ("RATE_LIMIT", "0/minute"),
        ("RATE_LIMIT", "5/month"),
        ("RATE_LIMIT", "5/minute, 9/hour"),
        ("RATE_LIMIT", "metrics=5/minute"),
        ("RATE_LIMIT_SERVICES", "many/minute"),
        ("RATE_LIMITS", "5/minute"),
        ("RATE_LIMITS", "metrics="),
        ("RATE_LIMITS", "metrics=off,profile=10/fortnight"),
        ("EVENT_LIMIT", "none"),
    ],
)
def test_a_value_that_means_nothing_is_refused_by_name(settings_from: Loader, name: str, value: str) -> None:
    with pytest.raises(ValidationFailed) as refused:
        settings_from({f"PERSONALIZATION_{name}": value})
    assert refused.value.field == f"PERSONALIZATION_{name}"


def test_collecting_by_default_needs_a_legal_basis(settings_from: Loader) -> None:
    with pytest.raises(ValidationFailed, match="LEGAL_BASIS"):
        settings_from({"PERSONALIZATION_DEFAULT_PRIVACY_LEVEL": "standard"})
    settings = settings_from(
        {"PERSONALIZATION_DEFAULT_PRIVACY_LEVEL": "standard", "PERSONALIZATION_LEGAL_BASIS": "contract"}
    )
    assert settings.legal_basis == "contract"


def test_a_short_secret_is_refused_and_a_long_one_is_not_printed(settings_from: Loader) -> None:
    with pytest.raises(ValidationFailed, match="PERSONALIZATION_SECRET"):
        settings_from({"PERSONALIZATION_SECRET": "short"})
    secret = "a-master-secret-of-thirty-two-chars"
    assert secret not in repr(settings_from({"PERSONALIZATION_SECRET": secret}))
