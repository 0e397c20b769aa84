"""The database roles: who may touch which rows is decided by Postgres, so each kind of work logs in as its own role."""

from enum import StrEnum
from urllib.parse import quote, urlsplit, urlunsplit

from domain.errors import ValidationFailed


class Role(StrEnum):
    """A login of the service; `OWNER` migrates and is used for nothing else."""

    OWNER = "owner"
    SERVICE = "service"
    WORKER = "worker"
    TRAINER = "trainer"
    KEYS = "keys"
    EXPORTER = "exporter"

    @property
    def login(self) -> str:
        """The name of the role in Postgres."""
        return f"personalization_{self.value}"


def url_as(login: str, database_url: str, password: str) -> str:
    """The same database, reached as `login` with `password`.

    Args:
        login: the name of a role in Postgres.
        database_url: `postgresql://[user[:password]@][host[:port]]/database[?host=/socket/folder]`; its
            credentials are replaced.
        password: the role's password, unescaped.
    """
    parts = urlsplit(database_url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ValidationFailed("a database URL starts with postgresql://", field="PERSONALIZATION_DATABASE_URL")
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{login}:{quote(password, safe='')}@{place}"))


def without_credentials(database_url: str) -> str:
    """The same place without user and password, for processes that log in as a role of their own."""
    scheme, _, rest = database_url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
