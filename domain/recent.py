"""What a process may remember of somebody for a moment: bounded in number, and gone in time although nobody asks."""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final, Generic, TypeVar

MEMORY_SECONDS: Final = 60.0
"""As long as a person's key may lie in a process, and no longer."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """At most `capacity` values, each for `seconds`; the oldest goes first. To be used within a running event loop."""

    def __init__(self, capacity: int, seconds: float = MEMORY_SECONDS) -> None:
        self._capacity = capacity
        self._seconds = seconds
        # In the order in which they end, as all are kept equally long.
        self._held: OrderedDict[Key, tuple[float, Value]] = OrderedDict()
        self._swept = False

    def get(self, key: Key) -> Value | None:
        """What is remembered under `key`, None if nothing is."""
        held = self._held.get(key)
        return held[1] if held is not None and asyncio.get_running_loop().time() < held[0] else None

    def put(self, key: Key, value: Value) -> None:
        """Remember `value` from now on."""
        loop = asyncio.get_running_loop()
        if not self._swept:
            self._swept = True
            loop.call_later(self._seconds, self._sweep)
        self._held[key] = loop.time() + self._seconds, value
        self._held.move_to_end(key)
        if len(self._held) > self._capacity:
            self._held.popitem(last=False)

    def drop(self, key: Key) -> None:
        """Remember nothing under `key`."""
        self._held.pop(key, None)

    def __len__(self) -> int:
        return len(self._held)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        while self._held:
            until = next(iter(self._held.values()))[0]
            if until > loop.time():
                loop.call_at(until, self._sweep)
                return
            self._held.popitem(last=False)
        self._swept = False
