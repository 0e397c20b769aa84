"""What experiments change in lists, interfaces and parameters, and that people count once they are shown it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from graphql_api.auth import Scope
from tests.api.experiment_room import ASSIGNMENT, FORCE, PLAN, act, counted, expose, judging, results, started
from tests.api.graphql_room import LEARN, LIST, Graph, Socket, begun, caller, served
from tests.api.rest_room import RestRoom, application, token
from tests.api.test_api_guide import DOCS, EXPERIMENT, examples
from tests.api.training_room import behave, train

ANNA = "anna"
VIA = {"recommendations.diversity": 1.0}


@pytest.fixture
async def admin(room: RestRoom) -> Graph:
    await room.agree(ANNA)
    return caller(room.app, room.tenant, "operator", Scope)


@pytest.fixture
async def worker(room: RestRoom) -> AsyncIterator[dict[str, Any]]:
    async with judging(room) as context:
        yield context


def everybody(parameters: dict[str, Any], key: str = "buttons") -> dict[str, Any]:
    """A plan in which nearly everybody has what is tried."""
    variations = [{"key": "control"}, {"key": "tried", "parameters": parameters}]
    return {"key": key, "variations": variations, "weights": [0.001, 0.999]}


async def has(admin: Graph, key: str = "buttons") -> dict[str, Any]:
    found: dict[str, Any] = await admin.ask(ASSIGNMENT, user=ANNA, key=key)
    return found


def ordinary(page: dict[str, Any]) -> list[str]:
    """The items of a page of ten whose last place chance fills."""
    return [edge["node"]["itemId"] for edge in page["edges"][:-1]]


async def listed(admin: Graph, user: str = ANNA) -> Any:
    return await admin.ask(LIST, user=user, first=10)


async def test_a_list_is_made_by_the_variation_and_counts_once_it_is_served(
    admin: Graph, room: RestRoom, worker: dict[str, Any]
) -> None:
    await behave(room)
    await train(worker, room)
    await admin.ask(LEARN, input={"userId": ANNA, "actions": [{"type": "template_used", "feature": "retro_1"}]})
    before = await listed(admin)
    popular = {"popularity": 1.0}
    experiment = await started(admin, **everybody({"recommendations.blend": popular, "recommendations.diversity": 0.0}))
    assert (await has(admin))["exposedAt"] is None
    during = await listed(admin)
    assert ordinary(during) != ordinary(before)
    codes = {reason["code"] for edge in during["edges"] for reason in edge["node"]["reasons"]}
    assert "SIMILAR_TO_HISTORY" not in codes
    assert (await has(admin))["reason"] == "KEPT"
    await counted(worker)
    [live] = await results(admin, experiment)
    assert live["phases"][0]["units"] == [0, 1]
    await act(admin, "stop", experiment)
    after = await listed(admin)
    assert ordinary(after) == ordinary(before)


async def test_a_model_version_is_put_under_test(admin: Graph, room: RestRoom, worker: dict[str, Any]) -> None:
    await behave(room)
    await train(worker, room)
    first = (await listed(admin))["modelVersion"]
    await train(worker, room, {"collaborativeFiltering": {"dimensions": 2, "type": "matrix_factorization"}})
    versions = [model["version"] for model in await admin.ask("{ models { version } }")]
    serving = (await listed(admin))["modelVersion"]
    other = next(version for version in versions if version != serving)
    assert first in versions
    await started(admin, **everybody({"recommendations.modelVersion": other}))
    assert (await listed(admin))["modelVersion"] == other
    assert (await listed(admin, "stranger"))["modelVersion"] == serving


async def test_exploration_is_put_under_test_and_its_policy_is_noted(admin: Graph, room: RestRoom) -> None:
    await admin.ask(LEARN, input={"userId": ANNA, "actions": [{"type": "template_used", "feature": "template_1"}]})
    parameters = {"recommendations.explorationShare": 0.5, "recommendations.explorationPolicy": "uniform"}
    await started(admin, **everybody(parameters))
    assert (await listed(admin))["policyVersion"].endswith("+explore-1@0.5:uniform")
    await started(admin, **everybody({"recommendations.explorationPolicy": "thompson"}, "second"))
    # The first experiment has the parameter; the second has not been seen.
    assert (await listed(admin))["policyVersion"].endswith(":uniform")
    assert ((await has(admin))["reason"], (await has(admin, "second"))["reason"]) == ("KEPT", "HASHED")


async def test_experiments_of_one_group_try_the_same_parameter_with_people_of_their_own(
    admin: Graph, room: RestRoom
) -> None:
    settings = "query S($user: String!) { uiSettings(userId: $user) { variant } }"
    for key, start, end in (("first", 0.0, 0.5), ("second", 0.5, 1.0)):
        variations = [{"key": name, "parameters": {"ui.variant": key}} for name in ("control", "tried")]
        group = {"name": "looks", "start": start, "end": end}
        await started(admin, key=key, variations=variations, exclusionGroup=group)
    seen = set()
    for number in range(8):
        await room.agree(f"user_{number}")
        shown = (await admin.ask(settings, user=f"user_{number}"))["variant"]
        kept = [key for key in ("first", "second") if await exposed(admin, f"user_{number}", key)]
        assert kept == [shown]
        seen.add(shown)
    assert seen == {"first", "second"}


async def exposed(admin: Graph, user: str, key: str) -> bool:
    return (await admin.ask(ASSIGNMENT, user=user, key=key))["exposedAt"] is not None


async def test_settings_of_the_interface_are_tried_but_never_over_what_a_person_stated(
    admin: Graph, room: RestRoom
) -> None:
    settings = "query S($user: String!) { uiSettings(userId: $user) { variant theme { value source } } }"
    await started(admin, **everybody({"ui.theme": "dark"}))
    await started(admin, **everybody({"ui.variant": "cards"}, "variant"))
    shown = await admin.ask(settings, user=ANNA)
    assert shown == {"variant": "cards", "theme": {"value": "DARK", "source": "EXPERIMENT"}}
    assert (await has(admin))["reason"] == "KEPT"
    await room.agree("bert")
    state = "mutation U($input: UpdateUiSettingsInput!) { updateUiSettings(input: $input) { __typename } }"
    await admin.ask(state, input={"userId": "bert", "theme": "LIGHT"})
    assert (await admin.ask(settings, user="bert"))["theme"] == {"value": "LIGHT", "source": "STATED"}
    assert (await admin.ask(ASSIGNMENT, user="bert", key="buttons"))["exposedAt"] is None
    usual = await admin.ask(settings, user="nobody")
    assert (usual["variant"], usual["theme"]["source"]) == (None, "DEFAULT")


async def test_parameters_of_a_generation_are_tried(admin: Graph) -> None:
    asked = """query P($user: String!) { generationParameters(userId: $user, context: { purpose: "social" }) {
      parameters { name value source } } }"""
    usual = {p["name"]: p for p in (await admin.ask(asked, user=ANNA))["parameters"]}
    await started(admin, **everybody({"generation.transitions": "none", "generation.durationSeconds": 12}))
    tried = {p["name"]: p for p in (await admin.ask(asked, user=ANNA))["parameters"]}
    changed = {name for name in usual if usual[name] != tried[name]}
    assert changed
    assert {tried[name]["source"] for name in changed} == {"EXPERIMENT"}
    assert (await has(admin))["reason"] == "KEPT"


async def test_switched_off_everybody_has_the_control_and_nothing_is_noted(admin: Graph, room: RestRoom) -> None:
    await started(admin, **everybody(VIA))
    async with application(room.settings.model_copy(update={"ab_testing_enabled": False})) as app:
        off = caller(app, room.tenant, "operator", Scope)
        shown = await expose(off, ANNA)
        assert (shown["variation"], shown["reason"], shown["exposedAt"]) == ("control", "SWITCHED_OFF", None)
        await listed(off)
        assert "experiments" in (await off.ask("{ health { switchedOff } }"))["switchedOff"]
    assert (await has(admin))["exposedAt"] is None
    assert "experiments" not in (await admin.ask("{ health { switchedOff } }"))["switchedOff"]


async def test_live_figures_are_told_to_who_follows(admin: Graph, room: RestRoom, worker: dict[str, Any]) -> None:
    experiment = await started(admin)
    async with (
        served(room.app) as address,
        begun(address, f"Bearer {token(room.tenant, 'operator')}") as opened,
    ):
        socket: Socket = opened
        await socket.subscribe(
            "subscription F($id: String!) { experimentResults(experimentId: $id) { phases { units } } }", id=experiment
        )
        assert (await socket.next())["phases"] == [{"units": [0, 0]}]
        await expose(admin, ANNA)
        await counted(worker)
        assert sum((await socket.next())["phases"][0]["units"]) == 1


BANDIT_PEOPLE = 280
"""Half of them are fewer than the hundred that each arm needs in one of a million runs."""

BANDIT: dict[str, Any] = {
    **PLAN,
    "allocation": {"policy": "THOMPSON", "floor": 0.1},
    "metrics": [{"key": "liked", "kind": "PROPORTION", "source": {"events": ["liked"]}}],
}
VALUE = """query V($id: String!, $weights: [Float!]!) { splitValue(experimentId: $id, weights: $weights) {
  dr { value low high } ips { value } dm { value } effectiveUnits units } }"""
[EXAMPLE] = examples("graphql", DOCS / "experiments.md")


async def liking_green(admin: Graph, room: RestRoom, people: int) -> dict[str, Any]:
    """What people have who like something just where they have the green variation."""
    before: dict[str, Any] = {}
    for number in range(people):
        name = f"p{number}"
        await room.agree(name)
        before[name] = await expose(admin, name)
        if before[name]["variation"] == "green":
            await admin.ask(LEARN, input={"userId": name, "actions": [{"type": "liked", "feature": "modern"}]})
    return before


async def test_a_bandit_moves_the_traffic_and_nobody_who_has_a_variation(
    admin: Graph, room: RestRoom, worker: dict[str, Any]
) -> None:
    experiment, services = await started(admin, **BANDIT), room.services
    before = await liking_green(admin, room, BANDIT_PEOPLE)
    await counted(worker)
    [test] = (await services.experiments.current(room.tenant)).tests
    await worker["parts"].services.outcomes._reallocate(test)
    asked = "query E($id: String!) { experiment(experimentId: $id) { policy { version weights } } }"
    policy = (await admin.ask(asked, id=experiment))["policy"]
    assert (policy["version"], policy["weights"]) == ("1.1", pytest.approx([0.1, 0.9], abs=1e-6))
    services.experiments._held.clear()
    for name in list(before)[:40]:
        assert (await expose(admin, name))["variation"] == before[name]["variation"]
    await room.agree("late")
    late = await expose(admin, "late")
    chance = {"control": 0.1, "green": 0.9}[late["variation"]]
    assert (late["policyVersion"], late["propensity"]) == ("1.1", pytest.approx(chance, abs=1e-6))
    [live] = await results(admin, experiment)
    assert live["adaptive"]
    green = await admin.ask(VALUE, id=experiment, weights=[0.0, 1.0])
    assert green["dm"]["value"] == pytest.approx(1.0)
    assert green["dr"]["low"] <= 1.0 <= green["dr"]["high"]
    assert 100 <= green["effectiveUnits"] <= green["units"] == BANDIT_PEOPLE
    assert (await admin.ask(EXAMPLE.replace(EXPERIMENT, experiment)))["units"] == BANDIT_PEOPLE
    [error] = (await admin.whole(VALUE, id=experiment, weights=[0.5, 0.6]))["errors"]
    assert error["extensions"]["field"] == "weights"


async def test_what_cannot_be_an_experiment_is_not_found(admin: Graph) -> None:
    wrong = await admin.ask(FORCE, input={"experimentId": "none", "userId": ANNA, "variation": "green"})
    assert wrong["code"] == "NOT_FOUND"
