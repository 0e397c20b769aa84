"""The database roles: who may touch which rows is decided by Postgres, so each kind of work logs in as its own role."""

from enum import StrEnum
from urllib.parse import quote, urlsplit, urlunsplit

from domain.errors import ValidationFailed
from domain.ids import TenantId


class Role(StrEnum):
    """A login of the service; `OWNER` migrates and is used for nothing else."""

    OWNER = "owner"
    SERVICE = "service"
    WORKER = "worker"
    TRAINER = "trainer"
    KEYS = "keys"
    EXPORTER = "exporter"
    ANALYST = "analyst"

    @property
    def login(self) -> str:
        """The name of the role in Postgres."""
        return f"personalization_{self.value}"


def url_as(role: Role, database_url: str, password: str) -> str:
    """The same database, reached as `role` with `password`.

    Args:
        role: whose login to use.
        database_url: `postgresql://[user[:password]@][host[:port]]/database[?host=/socket/folder]`; its
            credentials are replaced.
        password: the role's password, unescaped.
    """
    parts = urlsplit(database_url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise ValidationFailed("a database URL starts with postgresql://", field="PERSONALIZATION_DATABASE_URL")
    place = parts.netloc.rpartition("@")[2]
    credentials = f"{role.login}:{quote(password, safe='')}"
    return urlunsplit(parts._replace(netloc=f"{credentials}@{place}"))


def about(tenant: TenantId, database_url: str) -> str:
    """The same database for a client that keeps its sessions on one tenant's rows, such as psql.

    Args:
        tenant: a slug.
        database_url: as of `url_as`, with credentials or without.
    """
    sign = "&" if urlsplit(database_url).query else "?"
    return f"{database_url}{sign}options={quote(f'-c app.tenant={tenant}')}"


def without_credentials(database_url: str) -> str:
    """The same place without user and password, for processes that log in as a role of their own."""
    scheme, _, rest = database_url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"
