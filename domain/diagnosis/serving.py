"""Why answers may be slow or behind."""

from datetime import datetime, timedelta
from typing import Final

from domain.behavior.model import Backlog
from domain.diagnosis.model import Check, Connections, Finding, RedisCondition, Switches, Verdict

ROLES_OF_AN_API: Final = 2
"""Roles for which an API process opens a pool; archives have a small one of their own."""
CROWDED: Final = 0.9
"""A server that is this full refuses somebody soon."""
BEHIND: Final = timedelta(minutes=1)
"""Batches are taken within a second; one that waits this long has no worker."""
EVICTION: Final = "volatile-lru"
OLDEST_REDIS: Final = 7


def pool(connections: Connections, switches: Switches) -> Finding:
    """Whether PostgreSQL has connections left."""
    check = Check.POOL
    found = (
        f"{connections.open} of {connections.allowed} connections are open; an API process opens up to "
        f"{ROLES_OF_AN_API * switches.pool_size}"
    )
    if connections.open > CROWDED * connections.allowed:
        return Finding(
            check, Verdict.WRONG, found, "raise max_connections of PostgreSQL, or lower PERSONALIZATION_POOL_SIZE"
        )
    return Finding(check, Verdict.FINE, found)


def redis(condition: RedisCondition | None) -> Finding:
    """Whether Redis is there, recent enough, writes nothing to a disk, and has room."""
    check = Check.REDIS
    if condition is None:
        return Finding(
            check,
            Verdict.WRONG,
            "Redis cannot be reached: nothing is cached, limits are not counted, live updates wait",
            "look at PERSONALIZATION_REDIS_URL and at the server",
        )
    found = f"version {condition.version}, {condition.used / 2**20:.0f} MiB in use"
    if int(condition.version.partition(".")[0]) < OLDEST_REDIS:
        return Finding(check, Verdict.WRONG, found, f"update it: the service needs Redis {OLDEST_REDIS} or Valkey")
    if condition.persists:
        return Finding(
            check,
            Verdict.WRONG,
            f"{found}; it writes to the disk, where erased data would stay",
            'turn it off: save "" and appendonly no',
        )
    if condition.allowed and condition.used > CROWDED * condition.allowed:
        return Finding(check, Verdict.DOUBTFUL, f"{found} of {condition.allowed / 2**20:.0f}", "raise maxmemory")
    if not condition.allowed or condition.policy != EVICTION:
        limit = f"{condition.allowed / 2**20:.0f} MiB" if condition.allowed else "no limit"
        return Finding(
            check,
            Verdict.DOUBTFUL,
            f"{found}, {limit}, policy {condition.policy}",
            f"set maxmemory, and maxmemory-policy {EVICTION}: others refuse writes or evict jobs",
        )
    return Finding(check, Verdict.FINE, f"{found} of {condition.allowed / 2**20:.0f}, nothing on the disk")


def batches(backlog: Backlog, now: datetime) -> Finding:
    """Whether a worker takes what was reported, of all tenants."""
    check, since = Check.BATCHES, backlog.oldest_received_at
    if since is not None and now - since > BEHIND:
        late = round((now - since).total_seconds() / 60)
        return Finding(
            check,
            Verdict.WRONG,
            f"{backlog.waiting} events wait, the first for {late} minutes",
            "see that a worker runs: personalization worker; with one that runs, start another",
        )
    if backlog.quarantined:
        return Finding(
            check,
            Verdict.DOUBTFUL,
            f"{backlog.quarantined} events were set aside because they break learning",
            "see which and why: personalization quarantine list",
        )
    return Finding(check, Verdict.FINE, f"{backlog.waiting} events wait" if backlog.waiting else "nothing waits")
