"""How many statements the root fields of experiments cost."""

from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette

from domain.settings import Settings
from graphql_api.noting import ORDINARY
from tests.api.experiment_room import EXPERIMENT_FIELDS, act, create, expose, judging, started
from tests.api.graphql_room import Graph, begun, caller, served
from tests.api.rest_room import RestRoom, application, token
from tests.api.test_sql_counts import ANNA, ATTEMPTS, NOTED, statements

QUERIES: dict[str, dict[str, int]] = {
    "experiment": {
        'experiment(key: "buttons") { status }': 1,
        'experiment(key: "buttons") { policies { version } }': 2,
    },
    "experiments": {"experiments { edges { node { key } } }": 1},
    "experimentResults": {
        'experimentResults(experimentId: "$test") { phase }': 3,
        'experimentResults(experimentId: "$test", live: true) { phase }': 4,
    },
    "planExperiment": {"planExperiment(input: { mean: 0.1, effect: 0.1 }) { fixed }": 0},
    "assignment": {'assignment(userId: "$user", experimentKey: "buttons") { variation }': 2},
}
MUTATIONS: dict[str, tuple[str, int]] = {
    "createExperiment": (
        'key: "e$n", variations: [{ key: "a" }, { key: "b" }], metrics: [{ key: "m", kind: MEAN, source: $source }]',
        2,
    ),
    "startExperiment": ('experimentId: "$draft"', 7),
    "pauseExperiment": ('experimentId: "$running"', 6),
    "resumeExperiment": ('experimentId: "$paused"', 6),
    "stopExperiment": ('experimentId: "$running"', 6),
    "rampExperiment": ('experimentId: "$running", coverage: 0.9', 7),
    "forceVariation": ('experimentId: "$test", userId: "$user", variation: "green"', 5),
    "exposeUser": ('userId: "$user", experimentKey: "buttons"', 2),
    "recordConversion": ('userId: "$user", goal: "signup", value: $n', 6),
}
SUBSCRIPTION = ('experimentResults(experimentId: "$test") { phase }', 4)


@pytest.fixture(scope="module")
async def debugged(rest_settings: Settings) -> AsyncIterator[Starlette]:
    async with application(rest_settings.model_copy(update={"debug": True})) as app:
        yield app


@pytest.fixture
async def anna(debugged: Starlette, room: RestRoom) -> Graph:
    await room.agree(ANNA)
    return caller(debugged, room.tenant, ANNA)


@pytest.fixture
async def names(anna: Graph, room: RestRoom) -> dict[str, str]:
    experiment = await started(anna)
    await expose(anna, ANNA)
    async with judging(room) as worker:
        await worker["parts"].services.outcomes.count(room.tenant)
    return {"$user": ANNA, "$test": experiment, "$source": '{ events: ["liked"] }'}


def filled(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(name, value)
    return text


def test_every_root_field_of_experiments_is_counted() -> None:
    assert {"Query": {*QUERIES, "splitValue"}, "Mutation": set(MUTATIONS), "Subscription": {"experimentResults"}} == (
        EXPERIMENT_FIELDS
    )


@pytest.mark.parametrize(("asked", "expected"), [case for cases in QUERIES.values() for case in cases.items()])
async def test_a_query_runs_so_many_statements(asked: str, expected: int, anna: Graph, names: dict[str, str]) -> None:
    query = f"{{ {filled(asked, names)} }}"
    assert min([statements(await anna.whole(query)) for _ in range(ATTEMPTS)]) == expected


async def test_a_split_of_whom_too_few_speak_costs_no_more(anna: Graph, names: dict[str, str]) -> None:
    asked = filled('{ splitValue(experimentId: "$test", weights: [0.5, 0.5]) { units } }', names)
    answer = await anna.whole(asked)
    assert answer["errors"][0]["extensions"]["code"] == "VALIDATION"
    assert answer["extensions"]["debug"]["sqlStatements"] == 3


@pytest.mark.parametrize(("field", "given", "expected"), [(f, given, n) for f, (given, n) in MUTATIONS.items()])
async def test_a_mutation_runs_so_many_statements(
    field: str, given: str, expected: int, anna: Graph, names: dict[str, str]
) -> None:
    counted = []
    for number in range(ATTEMPTS):
        own = {**names, "$n": str(number)}
        for state in ("draft", "running", "paused"):
            if f"${state}" in given:
                own[f"${state}"] = await create(anna, key=f"own{number}")
                if state != "draft":
                    await act(anna, "start", own[f"${state}"])
                if state == "paused":
                    await act(anna, "pause", own[f"${state}"])
        answer = await anna.whole(
            f"mutation {{ {field}(input: {{ {filled(given, own)} }}) {{ __typename ... on Problem {{ message }} }} }}"
        )
        counted.append(statements(answer))
        assert not answer["data"][field]["__typename"].endswith("Problem"), answer
    assert min(counted) == expected + (0 if field in ORDINARY else NOTED)


async def test_a_first_event_takes_so_many_statements(
    debugged: Starlette, room: RestRoom, anna: Graph, names: dict[str, str]
) -> None:
    asked, expected = SUBSCRIPTION
    async with served(debugged) as address, begun(address, f"Bearer {token(room.tenant, ANNA)}") as opened:
        await opened.subscribe(f"subscription {{ {filled(asked, names)} }}")
        message = await opened.receive()
        assert message["type"] == "next", message
        assert statements(message["payload"]) == expected
