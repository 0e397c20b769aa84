"""Waiting times between attempts, so that a server that comes back is not met by everyone at once."""

import asyncio
import secrets
from random import Random

FIRST_SECONDS = 0.05
LONGEST_SECONDS = 2.0


class Backoff:
    """Exponential backoff with full jitter (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).

    The n-th wait is uniform between 0 and `min(longest, first * 2^n)` seconds.
    """

    def __init__(
        self,
        first_seconds: float = FIRST_SECONDS,
        longest_seconds: float = LONGEST_SECONDS,
        random: Random | None = None,
    ) -> None:
        self._first_seconds = first_seconds
        self._longest_seconds = longest_seconds
        self._random = random or secrets.SystemRandom()
        self._attempt = 0

    def reset(self) -> None:
        """The last attempt went well."""
        self._attempt = 0

    def next_seconds(self) -> float:
        """How long to wait before the next attempt."""
        ceiling = min(self._longest_seconds, self._first_seconds * 2**self._attempt)
        # Below the ceiling's cap no further growth is needed, and the power stays small.
        self._attempt = min(self._attempt + 1, 30)
        return self._random.uniform(0, ceiling)

    async def wait(self) -> None:
        """Sleep until the next attempt."""
        await asyncio.sleep(self.next_seconds())
