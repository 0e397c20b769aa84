"""The bus's rows in Postgres and its streams and channels in Redis."""

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

from domain.clock import Clock
from domain.errors import NotFound, Unavailable
from domain.ids import SubjectId, TenantId
from domain.realtime.catchup import Page
from domain.realtime.model import Entry, Position, SubjectTopic, TenantTopic, Topic, UpdateKind
from domain.realtime.multiplexer import Confirmed, Published
from domain.realtime.service import Rows
from domain.storage import keys
from domain.storage.keys import RedisChannel
from domain.storage.postgres import Database, Transaction
from domain.storage.redis import Listener, RedisStore, Script, ScriptCall, StreamEntry, StreamRange, Subscribed

WINDOW_ENTRIES = 256

# The update and its row are one statement: no version can be taken without a row, and it costs one round trip.
_ANNOUNCE = """
WITH bumped AS (
    UPDATE subjects SET version = version + 1 WHERE tenant_id = $1 AND subject_id = $2 RETURNING version
)
INSERT INTO outbox (subject_id, version, tenant_id, kind, body_sealed, created_at)
SELECT $2, version, $1, $3, $4, $5 FROM bumped
RETURNING version
"""

# Rows are locked in one order, so that two batches about the same people wait for each other and never deadlock.
_ANNOUNCE_MANY = """
WITH items AS (
    SELECT subject_id, kind, body_sealed,
           row_number() OVER (PARTITION BY subject_id ORDER BY n) AS step
    FROM unnest($2::uuid[], $3::text[], $4::bytea[]) WITH ORDINALITY AS i (subject_id, kind, body_sealed, n)
),
locked AS (
    SELECT subject_id FROM subjects
    WHERE tenant_id = $1 AND subject_id = ANY ($2::uuid[])
    ORDER BY subject_id
    FOR NO KEY UPDATE
),
steps AS (
    SELECT subject_id, count(*) AS steps FROM items JOIN locked USING (subject_id) GROUP BY subject_id
),
bumped AS (
    UPDATE subjects AS s SET version = s.version + steps.steps FROM steps
    WHERE s.tenant_id = $1 AND s.subject_id = steps.subject_id
    RETURNING s.subject_id, s.version - steps.steps AS before, s.version
),
added AS (
    INSERT INTO outbox (subject_id, version, tenant_id, kind, body_sealed, created_at)
    SELECT subject_id, before + step, $1, kind, body_sealed, $5 FROM items JOIN bumped USING (subject_id)
)
SELECT subject_id, version FROM bumped
"""

_UNPUBLISHED = """
SELECT subject_id, version, kind, body_sealed FROM outbox
WHERE tenant_id = $1 AND subject_id = ANY ($2::uuid[])
ORDER BY subject_id, version
LIMIT $3
"""

_FORGET = """
DELETE FROM outbox USING unnest($2::uuid[], $3::bigint[]) AS published (subject_id, version)
WHERE outbox.tenant_id = $1 AND outbox.subject_id = published.subject_id AND outbox.version <= published.version
"""

_POSITIONS = """
SELECT subject_id, version AS current,
       coalesce((SELECT min(o.version) - 1 FROM outbox o WHERE o.subject_id = s.subject_id), version) AS published
FROM subjects s
WHERE tenant_id = $1 AND subject_id = ANY ($2::uuid[])
"""

# KEYS: stream. ARGV: channel, entries to keep, lifetime in seconds, then version, kind and body of each update.
# The lifetime is set with each entry, so that a script that stops half-way (memory full) leaves no key without one.
_APPEND = Script("""
local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
local top = newest[1] and tonumber(string.match(newest[1][1], '^%d+')) or 0
for i = 4, #ARGV, 3 do
    if tonumber(ARGV[i]) > top then
        redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[2], ARGV[i] .. '-0', 'k', ARGV[i + 1], 'b', ARGV[i + 2])
        redis.call('EXPIRE', KEYS[1], ARGV[3])
        redis.call('PUBLISH', ARGV[1], ARGV[i] .. ' ' .. ARGV[i + 1] .. ' ' .. ARGV[i + 2])
    end
end
return #ARGV
""")

