"""Every name that this service gives to something in Redis, so that no key is without a builder and a lifetime.

A key about a person is its prefix and `{tenant/subject}`, the Redis Cluster hash tag, and nothing else: what one script
touches for one person lies in one slot, and all that is held of a person can be named without looking for it. arq names
its own queue keys; they are not listed here.
"""

from dataclasses import dataclass

from domain.ids import SubjectId, TenantId

USER_STREAM_TTL_SECONDS = 300
TENANT_STREAM_TTL_SECONDS = 300
RECOMMENDATIONS_TTL_SECONDS = 1_800
PROFILE_TTL_SECONDS = 3_600
WORKER_HEARTBEAT_SECONDS = 10
RATE_PREFIX = "rate"
ADDRESS_PREFIX = "addr"


@dataclass(frozen=True, slots=True)
class RedisKey:
    """A key and how long it lives after it was last written.

    Attributes:
        part: a field of the hash under `name`; None for a key that is no hash.
    """

    name: str
    ttl_seconds: int
    part: str | None = None


@dataclass(frozen=True, slots=True)
class RedisChannel:
    """A pub/sub channel; it stores nothing, so it has no lifetime."""

    name: str


def user_stream(tenant: TenantId, subject: SubjectId) -> RedisKey:
    """The replay window of one person's live updates: a stream whose entry ids are `<version>-0`, bodies sealed."""
    return RedisKey(f"rt:{{{tenant}/{subject}}}", USER_STREAM_TTL_SECONDS)


def user_channel(tenant: TenantId, subject: SubjectId) -> RedisChannel:
    """Where one person's live updates are published."""
    return RedisChannel(f"rt:{{{tenant}/{subject}}}")


def tenant_stream(tenant: TenantId) -> RedisKey:
    """The newest update that concerns everyone of a tenant: a stream of one entry."""
    return RedisKey(f"rtt:{{{tenant}}}", TENANT_STREAM_TTL_SECONDS)


def tenant_channel(tenant: TenantId) -> RedisChannel:
    """Where updates that concern everyone of a tenant are published."""
    return RedisChannel(f"rtt:{{{tenant}}}")


def cached_recommendations(
    tenant: TenantId, subject: SubjectId, question: str, ttl_seconds: int = RECOMMENDATIONS_TTL_SECONDS
) -> RedisKey:
    """The latest list of one kind for one person, sealed; one hash holds all of theirs, and is forgotten as one.

    Args:
        tenant: the tenant.
        subject: whose recommendations these are.
        question: digest of what was asked for. The versions that the answer depends on are inside of it, so that a
            newer answer takes the place of one that has been overtaken.
        ttl_seconds: how long the answer may be served.
    """
    return RedisKey(f"rec:{{{tenant}/{subject}}}", ttl_seconds, question)


def cached_profile(tenant: TenantId, subject: SubjectId, ttl_seconds: int = PROFILE_TTL_SECONDS) -> RedisKey:
    """One person's profile as last read, sealed."""
    return RedisKey(f"prof:{{{tenant}/{subject}}}", ttl_seconds)


def cached_for_everybody(
    tenant: TenantId, cache: str, question: str, ttl_seconds: int = RECOMMENDATIONS_TTL_SECONDS
) -> RedisKey:
    """One answer that rests on nobody's data, sealed against being planted; `question` as for recommendations."""
    return RedisKey(f"all:{tenant}:{cache}:{question}", ttl_seconds)


def rate_limit(tenant: TenantId, caller: str, operation: str, window_seconds: int, window: int) -> RedisKey:
    """How many calls `caller` (a pseudonym, never an external id) made to `operation` in the n-th window since 1970."""
    name = f"{RATE_PREFIX}:{{{tenant}/{caller}}}:{operation}:{window_seconds}:{window}"
    return RedisKey(name, window_seconds)


def address_limit(caller: str, operation: str, window_seconds: int, window: int) -> RedisKey:
    """How many calls came from an address, under a pseudonym, without a valid token in the n-th window since 1970."""
    return RedisKey(f"{ADDRESS_PREFIX}:{caller}:{operation}:{window_seconds}:{window}", window_seconds)


def worker_heartbeat(host: str) -> RedisKey:
    """Written by the worker of `host` every few seconds; hosts that share a queue do not vouch for each other."""
    return RedisKey(f"arq:health-check:{host}", WORKER_HEARTBEAT_SECONDS + 1)
