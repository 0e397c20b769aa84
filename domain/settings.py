"""Every environment variable of the service, typed, read once at start.

An unknown `PERSONALIZATION_*` name is an error that names the nearest known one: a misspelt setting that is silently
ignored is how a service runs for months with privacy or learning configured wrongly.
"""

import difflib
import os
from enum import StrEnum
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated

from limits import parse_many as parse_rates
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from domain.errors import ValidationFailed

PREFIX = "PERSONALIZATION_"
LONGEST_RATE_SECONDS = 24 * 3600


class Environment(StrEnum):
    """Where the service runs; development opens doors that production keeps shut."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class DefaultPrivacyLevel(StrEnum):
    """The privacy level of a person who has said nothing."""

    STRICT = "strict"
    STANDARD = "standard"
    PERMISSIVE = "permissive"


class Settings(BaseSettings):
    """The service's configuration; each field is the variable of its name in upper case with the prefix."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, env_ignore_empty=True)

    ml_enabled: bool = Field(default=True, description="Learned recommendations; off serves popularity.")
    ab_testing_enabled: bool = Field(default=True, description="A/B tests; off serves control to everybody.")
    realtime_enabled: bool = Field(default=True, description="Live updates over sockets.")
    cache_ttl: Annotated[int, Field(ge=0, le=86_400)] = Field(
        3600, description="Seconds that profiles are cached, lists half as long; 0 turns caching off."
    )
    exploration_share: Annotated[float, Field(ge=0, le=0.5)] = Field(
        0.1, description="Share of places in personal lists that chance fills; 0 for none."
    )
    debug: bool = Field(default=False, description="Verbose logs, SQL counts and timings in answers.")

    ml_config_file: Path | None = Field(None, description="JSON with the model configuration of the daily training.")
    trainings_at_once: Annotated[int, Field(ge=1, le=64)] = Field(
        1, description="Models that one worker trains side by side; other trainings wait, queued."
    )
    environment: Environment = Field(Environment.PRODUCTION, description="development or production.")
    data_dir: Path = Field(Path(".data"), description="Embedded servers, key file, model cache and logs.")
    journal_dir: Path | None = Field(
        None, description="Journal of erasures, shared by all processes, outside of backups; default: in data_dir."
    )
    vault_backup_days: Annotated[int, Field(ge=0, le=3650)] = Field(
        7, description="How long backups with wrapped keys are kept, whole copies included; receipts say so."
    )
    database_url: str | None = Field(None, description="PostgreSQL >= 15; embedded when absent.")
    redis_url: str | None = Field(None, description="Redis >= 7 or Valkey for cache and bus; embedded when absent.")
    queue_url: str | None = Field(None, description="Redis for the job queue, never a cluster; default: redis_url.")
    pool_size: Annotated[int, Field(ge=1, le=200)] = Field(10, description="Connections per database role.")

    secret: SecretStr | None = Field(None, description="Master secret, at least 32 characters.")
    kek_file: Path | None = Field(None, description="Key-encryption keys; default: a file in data_dir.")
    kek: SecretStr | None = Field(None, description="The keys themselves, `id base64`, oldest first, parted by commas.")
    jwt_secret: SecretStr | None = Field(None, description="HS256 key for tokens of this service.")
    jwt_jwks_url: str | None = Field(None, description="Where the identity provider publishes its keys.")
    jwt_issuer: str = Field("personalization", description="Expected `iss`.")
    jwt_audience: str = Field("personalization", description="Expected `aud`.")
    export_sign_in_minutes: Annotated[int, Field(ge=1, le=1440)] = Field(
        15, description="An export is fetched with a token of a sign-in after the request, or this recent."
    )
    default_privacy_level: DefaultPrivacyLevel = Field(
        DefaultPrivacyLevel.STRICT, description="For people who have said nothing; other than strict needs legal_basis."
    )
    legal_basis: str | None = Field(None, description="Why data may be collected by default, e.g. `contract`.")
    allowed_origins: str = Field("", description="Comma-separated origins for browsers; empty allows none.")
    trusted_documents_file: Path | None = Field(None, description="JSON manifest of the documents named by id.")
    trusted_documents_only: bool = Field(default=False, description="Refuses GraphQL that the manifest does not hold.")

    rate_limit: str = Field("600/minute", description="Calls of each operation by one user; `off` for no limit.")
    rate_limit_services: str = Field("600000/minute", description="The same for a token that acts for others.")
    rate_limit_addresses: str = Field(
        "1200/minute", description="Calls from one address without a token, and as many with one that is refused."
    )
    rate_limits: str = Field("", description="Other limits of single operations: `metrics=10/second,users=off`.")
    event_limit: str = Field("6000/hour", description="Events of behaviour about one person, whoever sends them.")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: Annotated[int, Field(ge=1, le=65_535)] = Field(8080, description="Port to listen on.")
    tls_certificate: Path | None = Field(None, description="PEM file with the certificate and its chain: HTTPS.")
    tls_key: Path | None = Field(None, description="PEM file with the certificate's private key.")
    tls_key_password: SecretStr | None = Field(None, description="Opens that key, if it is encrypted.")
    hsts_seconds: Annotated[int, Field(ge=0)] = Field(31_536_000, description="How long browsers insist on HTTPS.")
    trusted_proxies: str = Field("", description="Comma-separated addresses whose forwarded headers count.")
    authentication: bool = Field(default=True, description="Off lets everybody do everything; on loopback only.")
    log_level: str = Field("INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least severe log line.")

    @model_validator(mode="after")
    def _collection_by_default_names_its_legal_basis(self) -> "Settings":
        if self.default_privacy_level is not DefaultPrivacyLevel.STRICT and not self.legal_basis:
            raise ValueError("a default privacy level other than strict needs PERSONALIZATION_LEGAL_BASIS")
        return self

    @model_validator(mode="after")
    def _secrets_are_long_enough(self) -> "Settings":
        for name in ("secret", "jwt_secret"):
            value = getattr(self, name)
            if value is not None and len(value.get_secret_value()) < 32:
                raise ValueError(f"{PREFIX}{name.upper()} has fewer than 32 characters")
        return self

    @model_validator(mode="after")
    def _keys_come_from_one_place(self) -> "Settings":
        if self.kek is not None and self.kek_file is not None:
            raise ValueError(f"key-encryption keys come from {PREFIX}KEK or from {PREFIX}KEK_FILE, not from both")
        return self

    @model_validator(mode="after")
    def _a_certificate_comes_with_its_key(self) -> "Settings":
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError(f"HTTPS needs both {PREFIX}TLS_CERTIFICATE and {PREFIX}TLS_KEY")
        return self

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies_are_addresses(cls, value: str) -> str:
        for part in filter(None, (part.strip() for part in value.split(","))):
            ip_network(part, strict=False)
        return value

    @model_validator(mode="after")
    def _trusting_alone_needs_something_to_trust(self) -> "Settings":
        if self.trusted_documents_only and self.trusted_documents_file is None:
            raise ValueError(f"answering trusted documents only needs {PREFIX}TRUSTED_DOCUMENTS_FILE")
        return self

    @field_validator("rate_limit", "rate_limit_services", "rate_limit_addresses", "event_limit")
    @classmethod
    def _rates_mean_something(cls, value: str) -> str:
        _require_rate(value)
        return value

    @field_validator("rate_limits")
    @classmethod
    def _named_rates_mean_something(cls, value: str) -> str:
        for part in filter(None, (part.strip() for part in value.split(","))):
            name, _, rate = part.partition("=")
            if not name.strip() or not rate.strip():
                raise ValueError(f"'{part}' is not an operation with its rate, such as metrics=10/second")
            _require_rate(rate.strip())
        return value

    @property
    def proxies(self) -> tuple[str, ...]:
        """The addresses and networks whose forwarded headers count."""
        return tuple(part.strip() for part in self.trusted_proxies.split(",") if part.strip())

    @property
    def limited_operations(self) -> frozenset[str]:
        """The operations that have a limit of their own."""
        return frozenset(part.partition("=")[0].strip() for part in self.rate_limits.split(",") if part.strip())

    @property
    def origins(self) -> frozenset[str]:
        """The allowed browser origins."""
        return frozenset(origin.strip() for origin in self.allowed_origins.split(",") if origin.strip())