# KEYS: stream. ARGV: channel, lifetime in seconds, kind, body. Redis numbers the entries by its clock.
_TELL_TENANT = Script("""
local id = redis.call('XADD', KEYS[1], 'MAXLEN', 1, '*', 'k', ARGV[3], 'b', ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('PUBLISH', ARGV[1], id .. ' ' .. ARGV[3] .. ' ' .. ARGV[4])
return id
""")

# One millisecond of Redis's clock holds fewer entries of one stream than this.
_SEQUENCE_BITS = 20
_STREAM_ID = re.compile(rb"[0-9]{1,20}(-[0-9]{1,20})?")


class Outbox:
    """Versions and unpublished updates in Postgres.

    Args:
        database: logged in as the service or, for `stale`, as the worker.
        clock: dates the rows.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def announce(
        self, tx: Transaction, tenant: TenantId, subject: SubjectId, kind: UpdateKind, body_sealed: bytes
    ) -> int:
        """Take the person's next version and leave the update for publication, in the caller's transaction.

        Returns:
            The version.

        Raises:
            NotFound: the person is unknown, erased, or not among the transaction's subjects.
        """
        version = await tx.value(_ANNOUNCE, tenant, subject, kind.value, body_sealed, self._clock.now())
        if version is None:
            raise NotFound("there is no such user")
        return int(version)

    async def announce_many(
        self, tx: Transaction, tenant: TenantId, updates: Sequence[tuple[SubjectId, UpdateKind, bytes]]
    ) -> dict[SubjectId, int]:
        """Announce many updates in one statement, those of one person in the given order.

        Returns:
            The newest version of each person; who was erased meanwhile is left out, with their updates.
        """
        if not updates:
            return {}
        subjects, kinds, bodies = zip(*updates, strict=True)
        names = [kind.value for kind in kinds]
        rows = await tx.rows(_ANNOUNCE_MANY, tenant, list(subjects), names, list(bodies), self._clock.now())
        return {SubjectId(row["subject_id"]): row["version"] for row in rows}

    async def unpublished(self, tenant: TenantId, subjects: Sequence[SubjectId], limit: int) -> Rows:
        """The first `limit` rows of these people, each person's in version order."""
        async with self._database.transaction(tenant, subjects) as tx:
            rows = await tx.rows(_UNPUBLISHED, tenant, subjects, limit)
        found: defaultdict[SubjectId, list[Entry]] = defaultdict(list)
        for row in rows:
            found[SubjectId(row["subject_id"])].append(Entry(row["version"], row["kind"], row["body_sealed"]))
        return found

    async def forget(self, tenant: TenantId, published: Mapping[SubjectId, int]) -> None:
        """Delete each person's rows up to the given version."""
        if not published:
            return
        async with self._database.transaction(tenant, published) as tx:
            await tx.execute(_FORGET, tenant, list(published), list(published.values()))

    async def stale(self, age_seconds: float, limit: int) -> list[tuple[TenantId, SubjectId]]:
        """At most `limit` people with a row older than that, the longest waiting first."""
        before = self._clock.now() - timedelta(seconds=age_seconds)
        async with self._database.dispatch() as tx:
            rows = await tx.rows("SELECT tenant_id, subject_id FROM claim_outbox($1, $2)", before, limit)
        return [(TenantId(row["tenant_id"]), SubjectId(row["subject_id"])) for row in rows]

    async def positions(self, tenant: TenantId, subjects: Sequence[SubjectId]) -> dict[SubjectId, Position]:
        """Where these people's updates stand; who is unknown is left out."""
        async with self._database.transaction(tenant, subjects) as tx:
            rows = await tx.rows(_POSITIONS, tenant, subjects)
        return {SubjectId(row["subject_id"]): Position(row["current"], row["published"]) for row in rows}


