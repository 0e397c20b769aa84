"""Answers from the cache, and how they come there: once for all who ask at the same time, sealed, and for a while.

Nothing is ever deleted to keep answers right. A question carries the versions of all that its answer depends on, read
from Postgres before the answer is looked for; a commit that changes one of them leaves every earlier answer without
anybody who asks for it. An answer is made after its versions were read, so it is never older than it says.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from math import ceil, log
from typing import Any, Final, Protocol, TypeVar

from pydantic import TypeAdapter, ValidationError

from domain.caching.envelope import Held, seal, unseal
from domain.caching.metrics import CacheMetrics
from domain.caching.model import Bypass, CacheName, Lookup, Made, Outcome, Question, Recalled, lookups
from domain.clock import Clock
from domain.errors import DomainError, Unavailable
from domain.ids import SubjectId, TenantId
from domain.privacy.encryption import FieldSealer, SubjectKey
from domain.recent import Recent

MOST_RECALLED: Final = 1_000
"""So many lists of people a process has in its memory at once."""

EARLINESS: Final = 1.0
"""How eagerly answers are made anew before their end; 1 is optimal for a cost that varies like an exponential."""

T = TypeVar("T")


class AnswerStore(Protocol):
    """Where answers are kept."""

    async def get(self, question: Question) -> bytes | None:
        """What is kept for a question. Raises `Unavailable`."""
        ...

    async def put(self, question: Question, sealed: bytes, ttl_seconds: int) -> None:
        """Keep an answer. Raises `Unavailable`."""
        ...


class SubjectKeys(Protocol):
    """Where people's keys come from."""

    async def keys_for(self, tenant: TenantId, subjects: Iterable[SubjectId]) -> Mapping[SubjectId, SubjectKey]:
        """The sealers of these people; those without a key are left out."""
        ...


