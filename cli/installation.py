"""Which secrets a command works with: those configured, or those that a development installation keeps for itself."""

from pathlib import Path
from typing import Final

from domain.settings import Environment, Settings, load_settings
from domain.storage.embedded.folders import open_home
from domain.storage.embedded.ownership import passwords

SECRETS_FILE: Final = "secrets.json"
SECRETS: Final = ("secret", "jwt_secret")


def local_settings(*, founding: bool = False, **overrides: object) -> Settings:
    """The settings of a command that may work on a development installation.

    Unless the environment says otherwise, an installation without a database of its own, or with a secrets file in
    its data folder, is for development: secrets that are not configured are made once and kept in that file.

    Args:
        founding: the installation is being made, so it is for development even before the file exists.
        **overrides: fields that the command line sets.
    """
    given = load_settings(**overrides)
    if not _for_development(given, founding=founding):
        return given
    missing = [name for name in SECRETS if getattr(given, name) is None]
    made = passwords(secrets_file(given.data_dir), *missing) if missing else {}
    return load_settings(
        **{**overrides, **{name: made[name] for name in missing}, "environment": Environment.DEVELOPMENT}
    )


def secrets_file(data_dir: Path) -> Path:
    """Where a development installation keeps its secrets, readable by its owner alone; makes the folder."""
    return open_home(data_dir, "secrets") / SECRETS_FILE


def _for_development(given: Settings, *, founding: bool) -> bool:
    if "environment" in given.model_fields_set:
        return given.environment is Environment.DEVELOPMENT
    return founding or given.database_url is None or (given.data_dir / "secrets" / SECRETS_FILE).exists()
