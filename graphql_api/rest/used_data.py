"""What an answer over REST used of a person, in the form that GraphQL has for it."""

from collections.abc import Iterable
from typing import Self

from pydantic import Field

from graphql_api.rest.fields import AnswerPart
from graphql_api.used_data import PURPOSE


class UsedDataAnswer(AnswerPart):
    """What an answer used of a person."""

    categories: list[str] = Field(description="Categories of personal data; empty for none.")
    purposes: list[str] = Field(description="What they were used for.")
    model_version: str | None = Field(description="The model behind the answer; null where none was used.")

    @classmethod
    def of(cls, categories: Iterable[str], model_version: str | None = None) -> Self:
        """What was used, by category."""
        named = sorted(categories)
        return cls(categories=named, purposes=[PURPOSE] if named else [], model_version=model_version)