class AnswerCache:
    """Kept answers of one process.

    Args:
        store: where they are kept.
        keys: seal what is about a person.
        shared: seals what is about nobody.
        clock: the moment of each question.
        metrics: what is told of it.
        ttl_seconds: how long profiles are kept; lists are kept half as long; 0 keeps nothing.
        draw: a number in [0, 1), by chance.
    """

    def __init__(
        self,
        store: AnswerStore,
        keys: SubjectKeys,
        shared: FieldSealer,
        clock: Clock,
        metrics: CacheMetrics,
        *,
        ttl_seconds: int,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._keys = keys
        self._shared = shared
        self._clock = clock
        self._metrics = metrics
        self._ttl = ttl_seconds
        self._draw = draw
        self._flights: dict[Question, asyncio.Task[tuple[Any, Lookup]]] = {}
        self._recent: Recent[Question, tuple[Any, Held, dict[Any, Any]]] = Recent(MOST_RECALLED)

    async def answer(self, question: Question, form: TypeAdapter[T], make: Callable[[], Awaitable[Made[T]]]) -> T:
        """The kept answer, or a new one that is kept from now on.

        Args:
            question: what is asked.
            form: how answers are written and read; only what it writes comes back.
            make: makes an answer, from what is in Postgres when it is called or later. Whatever it raises is raised to
                all who asked the same at that moment.
        """
        if self._ttl == 0:
            return await self.uncached(question.cache, make, Bypass.OFF)
        flight = self._flights.get(question)
        collapsed = flight is not None
        if flight is None:
            # A task of its own, so that whoever shares it does not lose it when the first caller goes away.
            flight = self._flights[question] = asyncio.create_task(self._flown(question, form, make))
            flight.add_done_callback(lambda done: self._landed(question, done))
        value, lookup = await asyncio.shield(flight)
        self.note(replace(lookup, collapsed=collapsed))
        found: T = value
        return found

    def recalled(self, question: Question) -> Recalled | None:
        """The kept answer as this process fetched or made it within the last minute; None if it did not.

        Its question names versions that were not read for it. Whoever shows it first makes sure that they still hold,
        and notes its lookup then.
        """
        remembered = self._recent.get(question)
        if remembered is None:
            return None
        value, held, beside = remembered
        left = self._left(question.cache, held)
        return None if left is None else Recalled(value, Lookup(question.cache, Outcome.HIT, left), beside)

    def note(self, lookup: Lookup) -> None:
        """Count what came of a question, and tell it of the request."""
        self._metrics.count(lookup)
        noted = lookups.get()
        if noted is not None:
            noted.append(lookup)

    async def uncached(
        self, cache: CacheName, make: Callable[[], Awaitable[Made[T]]], reason: Bypass = Bypass.UNCACHED
    ) -> T:
        """A new answer that is not kept."""
        made = await make()
        self.note(Lookup(cache, Outcome.BYPASS, bypass=reason))
        return made.value

    async def _flown(
        self, question: Question, form: TypeAdapter[T], make: Callable[[], Awaitable[Made[T]]]
    ) -> tuple[T, Lookup]:
        try:
            sealer = await self._sealer(question)
            kept = await self._store.get(question)
        except DomainError:
            made = await make()
            return made.value, Lookup(question.cache, Outcome.BYPASS, bypass=Bypass.UNAVAILABLE)
        found = None if kept is None else self._read(question, form, unseal(sealer, question, kept))
        if found is not None:
            return found
        started = time.perf_counter()
        made = await make()
        return made.value, await self._keep(question, sealer, form, made, time.perf_counter() - started)

    def _read(self, question: Question, form: TypeAdapter[T], held: Held | None) -> tuple[T, Lookup] | None:
        if held is None:
            return None
        left = self._left(question.cache, held)
        if left is None:
            return None
        try:
            value = form.validate_json(held.body)
        except ValidationError:
            return None
        self._remember(question, value, held)
        return value, Lookup(question.cache, Outcome.HIT, left)

    def _left(self, cache: CacheName, held: Held) -> int | None:
        """For how many seconds a kept answer still holds; None if it is to be made anew."""
        left = held.until - self._clock.now().timestamp()
        # As long as several may ask, each makes it anew ahead of its end with a probability that grows towards it, so
        # that they do not all find it gone (Vattani, Chierichetti and Lowenstein, PVLDB 8(8), 2015).
        early = -held.cost_seconds * EARLINESS * log(1.0 - self._draw())
        return int(left) if early < left <= self._lifetime(cache) else None

    def _remember(self, question: Question, value: Any, held: Held) -> None:
        if question.subject is not None and question.cache is CacheName.RECOMMENDATIONS:
            self._recent.put(question, (value, replace(held, body=b""), {}))

    async def _keep(
        self, question: Question, sealer: FieldSealer, form: TypeAdapter[T], made: Made[T], cost_seconds: float
    ) -> Lookup:
        now = self._clock.now()
        until = now + timedelta(seconds=self._lifetime(question.cache))
        until = until if made.until is None else min(until, made.until)
        left = (until - now).total_seconds()
        lookup = Lookup(question.cache, Outcome.MISS)
        if left <= 0:
            return lookup
        held = Held(form.dump_json(made.value), until.timestamp(), cost_seconds)
        try:
            await self._store.put(question, seal(sealer, question, held), ceil(left))
        except Unavailable:
            return lookup
        self._remember(question, made.value, held)
        return replace(lookup, ttl_seconds=int(left), stored=True)

    async def _sealer(self, question: Question) -> FieldSealer:
        if question.subject is None:
            return self._shared
        found = (await self._keys.keys_for(question.tenant, (question.subject,))).get(question.subject)
        if found is None:
            raise Unavailable("The person's key is gone.")
        return found

    def _lifetime(self, cache: CacheName) -> int:
        return self._ttl if cache is CacheName.PROFILES else max(1, self._ttl // 2)

    def _landed(self, question: Question, flight: asyncio.Task[tuple[Any, Lookup]]) -> None:
        self._flights.pop(question, None)
        if not flight.cancelled():
            # Every waiter may have gone; without this the loop would report a failure as never seen.
            flight.exception()
