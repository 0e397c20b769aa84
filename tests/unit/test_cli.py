"""The command line without a service behind it: help, errors, exit statuses, tokens."""

import asyncio
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from cli.endpoints import Endpoints
from cli.first_run import FirstRun
from cli.installation import local_settings
from cli.main import COMMANDS, main
from domain.settings import Environment, Settings


def run(*arguments: str, **variables: str | None) -> Result:
    return CliRunner().invoke(main, arguments, env={"PERSONALIZATION_DATA_DIR": None, **variables})


def test_help_loads_no_heavy_module() -> None:
    probe = "import sys; from cli.main import main; main(['--help'], standalone_mode=False); print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    loaded = set(shown.stdout.splitlines()[-1].split())
    assert loaded.isdisjoint({"asyncio", "asyncpg", "numpy", "pydantic", "redis", "rich", "strawberry", "uvicorn"})


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_an_example(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    shown = run(name, "--help")
    assert shown.exit_code == 0
    assert re.search(r"Examples?:", shown.stdout)
    assert COMMANDS[name][1] in " ".join(shown.stdout.split())


@pytest.mark.parametrize("arguments", [("--help",), ("--protocol", "time", "--dataset", "empty.csv")])
def test_an_evaluation_loads_what_measures_only_when_it_measures(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "empty.csv").write_text("user_id,item_id,timestamp\n")
    asked = ["evaluate", *arguments]
    probe = f"import sys; from cli.main import main\ntry: main({asked!r})\nfinally: print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert shown.returncode == (0 if arguments == ("--help",) else 2), shown.stderr
    assert {"torch", "sklearn", "implicit"}.isdisjoint(shown.stdout.splitlines()[-1].split())


def test_what_others_wrote_is_shown_as_it_stands(tmp_path: Path) -> None:
    name = "[/b] :smile: [red]x"
    case = {"kind": "two_proportion", "id": name, "control": {"x": 120, "n": 1000}, "treatment": {"x": 150, "n": 1000}}
    shown = CliRunner().invoke(main, ["analyze", "--table"], input=json.dumps(case))
    assert shown.exit_code == 0, shown.output
    assert f"{name}: two_proportion" in shown.stdout

    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"user_id": "a", name: 1}) + "\n")
    refused = run("evaluate", "--dataset", str(rows), "--protocol", "time")
    assert refused.exit_code == 2
    assert f"rows.jsonl:1: {name}: the line has a column '{name}'" in refused.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("documents", "build", "{given}/query.graphql", "--file", "{nowhere}"),
        ("schema", "--file", "{nowhere}"),
        ("simulate", "experiments", "--only", "peeking", "--plots", "{given}/query.graphql/pictures"),
        ("evaluate", "--dataset", "{given}/rows.csv", "--protocol", "time", "--rejects", "{nowhere}"),
        ("privacy", "export", "ana", "--tenant", "demo", "--out", "{nowhere}", "--data-dir", "{given}/data"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_place_that_cannot_be_written_is_wrong_input(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "query.graphql").write_text("query { health { status } }")
    (tmp_path / "rows.csv").write_text("user_id,item_id,timestamp\nana,film,2024-01-01\n")
    nowhere = tmp_path / "nowhere" / "file"
    shown = run(*(argument.format(given=tmp_path, nowhere=nowhere) for argument in arguments))
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert re.fullmatch(r"VALIDATION: .+ \(--\w+\)\n", shown.stderr)


@pytest.mark.parametrize(
    "arguments",
    [
        ("import", "--format", "movielens", "--items", "{given}", "--tenant", "demo"),
        ("import", "--format", "udata", "--context", "mood", "{given}/u.data", "--tenant", "demo"),
        ("import", "--format", "csv", "--items", "--context", "mood", "{given}/u.data", "--tenant", "demo"),
        ("evaluate", "--dataset", "{given}", "--protocol", "time", "--context", "mood"),
        ("evaluate", "--dataset", "{given}", "--protocol", "time", "--tags"),
        ("schema", "--release", "--file", "{given}/schema.graphql"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(arguments: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n1,2,3,1500000000\n")
    (tmp_path / "movies.csv").write_text("movieId,title,genres\n2,Film,Drama\n")
    (tmp_path / "u.data").write_text("1\t2\t3\t1500000000\n")
    shown = run(*(argument.format(given=tmp_path) for argument in arguments))
    assert shown.exit_code == 2
    assert re.search(r"--(items|context|tags|file)\b", shown.stderr)
    assert not (tmp_path / "schema.graphql").exists()


def test_an_unknown_command_is_wrong_input() -> None:
    assert run("down").exit_code == 2


def test_an_unknown_setting_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    asked = ("token", "--tenant", "demo", "--user", "u", "--scopes", "act_as", "--data-dir", str(tmp_path))
    shown = run(*asked, PERSONALIZATION_CACHE_TTLS="5")
    assert shown.exit_code == 2
    assert shown.stderr.count("\n") == 1
    assert shown.stderr.startswith("VALIDATION: unknown setting PERSONALIZATION_CACHE_TTLS")
    assert "PERSONALIZATION_CACHE_TTL?" in shown.stderr


def test_secrets_are_made_once_and_are_private(tmp_path: Path) -> None:
    local_settings(data_dir=tmp_path)
    file = tmp_path / "secrets" / "secrets.json"
    first = file.read_text()
    local_settings(data_dir=tmp_path)
    assert file.read_text() == first
    assert file.stat().st_mode & 0o077 == 0


def test_production_never_invents_a_secret(tmp_path: Path) -> None:
    asked = ("token", "--tenant", "demo", "--user", "ana", "--scopes", "act_as", "--data-dir", str(tmp_path))
    shown = run(*asked, PERSONALIZATION_ENVIRONMENT="production")
    assert shown.exit_code == 2
    assert "PERSONALIZATION_JWT_SECRET" in shown.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("--tenant", "demo", "--scopes", "profile:reed"), "did you mean profile:read?"),
        (("--tenant", "Demo!", "--scopes", "act_as"), "tenant"),
    ],
)
def test_a_token_for_something_impossible_is_refused(arguments: tuple[str, ...], hint: str, tmp_path: Path) -> None:
    shown = run("token", "--user", "ana", *arguments, "--data-dir", str(tmp_path))
    assert shown.exit_code == 2
    assert hint in shown.stderr


def test_where_an_identity_provider_issues_tokens_none_is_signed_that_it_would_not_know(tmp_path: Path) -> None:
    provider = {"PERSONALIZATION_JWT_JWKS_URL": "https://identity.example/keys"}
    asked = ("--tenant", "demo", "--user", "ana", "--scopes", "act_as", "--data-dir", str(tmp_path))
    shown = run("token", *asked, **provider)
    assert shown.exit_code == 2
    assert shown.stderr.startswith("VALIDATION: tokens come from the identity provider")
    settings = Settings(
        environment=Environment.DEVELOPMENT,
        jwt_secret="a-secret-of-this-test-only-0123456789",
        jwt_jwks_url=provider["PERSONALIZATION_JWT_JWKS_URL"],
    )
    assert asyncio.run(FirstRun(settings, demo_users=0).token()) is None


def test_a_failure_names_a_field_that_its_message_does_not() -> None:
    shown = run("train", "--tenant", "demo", "--config", '{"x": 1}')
    assert shown.exit_code == 2
    assert shown.stderr.endswith(" (x)\n")


def test_a_listener_on_every_address_is_reached_by_loopback() -> None:
    assert Endpoints("::", 8080).graphql == "http://127.0.0.1:8080/graphql"
    assert Endpoints("::1", 8080).ws == "ws://[::1]:8080/graphql"
    assert Endpoints("::1", 8443, tls=True).ws == "wss://[::1]:8443/graphql"


def test_the_module_runs_as_the_command_does() -> None:
    command = [sys.executable, "-P", "-m", "cli", "--version"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, env=dict(os.environ))
    assert "0." in shown.stdout


@pytest.mark.parametrize(("given", "threads"), [(None, 1), ("2", 2)])
def test_a_command_computes_in_one_thread_unless_told_otherwise(given: str | None, threads: int) -> None:
    """Several threads of one small product wait for each other: many times longer where processors are busy."""
    code = (
        "from click.testing import CliRunner; from cli.main import main; CliRunner().invoke(main, ['train', '--help']);"
        "import numpy, threadpoolctl; print({one['num_threads'] for one in threadpoolctl.threadpool_info()})"
    )
    variables = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    variables |= {"OPENBLAS_NUM_THREADS": given} if given else {}
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=variables)
    assert shown.stdout == f"{{{min(threads, os.cpu_count() or 1)}}}\n"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[" * 200_000, b"7"])
def test_a_configuration_that_is_none_is_wrong_input(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(content)
    shown = run("train", "--tenant", "demo", "--config", str(file), "--data-dir", str(tmp_path / "data"))
    assert shown.exit_code == 2
    assert shown.stderr.startswith("VALIDATION: ")


ADDRESSES = {
    "PERSONALIZATION_DATABASE_URL": "postgresql://127.0.0.1:1/nothing",
    "PERSONALIZATION_REDIS_URL": "redis://127.0.0.1:1/0",
    "PERSONALIZATION_SECRET": "a-secret-of-this-test-only-0123456789",
    "PERSONALIZATION_JWT_SECRET": "a-secret-of-this-test-only-0123456789",
}


@pytest.mark.parametrize("process", ["api", "worker"])
@pytest.mark.parametrize("missing", list(ADDRESSES)[:3])
def test_a_process_that_lacks_a_setting_ends_at_once(process: str, missing: str, tmp_path: Path) -> None:
    shown = run(process, **{**ADDRESSES, missing: None, "PERSONALIZATION_DATA_DIR": str(tmp_path)})
    assert shown.exit_code == 2
    assert f"VALIDATION: {missing} is required\n" in shown.stderr


def test_an_api_that_cannot_start_ends_with_1(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("no key at all")
    keys.chmod(0o600)
    variables = {**ADDRESSES, "PERSONALIZATION_KEK_FILE": str(keys), "PERSONALIZATION_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "cli", "api", "--port", "1"]
    shown = subprocess.run(command, capture_output=True, env={**os.environ, **variables}, check=False)
    assert shown.returncode == 1
    assert b"Application startup failed" in shown.stderr


@pytest.mark.parametrize(("host", "status"), [("nowhere.invalid", 2), ("::1", 1)])
def test_a_free_port_is_looked_for_on_any_address(host: str, status: int, tmp_path: Path) -> None:
    (tmp_path / "postgres").write_text("in the way of the database")
    shown = run("up", "--host", host, "--port", "0", "--data-dir", str(tmp_path))
    assert shown.exit_code == status, shown.output
    assert "Traceback" not in shown.output
