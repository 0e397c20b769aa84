"""Tortoise's configuration for its own command line, read by `tortoise makemigrations`; it needs no database."""

from domain.storage.postgres import tortoise_config
from domain.storage.roles import Role

TORTOISE_ORM = tortoise_config(
    {Role.OWNER: "postgresql://personalization_owner@127.0.0.1/personalization"}, pool_size=1
)
