"""Experiments of a tenant, run from outside: what is written to create one, and a worker that counts and judges."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.api.graphql_room import Graph
from tests.api.rest_room import RestRoom
from tests.api.training_room import working
from workers import main

EXPERIMENT = """{ experimentId key status coverage revision startedAt stoppedAt
  variations { key weight parameters } policy { version weights coverage } }"""
PROBLEM = "... on Problem { code message field }"
CREATE = f"""mutation Create($input: CreateExperimentInput!) {{
  createExperiment(input: $input) {{ __typename ... on Experiment {EXPERIMENT} {PROBLEM} }} }}"""
RAMP = f"""mutation Ramp($input: RampExperimentInput!) {{
  rampExperiment(input: $input) {{ __typename ... on Experiment {EXPERIMENT} {PROBLEM} }} }}"""
ASSIGNED = "{ experimentKey variation parameters takesPart reason propensity policyVersion exposedAt }"
ASSIGNMENT = f"""query Assigned($user: String!, $key: String!) {{
  assignment(userId: $user, experimentKey: $key) {ASSIGNED} }}"""
EXPOSE = f"""mutation Expose($input: ExposeUserInput!) {{
  exposeUser(input: $input) {{ __typename ... on Assignment {ASSIGNED} {PROBLEM} }} }}"""
FORCE = f"""mutation Force($input: ForceVariationInput!) {{
  forceVariation(input: $input) {{ __typename ... on Assignment {ASSIGNED} {PROBLEM} }} }}"""
CONVERT = f"""mutation Convert($input: RecordConversionInput!) {{
  recordConversion(input: $input) {{ __typename ... on EventsRecorded {{ accepted duplicates }} {PROBLEM} }} }}"""
FIGURES = """{ evaluatedAt phase adaptive erasedUnits mergedUnits
  phases { phase units multiples alarms sampleRatio { p df alarm strays } }
  metrics { key kind arms { variation units value } comparisons { variation difference lift holm benjaminiHochberg
    fixed { low high p } relative { low high } sequential { low high p } bayesian { chanceToWin expectedLoss }
    method theta } }
  stillNeeded { fixed sequential } decision { verdict variation reasons } }"""
RESULTS = f"""query Results($id: String!, $live: Boolean! = true, $first: Int! = 1) {{
  experimentResults(experimentId: $id, live: $live, first: $first) {FIGURES} }}"""

EXPERIMENT_FIELDS = {
    "Query": {"experiment", "experiments", "experimentResults", "planExperiment", "assignment", "splitValue"},
    "Mutation": {
        "createExperiment", "startExperiment", "pauseExperiment", "resumeExperiment", "stopExperiment",
        "rampExperiment", "forceVariation", "exposeUser", "recordConversion",
    },
    "Subscription": {"experimentResults"},
}  # fmt: skip
"""The root fields of experiments; `test_experiment_sql_counts` counts their statements."""

PLAN: dict[str, Any] = {
    "key": "buttons",
    "variations": [{"key": "control"}, {"key": "green", "parameters": {"button.colour": "green"}}],
    "metrics": [
        {"key": "signup", "kind": "PROPORTION", "source": {"goals": ["signup"]}},
        {"key": "spent", "kind": "MEAN", "source": {"goals": ["paid"], "measure": "SUM", "cap": 1000.0}},
        {
            "key": "per_view",
            "kind": "RATIO",
            "source": {"events": ["template_used"]},
            "per": {"events": ["item_viewed"]},
        },
        {
            "key": "median_spent",
            "kind": "QUANTILE",
            "quantile": 0.5,
            "source": {"goals": ["paid"], "measure": "SUM"},
        },
    ],
    "analysis": {"minimumDays": 0.0},
}


async def create(admin: Graph, **changes: Any) -> str:
    """A draft; its id."""
    made = await admin.ask(CREATE, input={**PLAN, **changes})
    assert made["__typename"] == "Experiment", made
    return str(made["experimentId"])


async def act(admin: Graph, what: str, experiment_id: str) -> Any:
    """`start`, `pause`, `resume` or `stop` an experiment."""
    query = f"""mutation Act($input: ExperimentInput!) {{
      {what}Experiment(input: $input) {{ __typename ... on Experiment {EXPERIMENT} {PROBLEM} }} }}"""
    return await admin.ask(query, input={"experimentId": experiment_id})


async def started(admin: Graph, **changes: Any) -> str:
    """A running experiment; its id."""
    experiment_id = await create(admin, **changes)
    assert (await act(admin, "start", experiment_id))["status"] == "RUNNING"
    return experiment_id


async def expose(graph: Graph, user: str, key: str = "buttons") -> Any:
    return await graph.ask(EXPOSE, input={"userId": user, "experimentKey": key})


async def convert(graph: Graph, user: str, goal: str, value: float | None = None) -> None:
    done = await graph.ask(CONVERT, input={"userId": user, "goal": goal, "value": value})
    assert done == {"__typename": "EventsRecorded", "accepted": 1, "duplicates": 0}


async def results(admin: Graph, experiment_id: str, *, live: bool = True, first: int = 1) -> list[Any]:
    found: list[Any] = await admin.ask(RESULTS, id=experiment_id, live=live, first=first)
    return found


@asynccontextmanager
async def judging(room: RestRoom) -> AsyncIterator[dict[str, Any]]:
    """A worker that learns from what was told, counts and judges."""
    async with working(room) as worker:
        yield worker


async def counted(worker: dict[str, Any]) -> None:
    """Learn from every waiting event, then count."""
    services = worker["parts"].services
    while (await services.behavior.backlog()).waiting:
        await services.profiles.learn_batch()
    await main.judge_experiments(worker)
