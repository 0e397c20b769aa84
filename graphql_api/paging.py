"""Relay paging by keyset: a cursor names the last item seen, so inserts between pages repeat and skip nothing."""

import base64
import binascii

import strawberry

from domain.errors import ValidationFailed
from domain.ids import ItemId

FIRST_LIMIT = 100


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    """Relay's page information; lists are read forwards."""

    has_next_page: bool = strawberry.field(description="Whether there is more after this page.")
    has_previous_page: bool = strawberry.field(description="Whether this page was asked for with a cursor.")
    start_cursor: str | None = strawberry.field(description="Cursor of the first edge.")
    end_cursor: str | None = strawberry.field(description="Cursor to ask for the next page with.")


def require_first(first: int) -> int:
    """`first`, if it is a page length. Raises `ValidationFailed`."""
    if not 1 <= first <= FIRST_LIMIT:
        raise ValidationFailed(f"must be within 1 to {FIRST_LIMIT}", field="first")
    return first


def item_cursor(item_id: ItemId) -> str:
    """The cursor of an item in a list that is ordered by id."""
    return base64.urlsafe_b64encode(item_id.encode()).decode().rstrip("=")


def item_after(cursor: str | None) -> ItemId | None:
    """The item that `cursor` names.

    Raises:
        ValidationFailed: no cursor is written like that.
    """
    if cursor is None:
        return None
    try:
        item_id = ItemId(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode())
    except (binascii.Error, ValueError):
        item_id = ItemId("")
    if item_cursor(item_id) != cursor or "\x00" in item_id:
        raise ValidationFailed("this is not a cursor that the service gave out", field="after")
    return item_id
