"""What is asked of a store at the same moment goes to it together: one transaction for many who would each have one.

Nobody waits for company. Whoever comes while nothing is under way goes at once, with all who came in the same turn of
the event loop; those who come meanwhile go with the next. So the busier a process is the more share a transaction, and
an idle one answers as before. An answer is given only after the transaction of its own question has committed, and a
question goes only into transactions that begin after it was asked.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from domain.errors import Unavailable

PATIENCE_SECONDS: Final = 0.02
"""A transaction that takes longer, because somebody holds a lock that it needs, no longer holds up those behind it."""

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class _Waiter(Generic[Item]):
    item: Item
    answer: asyncio.Future[Any]
    context: Context


class Together(Generic[Key, Item, Answer]):
    """Runs what is asked under the same key together.

    Args:
        run: answers the items of one key, in their order, all or none of them. It runs in the context of whoever asked
            first, to whom its statements count.
        limit: how many items go together at most.
    """

    def __init__(self, run: Callable[[Key, Sequence[Item]], Awaitable[Sequence[Answer]]], *, limit: int) -> None:
        self._run = run
        self._limit = limit
        self._waiting: dict[Key, deque[_Waiter[Item]]] = {}
        self._flights: set[asyncio.Task[None]] = set()

    async def ask(self, key: Key, item: Item) -> Answer:
        """The answer to one item.

        Whoever goes away while it is under way does not stop it.

        Raises:
            Unavailable: as `run` does, to all who went together.
            Exception: whatever else `run` raises for this item alone; the others are answered.
        """
        waiter = _Waiter(item, asyncio.get_running_loop().create_future(), copy_context())
        waiting = self._waiting.get(key)
        if waiting is None:
            self._waiting[key] = deque((waiter,))
            self._start(key, waiter.context)
        else:
            waiting.append(waiter)
        answer: Answer = await waiter.answer
        return answer

    def _start(self, key: Key, context: Context) -> None:
        flight = asyncio.get_running_loop().create_task(self._fly(key), context=context)
        self._flights.add(flight)
        flight.add_done_callback(self._flights.discard)

    async def _fly(self, key: Key) -> None:
        waiting = self._waiting[key]
        group = [waiting.popleft() for _ in range(min(self._limit, len(waiting)))]
        turn = _Turn(lambda: self._next(key))
        overdue = asyncio.get_running_loop().call_later(PATIENCE_SECONDS, turn.over)
        try:
            await self._answer(key, group)
        finally:
            overdue.cancel()
            turn.over()
            for waiter in group:
                waiter.answer.cancel()

    def _next(self, key: Key) -> None:
        if waiting := self._waiting[key]:
            self._start(key, waiting[0].context)
        else:
            del self._waiting[key]

    async def _answer(self, key: Key, group: Sequence[_Waiter[Item]]) -> None:
        try:
            answers = await self._run(key, [waiter.item for waiter in group])
        except Exception as error:  # noqa: BLE001  # whatever it is, it is raised to whoever asked
            if len(group) == 1 or isinstance(error, Unavailable):
                for waiter in group:
                    if not waiter.answer.done():
                        waiter.answer.set_exception(error)
                return
            # Nothing was written. One of them is at fault, and only by itself does it fail alone.
            for waiter in group:
                await self._answer(key, [waiter])
            return
        for waiter, answer in zip(group, answers, strict=True):
            if not waiter.answer.done():
                waiter.answer.set_result(answer)


class _Turn:
    """Lets the next go, once."""

    def __init__(self, following: Callable[[], None]) -> None:
        self._following: Callable[[], None] | None = following

    def over(self) -> None:
        following, self._following = self._following, None
        if following is not None:
            following()
