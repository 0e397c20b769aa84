"""What is asked at the same moment goes together, and nobody pays for another: neither by a fault nor by a delay."""

import asyncio
from collections.abc import Sequence

import pytest

from domain.errors import Unavailable
from domain.storage.postgres import statements_run
from domain.together import Together


class Doubling:
    """Doubles numbers: minus one is at fault, zero waits for `gate`, whoever else waits with it."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, list[int]]] = []
        self.begun = asyncio.Event()
        self.gate = asyncio.Event()
        self.together: Together[str, int, int] = Together(self._run, limit=4)

    async def _run(self, key: str, items: Sequence[int]) -> list[int]:
        self.runs.append((key, list(items)))
        self.begun.set()
        if (noted := statements_run.get()) is not None:
            noted.append(key)
        if 0 in items:
            await self.gate.wait()
        else:
            await asyncio.sleep(0)
        if 500 in items:
            raise Unavailable("away")
        if -1 in items:
            raise ValueError("at fault")
        return [2 * item for item in items]


async def test_what_is_asked_in_one_turn_goes_together_by_key_and_in_order() -> None:
    doubling = Doubling()
    ask = doubling.together.ask
    answers = await asyncio.gather(*(ask("a", n) for n in range(1, 7)), ask("b", 9))
    assert answers == [2, 4, 6, 8, 10, 12, 18]
    assert doubling.runs == [("a", [1, 2, 3, 4]), ("b", [9]), ("a", [5, 6])]


async def test_what_comes_meanwhile_goes_into_a_run_that_begins_later() -> None:
    doubling = Doubling()
    first = asyncio.create_task(doubling.together.ask("a", 1))
    await doubling.begun.wait()
    assert await doubling.together.ask("a", 2) == 4
    assert await first == 2
    assert doubling.runs == [("a", [1]), ("a", [2])]


async def test_whoever_is_at_fault_fails_alone() -> None:
    doubling = Doubling()
    answers = await asyncio.gather(*(doubling.together.ask("a", n) for n in (1, -1, 3)), return_exceptions=True)
    assert [answers[0], answers[2]] == [2, 6]
    assert isinstance(answers[1], ValueError)


async def test_a_store_that_is_away_is_not_asked_again_for_each() -> None:
    doubling = Doubling()
    answers = await asyncio.gather(*(doubling.together.ask("a", n) for n in (1, 500)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
    assert len(doubling.runs) == 1


async def test_one_that_waits_for_a_lock_does_not_hold_up_those_behind_it() -> None:
    doubling = Doubling()
    held = asyncio.create_task(doubling.together.ask("a", 0))
    await doubling.begun.wait()
    assert await doubling.together.ask("a", 2) == 4
    assert not held.done()
    doubling.gate.set()
    assert await held == 0


async def test_whoever_goes_away_takes_the_answer_from_nobody() -> None:
    doubling = Doubling()
    leaving = asyncio.create_task(doubling.together.ask("a", 0))
    staying = asyncio.create_task(doubling.together.ask("a", 4))
    await doubling.begun.wait()
    leaving.cancel()
    doubling.gate.set()
    assert await staying == 8
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_statements_count_to_whoever_asked_first() -> None:
    doubling = Doubling()

    async def asked(item: int) -> tuple[int, list[str]]:
        noted: list[str] = []
        statements_run.set(noted)
        return await doubling.together.ask("a", item), noted

    found = await asyncio.gather(*(asyncio.create_task(asked(n)) for n in (1, 2)))
    assert found == [(2, ["a"]), (4, [])]
