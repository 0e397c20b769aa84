"""The container files, read as data: what they start exists, runs without privileges and holds no secret."""

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.source import ROOT

SERVICES = {"postgres", "valkey", "migrate", "api", "worker"}
OURS = ("migrate", "api", "worker")
SECRET_NAMES = re.compile(r"SECRET$|PASSWORD$|KEK$|TOKEN$")


@cache
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    return loaded


def service(name: str) -> dict[str, Any]:
    found: dict[str, Any] = compose()["services"][name]
    return found


@cache
def stages() -> dict[str, list[tuple[str, str]]]:
    """The Dockerfile's instructions by build stage; continued lines are joined, comments dropped."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    found: dict[str, list[tuple[str, str]]] = {"": []}
    stage = ""
    for line in filter(None, (line.strip() for line in text.replace("\\\n", " ").splitlines())):
        instruction, _, argument = line.partition(" ")
        if instruction == "FROM":
            parent, _, stage = argument.partition(" AS ")
            found[stage] = list(found.get(parent, []))
        else:
            found[stage].append((instruction, argument.strip()))
    return found


def last(stage: str, instruction: str) -> str:
    return [argument for name, argument in stages()[stage] if name == instruction][-1]


def help_of(*command: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("personalization")
    return subprocess.run([program, *command, "--help"], capture_output=True, text=True, timeout=60, check=False)


def test_the_services_are_the_documented_ones() -> None:
    assert set(compose()["services"]) == SERVICES
    assert service("postgres")["image"] == "postgres:18"
    assert service("valkey")["image"].partition(":")[2].startswith("9")


@pytest.mark.parametrize("name", ["postgres", "valkey", "api", "worker"])
def test_a_service_that_stays_has_a_health_check(name: str) -> None:
    assert service(name)["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_no_service_can_gain_privileges(name: str) -> None:
    assert "no-new-privileges:true" in service(name)["security_opt"]


@pytest.mark.parametrize("name", ["valkey", *OURS])
def test_a_service_without_data_of_its_own_is_read_only_and_unprivileged(name: str) -> None:
    assert service(name)["read_only"] is True
    assert service(name)["cap_drop"] == ["ALL"]
    assert service(name)["user"].partition(":")[0] not in {"", "0", "root"}


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_secrets_come_from_the_environment_only(name: str) -> None:
    secrets = {key: value for key, value in service(name).get("environment", {}).items() if SECRET_NAMES.search(key)}
    assert {key: value for key, value in secrets.items() if not re.fullmatch(r"\$\{\w+:[?-][^}]*\}", value)} == {}


def test_the_key_encryption_key_is_a_secret_only_our_user_reads() -> None:
    assert compose()["secrets"] == {"kek": {"environment": "PERSONALIZATION_KEK"}}
    for name in OURS:
        (secret,) = service(name)["secrets"]
        assert (secret["uid"], secret["mode"]) == (service(name)["user"].partition(":")[0], 0o400)
        assert service(name)["environment"]["PERSONALIZATION_KEK_FILE"] == f"/run/secrets/{secret['target']}"


def test_only_migrate_logs_in_as_the_owner_of_the_database() -> None:
    owners = [name for name in OURS if "@" in service(name)["environment"]["PERSONALIZATION_DATABASE_URL"]]
    assert owners == ["migrate"]


def test_a_service_starts_when_what_it_needs_is_there() -> None:
    assert service("migrate")["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in ("api", "worker"):
        assert service(name)["depends_on"] == {
            "postgres": {"condition": "service_healthy"},
            "valkey": {"condition": "service_healthy"},
            "migrate": {"condition": "service_completed_successfully"},
        }


def test_only_the_api_is_published_and_only_on_this_machine() -> None:
    published = {name: service(name)["ports"] for name in SERVICES if "ports" in service(name)}
    assert list(published) == ["api"]
    assert all(port.startswith("127.0.0.1:") for port in published["api"])


@pytest.mark.parametrize("name", OURS)
def test_each_service_builds_a_stage_of_the_dockerfile_that_is_not_root(name: str) -> None:
    stage = service(name)["build"]["target"]
    assert last(stage, "USER") == service(name)["user"]
    assert json.loads(last(stage, "ENTRYPOINT")) == ["personalization"]


@pytest.mark.parametrize("stage", ["api", "worker"])
def test_an_image_holds_no_secret(stage: str) -> None:
    named = [argument for name, argument in stages()[stage] if name in {"ENV", "ARG"}]
    assert [word for argument in named for word in re.findall(r"(\w+)=", argument) if SECRET_NAMES.search(word)] == []


def test_the_images_install_from_the_lock_and_only_the_workers_has_training_libraries() -> None:
    installs = {stage: last(stage, "RUN") for stage in ("build", "build-worker")}
    assert all("--constraint constraints.txt" in install for install in installs.values())
    assert ["training" in installs[stage] for stage in ("build", "build-worker")] == [False, True]
    assert "--from=build " in last("api", "COPY")
    assert "--from=build-worker " in last("worker", "COPY")


def test_what_the_build_needs_is_not_ignored() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").split() if line[0] == "!"}
    assert {"pyproject.toml", "constraints.txt", "README.md", "cli", "domain", "graphql_api", "workers"} <= kept


@pytest.mark.parametrize(
    "command",
    [tuple(service(name)["command"]) for name in OURS]
    + [tuple(json.loads(last(stage, "CMD"))) for stage in ("api", "worker")]
    + [
        tuple(test[2:])
        for name in OURS
        if (test := service(name).get("healthcheck", {}).get("test", ["", ""]))[1] == "personalization"
    ],
)
def test_the_commands_are_commands_of_the_program(command: tuple[str, ...]) -> None:
    name, *options = command
    answer = help_of(name)
    assert answer.returncode == 0, answer.stderr
    assert [option for option in options if option not in answer.stdout] == []
