"""What goes into the audit log, the same from GraphQL and REST: before it is done, and with its outcome after.

Every change is noted unless it is ordinary use of the product, so that a new one is noted without being told of.
"""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from domain.auditing.service import Deed
from domain.bootstrap import Services
from domain.errors import DomainError, Forbidden
from graphql_api.auth import Principal

ORDINARY: Final = frozenset(
    {
        "correctPreference",
        "dismissOptimization",
        "exposeUser",
        "importItems",
        "integrateContentAnalysis",
        "integrateVideoGeneration",
        "learnPreferences",
        "recordConversion",
        "submitFeedback",
        "trackInteraction",
        "updateProfile",
        "updateSession",
        "updateUiSettings",
        "upsertCatalogItems",
    }
)
"""What people and products do all day; it has its own traces, and would bury what matters."""

_OBJECTS: Final = ("version", "expected", "rule_ids", "experiment_id", "key")
_PLAIN: Final = re.compile(r"[\w.:,-]{1,200}", re.ASCII)


@asynccontextmanager
async def noted(
    services: Services, principal: Principal, action: str, door: str, given: Callable[[str], Any], correlation: str
) -> AsyncIterator[None]:
    """Note an act of a caller around the block that does it; of what was given, only whom or what it names.

    What an attempt names may be any text, and so may what a refused call about a person or without the right names;
    nothing is ever deleted here, so it is left out.

    Args:
        services: with the log.
        principal: who asks.
        action: the operation's GraphQL name.
        door: `graphql` or `rest`.
        given: gives the input of a name, written as in Python; None where there is none.
        correlation: under which the request is logged.

    Raises:
        NotFound: there is no such tenant; nothing was done.
        Unavailable: the log cannot be written; nothing was done.
    """
    about = given("user_id")
    deed = Deed(action, door, about if isinstance(about, str) else None, correlation=correlation)
    async with services.audit.doing(principal.tenant, principal.user_id, deed) as doing:
        try:
            yield
        except Forbidden:
            raise
        except DomainError:
            doing.concerned = _object(given) if about is None else None
            raise
        doing.concerned = _object(given)


async def saw(
    services: Services, principal: Principal, action: str, door: str, user_id: str | None, correlation: str
) -> None:
    """Note that a caller is about to be shown what is kept of somebody else; nobody's own reads are noted.

    Args:
        services: with the log.
        principal: who asks.
        action: the operation's GraphQL name.
        door: `graphql` or `rest`.
        user_id: whose data; None for that of everybody.
        correlation: under which the request is logged.

    Raises:
        Unavailable: the log cannot be written; nothing may be shown.
    """
    if user_id != principal.user_id:
        deed = Deed(action, door, user_id, correlation=correlation)
        await services.audit.saw(principal.tenant, principal.user_id, deed)


def _object(given: Callable[[str], Any]) -> str | None:
    """What an act is about beside a person: ids of the operator's own things, and never another text."""
    for name in _OBJECTS:
        value = given(name)
        text = ",".join(map(str, value)) if isinstance(value, list) else value
        if isinstance(text, str) and _PLAIN.fullmatch(text):
            return text
    return None