class RedisStreams:
    """The replay windows: per person one stream of at most 256 entries that lives 5 minutes after the newest."""

    def __init__(self, redis: RedisStore) -> None:
        self._redis = redis

    async def append(self, tenant: TenantId, rows: Rows) -> dict[SubjectId, int]:
        """Add each person's updates and publish them, atomically per person; what is there already is skipped."""
        calls = [_append_call(tenant, subject, entries) for subject, entries in rows.items()]
        answers = await self._redis.run(_APPEND, calls)
        return {
            subject: entries[-1].version
            for (subject, entries), answer in zip(rows.items(), answers, strict=True)
            if not isinstance(answer, Unavailable)
        }

    async def tell_tenant(self, tenant: TenantId, kind: UpdateKind, body: bytes) -> None:
        """Keep the update as the tenant's newest and publish it."""
        stream, channel = keys.tenant_stream(tenant), keys.tenant_channel(tenant)
        call = ScriptCall(stream, (channel.name, stream.ttl_seconds, kind.value, body))
        [answer] = await self._redis.run(_TELL_TENANT, [call])
        if isinstance(answer, Unavailable):
            raise answer

    async def read(self, pages: Sequence[Page]) -> list[list[Entry]]:
        """Each page's updates, oldest first."""
        ranges = [StreamRange(keys.user_stream(p.tenant, p.subject), f"{p.after}-0", p.count) for p in pages]
        return [[_entry(raw) for raw in entries] for entries in await self._redis.ranges(ranges)]

    async def newest(self, tenants: Sequence[TenantId]) -> list[Entry | None]:
        """The newest update to everyone of each tenant."""
        found = await self._redis.newest([keys.tenant_stream(tenant) for tenant in tenants])
        return [None if raw is None else _entry(raw, _SEQUENCE_BITS) for raw in found]


class RedisLink:
    """The way to the channels."""

    def __init__(self, redis: RedisStore) -> None:
        self._redis = redis

    @asynccontextmanager
    async def connect(self) -> AsyncIterator["RedisConnection"]:
        """A connection of its own, closed with the block."""
        async with self._redis.listen() as listener:
            yield RedisConnection(listener)


class RedisConnection:
    """One connection to the channels.

    The topic is read from the channel's name: a confirmation counts even when its topic has been left meanwhile.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    async def subscribe(self, topics: Sequence[Topic]) -> None:
        """Ask for `topics`; each is confirmed by its own event."""
        await self._listener.subscribe([_channel(topic) for topic in topics])

    async def unsubscribe(self, topics: Sequence[Topic]) -> None:
        """Ask for `topics` no longer."""
        await self._listener.unsubscribe([_channel(topic) for topic in topics])

    async def receive(self) -> Confirmed | Published:
        """The next event; a message that nobody of this service wrote is left out."""
        while True:
            event = await self._listener.receive()
            topic = _topic(event.channel)
            if isinstance(event, Subscribed):
                return Confirmed(topic)
            if entry := _parsed(event.payload, topic):
                return Published(topic, entry)


def _append_call(tenant: TenantId, subject: SubjectId, entries: Sequence[Entry]) -> ScriptCall:
    stream, channel = keys.user_stream(tenant, subject), keys.user_channel(tenant, subject)
    updates = [part for entry in entries for part in (entry.version, entry.kind, entry.sealed)]
    return ScriptCall(stream, (channel.name, WINDOW_ENTRIES, stream.ttl_seconds, *updates))


def _channel(topic: Topic) -> RedisChannel:
    if isinstance(topic, SubjectTopic):
        return keys.user_channel(topic.tenant, topic.subject)
    return keys.tenant_channel(topic.tenant)


def _topic(channel: str) -> Topic:
    tenant, _, subject = channel.partition("{")[2].removesuffix("}").partition("/")
    return SubjectTopic(TenantId(tenant), SubjectId(UUID(subject))) if subject else TenantTopic(TenantId(tenant))


def _entry(raw: StreamEntry, sequence_bits: int = 0) -> Entry:
    identity, fields = raw
    # What nobody of this service wrote becomes an update of an unknown kind, which makes readers fetch anew.
    kind = fields.get(b"k", b"").decode(errors="replace")
    return Entry(_version(identity, sequence_bits), kind, fields.get(b"b", b""))


def _parsed(payload: bytes, topic: Topic) -> Entry | None:
    """The update in a message; None for one that nobody of this service wrote."""
    identity, _, rest = payload.partition(b" ")
    kind, found, sealed = rest.partition(b" ")
    if not found or _STREAM_ID.fullmatch(identity) is None:
        return None
    bits = 0 if isinstance(topic, SubjectTopic) else _SEQUENCE_BITS
    return Entry(_version(identity, bits), kind.decode(errors="replace"), sealed)


def _version(identity: bytes, sequence_bits: int) -> int:
    """The number of a stream id `<number>-<sequence>`; with bits for the sequence, ids keep their order as numbers."""
    number, _, sequence = identity.partition(b"-")
    return (int(number) << sequence_bits) + (int(sequence or 0) if sequence_bits else 0)
