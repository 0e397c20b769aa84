"""What is told of the cache: a `Cache-Status` header (RFC 9211), and the same in GraphQL's extensions."""

from collections.abc import Iterator, Sequence
from typing import Any

from strawberry.extensions import SchemaExtension

from domain.caching.model import Lookup, Outcome, lookups

HEADER = "Cache-Status"


def cache_status(noted: Sequence[Lookup]) -> str:
    """The header's value: one member for each question, `hit` or why it was made anew (`fwd`)."""
    return ", ".join(map(_member, noted))


def _member(lookup: Lookup) -> str:
    said = [f"personalization-{lookup.cache}"]
    if lookup.outcome is Outcome.HIT:
        said.append("hit")
    elif lookup.outcome is Outcome.MISS:
        said += ["fwd=miss", *(["stored"] if lookup.stored else [])]
    else:
        said += ["fwd=bypass", f"detail={lookup.bypass}"]
    if lookup.ttl_seconds is not None:
        said.append(f"ttl={lookup.ttl_seconds}")
    if lookup.collapsed:
        said.append("collapsed")
    return "; ".join(said)


class CacheReport(SchemaExtension):
    """Says of each operation, and of each event of a subscription, what came of its questions."""

    def on_operation(self) -> Iterator[None]:
        """Around the operation."""
        noted = lookups.get()
        self._noted = [] if noted is None else noted
        # Over HTTP the request notes already, for its header; an operation on a socket notes for itself.
        self._own = noted is None
        token = lookups.set(self._noted)
        yield
        lookups.reset(token)

    def get_results(self) -> dict[str, Any]:
        """The questions since the last report; nothing if there were none."""
        told = [_told(lookup) for lookup in self._noted]
        if self._own:
            self._noted.clear()
        return {"cache": told} if told else {}


def _told(lookup: Lookup) -> dict[str, Any]:
    return {
        "cache": lookup.cache,
        "outcome": lookup.outcome.upper(),
        "ttlSeconds": lookup.ttl_seconds,
        "collapsed": lookup.collapsed,
        "bypass": lookup.bypass.upper() if lookup.bypass else None,
    }
