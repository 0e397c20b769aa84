"""Where the REST routes and their description are."""

from typing import Final

PREFIX: Final = "/api/personalization"
OPENAPI: Final = f"{PREFIX}/openapi.json"
DOCS: Final = f"{PREFIX}/docs"
