"""Sums shown to many, asked again and again: nothing of what one person is or did follows from the differences."""

import random
from collections.abc import Sequence

import pytest

from domain.disclosure import FEWEST_PEOPLE, hidden_cells, in_steps
from graphql_api.auth import Scope
from tests.api.graphql_room import Graph, caller
from tests.api.rest_room import LEARNT, RestRoom

SEEDS = range(200)
SMALL_CELL = 4


def table(source: random.Random) -> list[int]:
    """Sizes of segments as trainings make them, small ones among them."""
    return [source.choice((0, 1, 2, 3, 4, 5, 6, 7, 9, 20, 100)) for _ in range(source.randint(2, 9))]


def follows_from_the_sum(sizes: Sequence[int], told: dict[int, int]) -> int | None:
    """What an attacker who knows how many people there are finds of a single cell that is not told."""
    missing = [place for place in range(len(sizes)) if place not in told]
    left = sum(sizes) - sum(told.values())
    return left if len(missing) == 1 else 0 if missing and left == 0 else None


@pytest.mark.parametrize("seed", SEEDS)
def test_no_small_cell_follows_from_the_others_and_a_known_sum(seed: int) -> None:
    sizes = table(random.Random(seed))  # noqa: S311 - seeded, so that the test repeats itself
    hidden = hidden_cells(sizes)
    told = {place: size for place, size in enumerate(sizes) if place not in hidden}
    assert all(size >= FEWEST_PEOPLE for size in told.values())
    if sum(sizes) >= FEWEST_PEOPLE:
        assert follows_from_the_sum(sizes, told) is None
    assert not hidden or not told or sum(sizes[place] for place in hidden) >= FEWEST_PEOPLE


def test_hiding_small_cells_alone_would_be_found_out() -> None:
    found = 0
    for seed in SEEDS:
        sizes = table(random.Random(seed))  # noqa: S311 - seeded, so that the test repeats itself
        told = {place: size for place, size in enumerate(sizes) if size >= FEWEST_PEOPLE}
        small = follows_from_the_sum(sizes, told)
        found += small is not None and 0 < small <= SMALL_CELL
    assert found > 0


def test_where_nothing_is_small_everything_is_told() -> None:
    assert hidden_cells([5, 6, 100]) == frozenset()
    assert hidden_cells([]) == frozenset()
    assert hidden_cells([3, 50, 7]) == {0, 2}
    assert hidden_cells([1, 2, 30, 40]) == {0, 1, 2}


@pytest.mark.parametrize("seed", SEEDS)
def test_one_more_person_seldom_shows_in_a_count_that_is_told(seed: int) -> None:
    source = random.Random(seed)  # noqa: S311 - seeded, so that the test repeats itself
    before = source.uniform(4.5, 60)
    told = [in_steps(before + one) for one in (0, 1)]
    crosses = int((before + 1) // FEWEST_PEOPLE) != int(before // FEWEST_PEOPLE) and before + 1 >= 2 * FEWEST_PEOPLE
    assert (told[0] != told[1]) is crosses
    assert min(told) >= FEWEST_PEOPLE
    assert all(count % FEWEST_PEOPLE == 0 for count in told)


async def test_no_counter_of_the_process_names_a_person_a_tenant_or_an_item(room: RestRoom) -> None:
    user = "anna-whom-no-counter-names"
    await room.agree(user)
    async with room.caller(user, Scope) as anna:
        body = {"userId": user, "behaviorData": LEARNT}
        assert (await anna.post("/learn-preferences", json=body)).is_success
        assert (await anna.post("/recommendations", json={"userId": user})).is_success
        click = {"userId": user, "itemId": "modern", "action": "clicked"}
        assert (await anna.post("/track-interaction", json=click)).is_success
    await caller(room.app, room.tenant, user).ids(user)
    await caller(room.app, room.tenant, user).whole("{ unheardOf { that } }")
    text = (await Graph(room.app, None).http.get("/metrics")).text
    labels = {line.partition("{")[2].partition("}")[0] for line in text.splitlines() if "{" in line}
    assert len(labels) > 10
    for named in (user, room.tenant, "modern", "session_123", "unheardOf"):
        assert not any(named in label for label in labels), named
