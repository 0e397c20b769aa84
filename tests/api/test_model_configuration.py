"""The documented model configuration from the doors: `retrainModels`, `personalization train`, the daily training."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from domain.errors import ValidationFailed
from domain.ids import JobId
from tests.api.command import personalization
from tests.api.graphql_room import Graph, caller
from tests.api.rest_room import RestRoom
from tests.api.training_room import behave, working
from workers import main
from workers.training.config import TrainingConfig, configured

DOCUMENTED: dict[str, Any] = {
    "preferencePrediction": {
        "type": "neural_network",
        "features": ["user_actions", "content_features", "temporal_patterns"],
    },
    "userSegmentation": {"type": "clustering", "algorithm": "kmeans", "clusters": 5},
    "collaborativeFiltering": {"type": "matrix_factorization", "algorithm": "svd", "dimensions": 50},
}
"""As the specification writes it."""

RETRAIN = """mutation R($input: RetrainModelsInput) { retrainModels(input: $input) {
  __typename ... on Job { jobId } ... on Problem { code field } } }"""


@pytest.fixture
async def worker(room: RestRoom) -> AsyncIterator[dict[str, Any]]:
    async with working(room) as context:
        yield context


@pytest.fixture
def olga(room: RestRoom) -> Graph:
    return caller(room.app, room.tenant, "olga")


@pytest.mark.parametrize("algorithm", ["svd", "als"])
async def test_the_documented_configuration_is_trained_and_the_version_says_which_ran(
    algorithm: str, room: RestRoom, worker: dict[str, Any], olga: Graph
) -> None:
    await behave(room)
    factorization = DOCUMENTED["collaborativeFiltering"] | {"algorithm": algorithm}
    job = await olga.ask(RETRAIN, input={"config": DOCUMENTED | {"collaborativeFiltering": factorization}})
    await main.run_job(worker, job["jobId"])
    done = await room.services.jobs.job(room.tenant, JobId(job["jobId"]))
    assert done.error is None
    [model] = await olga.ask("{ models { algorithm } }")
    assert model == {"algorithm": algorithm}
    loaded = await room.services.models.refresh(room.tenant)
    assert loaded is not None
    assert loaded.model.factors.shape[1] == 50
    assert loaded.model.segments is not None
    assert len(loaded.model.segments) == 5


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [
        ("preferencePrediction", "type", "forest"),
        ("preferencePrediction", "features", ["horoscope"]),
        ("userSegmentation", "algorithm", "dbscan"),
        ("userSegmentation", "clusters", 0),
        ("collaborativeFiltering", "algorithm", "magic"),
        ("collaborativeFiltering", "dimensions", 100_000),
    ],
)
async def test_what_is_not_documented_is_refused_by_name(olga: Graph, section: str, name: str, value: Any) -> None:
    problem = await olga.ask(RETRAIN, input={"config": {section: {name: value}}})
    assert (problem["__typename"], problem["code"]) == ("ValidationProblem", "VALIDATION")
    assert problem["field"].startswith(f"{section}.{name}")


async def test_another_configuration_than_the_one_under_way_is_a_conflict(olga: Graph) -> None:
    first = await olga.ask(RETRAIN, input={"config": {"userSegmentation": {"clusters": 3}}})
    assert (await olga.ask(RETRAIN, input={"config": {"userSegmentation": {"clusters": 3}}}))["jobId"] == first["jobId"]
    assert (await olga.ask(RETRAIN))["jobId"] == first["jobId"]
    assert (await olga.ask(RETRAIN, input={"config": {"userSegmentation": {"clusters": 4}}}))["code"] == "CONFLICT"


def test_a_file_configures_the_daily_training(tmp_path: Path) -> None:
    file = tmp_path / "models.json"
    file.write_text(json.dumps(DOCUMENTED))
    config = TrainingConfig.parse(configured(file))
    assert (config.algorithm, config.factors, config.clusters) == ("svd", 50, 5)
    assert config.network_features == ("user_actions", "content_features", "temporal_patterns")
    file.write_text(json.dumps({"collaborativeFiltering": {"dimension": 50}}))
    with pytest.raises(ValidationFailed) as refused:
        configured(file)
    assert refused.value.field == "collaborativeFiltering.dimension"


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ('{"collaborativeFiltering": {"dimension": 50}}', "collaborativeFiltering.dimension"),
        ('{"colaborativeFiltering": {}}', "colaborativeFiltering"),
        ("{", "not JSON"),
        ("no-such-file.json", "cannot be read"),
    ],
)
def test_the_command_refuses_what_it_does_not_know(tmp_path: Path, config: str, said: str) -> None:
    ran = personalization("train", "--tenant", "demo", "--data-dir", str(tmp_path), "--config", config)
    assert ran.returncode != 0
    assert said in ran.stderr
