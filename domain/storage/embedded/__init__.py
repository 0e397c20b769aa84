"""Real PostgreSQL and Valkey as our own children, so that one command gives a whole service on a bare machine."""

from domain.storage.embedded.postgres import EmbeddedPostgres, PostgresAddress, running_postgres
from domain.storage.embedded.valkey import EmbeddedValkey, ValkeyAddress, running_valkey

__all__ = [
    "EmbeddedPostgres",
    "EmbeddedValkey",
    "PostgresAddress",
    "ValkeyAddress",
    "running_postgres",
    "running_valkey",
]
