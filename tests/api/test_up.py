"""`personalization up` as a person or program uses it: start, ask, stop, again, and after being killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cli.announcement import curl_line
from cli.endpoints import Endpoints
from domain.storage.embedded.account import can_pass, service_account
from tests.api.command import (
    COMMAND,
    Up,
    environment,
    personalization,
    processes_of,
    result,
    running,
    taken_port,
    wait_until_gone,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")

USERS = "60"
DEMO = ("--demo-users", USERS)
TEN = """query Ten($user: String!) {
  recommendations(userId: $user, first: 10) {
    edges { node { score item { id title } reasons { code text } } } } }"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    with running(tmp_path_factory.mktemp("demo") / "data", *DEMO) as up:
        yield up


def test_the_json_line_says_where_everything_is(demo: Up) -> None:
    assert set(demo.ready) == {"graphql", "rest", "ws", "health", "metrics", "tenant", "pid", "token"}
    assert demo.ready["pid"] == demo.process.pid
    for name in ("health", "metrics"):
        assert httpx.get(demo.ready[name], timeout=10).status_code == 200


def test_the_example_user_gets_ten_explained_recommendations(demo: Up) -> None:
    edges = demo.query(TEN, user="user_123")["recommendations"]["edges"]
    assert len(edges) == 10
    assert all(edge["node"]["item"]["title"] and edge["node"]["reasons"] for edge in edges)
    assert len({edge["node"]["item"]["id"] for edge in edges}) == 10


def test_a_model_was_trained_in_the_worker(demo: Up) -> None:
    models = result("models", "list", "--tenant", "demo", "--data-dir", str(demo.data_dir))["models"]
    assert [model["status"] for model in models] == ["champion"]
    assert any("popularity" in name for name in models[0]["metrics"])


def test_the_line_to_paste_answers(demo: Up) -> None:
    port = int(demo.ready["graphql"].rpartition(":")[2].partition("/")[0])
    line = curl_line(Endpoints("127.0.0.1", port), demo.ready["token"])
    shown = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=True, timeout=30)
    assert shown.stdout.count('"title"') == 10


def test_no_process_that_serves_knows_the_owners_password(demo: Up) -> None:
    owner = json.loads((demo.data_dir / "postgres" / "passwords.json").read_text())["personalization_owner"]
    served = processes_of(demo.data_dir) - {demo.process.pid}
    environments = [Path("/proc", str(pid), "environ").read_bytes() for pid in served]
    assert any(b"PERSONALIZATION_DATABASE_URL=" in environment for environment in environments)
    assert not any(owner.encode() in environment for environment in environments)


def test_a_second_service_on_the_same_folder_is_refused(demo: Up) -> None:
    shown = personalization("up", "--json", "--data-dir", str(demo.data_dir), "--port", "0")
    assert shown.returncode == 1
    assert f"pid {demo.process.pid}" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_a_port_in_use_is_said_before_anything_starts(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with taken_port() as port:
        shown = personalization("up", "--json", "--port", str(port), "--data-dir", str(data_dir))
    assert shown.returncode == 1
    assert shown.stdout == ""
    assert f"port {port}" in shown.stderr
    assert shown.stderr.count("\n") == 1
    assert not (data_dir / "postgres").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_and_leaves_no_process(number: signal.Signals, tmp_path: Path) -> None:
    with running(tmp_path / "data", "--empty") as up:
        assert up.query("{ __typename }")
        assert up.stop(number) == 0
    assert wait_until_gone(tmp_path) == set()


def test_a_second_start_loads_and_trains_nothing(tmp_path: Path) -> None:
    with running(tmp_path / "data", *DEMO) as up:
        first = up.query(TEN, user="user_123")
    models = result("models", "list", "--tenant", "demo", "--data-dir", str(tmp_path / "data"))
    with running(tmp_path / "data", *DEMO) as up:
        assert up.query(TEN, user="user_123").keys() == first.keys()
        assert "Demo users" not in up.said()
        assert "Training" not in up.said()
        assert result("models", "list", "--tenant", "demo", "--data-dir", str(tmp_path / "data")) == models


def test_a_killed_run_recovers(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--empty") as up:
        up.kill()
    assert wait_until_gone(tmp_path) == set()
    with running(tmp_path / "data", "--empty") as up:
        assert up.query("{ __typename }")


def test_a_demo_load_that_was_killed_half_way_is_finished_once(tmp_path: Path) -> None:
    whole, halved = tmp_path / "whole", tmp_path / "halved"
    cut = Up(halved, "--demo-users", "300")
    cut.wait_until_said("Demo catalogue")
    cut.kill()
    with running(halved, "--demo-users", "300") as up, running(whole, "--demo-users", "300") as reference:
        for user in ("user_123", "user_0001", "user_0299"):
            counts = {_event_count(service, user) for service in (up, reference)}
            assert len(counts) == 1


def test_it_runs_for_an_ordinary_user(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("every other test has already run as an ordinary user")
    nobody = service_account(tmp_path / "none")
    if not can_pass(nobody, Path(sys.executable).resolve()):
        pytest.skip("this interpreter lies where no ordinary user may run it")
    home = Path(tempfile.mkdtemp(prefix="ordinary-"))
    shutil.chown(home, "nobody")
    command = [*COMMAND, "up", "--json", "--empty", "--port", "0", "--data-dir", str(home / "data")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, user="nobody", extra_groups=[], env=environment(HOME=str(home)), cwd="/"
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"{")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=40)
    assert process.returncode == 0
    assert wait_until_gone(home) == set()
    shutil.rmtree(home)


def _event_count(up: Up, user: str) -> int:
    profile = up.query("query P($user: String!) { profile(userId: $user) { eventCount } }", user=user)["profile"]
    return int(profile["eventCount"]) if profile else 0
