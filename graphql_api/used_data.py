"""What an answer used of a person: on every answer that may rest on personal data, in one form."""

from collections.abc import Iterable

import strawberry

PURPOSE = "personalization"
WITHOUT = "False asks for the answer without their data."


@strawberry.type(description="What an answer used of a person.")
class UsedData:
    """Transparency about one answer."""

    categories: list[str] = strawberry.field(description="Categories of personal data; empty for none.")
    purposes: list[str] = strawberry.field(description="What they were used for.")
    model_version: str | None = strawberry.field(description="The model behind the answer; null where none was used.")


def used_data(categories: Iterable[str], model_version: str | None = None) -> UsedData:
    """What an answer used.

    Args:
        categories: of the person's data.
        model_version: the model behind the answer.
    """
    named = sorted(categories)
    return UsedData(categories=named, purposes=[PURPOSE] if named else [], model_version=model_version)
