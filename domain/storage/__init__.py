"""Postgres and Redis: clients, tables, migrations and the embedded servers."""