def load_settings(**overrides: object) -> Settings:
    """The settings of this process, from its environment.

    Args:
        **overrides: fields that the command line sets; they win over the environment.

    Raises:
        ValidationFailed: a name is unknown or a value is not valid; `field` is the variable's name.
    """
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.startswith(PREFIX) and name not in known:
            raise ValidationFailed(_unknown(name, known), field=name)
    try:
        return Settings(**{name: value for name, value in overrides.items() if value is not None})  # type: ignore[arg-type]  # validated by pydantic
    except ValidationError as error:
        first = error.errors()[0]
        variable = PREFIX + str(first["loc"][0]).upper() if first["loc"] else None
        raise ValidationFailed(f"{variable or 'settings'}: {first['msg']}", field=variable) from error


def _require_rate(text: str) -> None:
    """Raise `ValueError` unless it is one rate that calls can be counted by, or `off`."""
    if text == "off":
        return
    rates = parse_rates(text)
    if len(rates) != 1 or rates[0].amount < 1 or rates[0].get_expiry() > LONGEST_RATE_SECONDS:
        raise ValueError("a rate counts at least one call and spans at most a day")


def _unknown(name: str, known: set[str]) -> str:
    nearest = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.0)
    return f"unknown setting {name}; did you mean {nearest[0]}?"
