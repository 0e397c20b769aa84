"""The supervisor as its children and a terminal see it: order, restarts, signals, and nothing left behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.ports import is_port_free, require_free_port
from cli.program import Program
from cli.supervisor import RestartPolicy
from domain.errors import Conflict, ValidationFailed

REPOSITORY = Path(__file__).parents[2]
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

SUPERVISED = """
import os, signal, sys
from pathlib import Path
from cli.program import Program
from cli.supervisor import RestartPolicy, Supervisor
from domain.storage.embedded import EmbeddedPostgres, EmbeddedValkey

folder, servers, programs = Path(sys.argv[1]), sys.argv[2] == "servers", sys.argv[3:]
# What runs the tests may ignore it, as nohup does, and children inherit that.
signal.signal(signal.SIGHUP, signal.SIG_IGN if os.environ["HANGUP"] == "ignored" else signal.SIG_DFL)
report = lambda text: print(text, flush=True)
policy = RestartPolicy(first_delay_seconds=0.05, longest_delay_seconds=0.1, attempts=4)
with Supervisor(report, policy) as supervisor:
    if servers:
        supervisor.start(EmbeddedPostgres(folder))
        supervisor.start(EmbeddedValkey(folder))
    for name, code in zip(programs[::2], programs[1::2]):
        argv = (sys.executable, "-u", "-c", code)
        supervisor.start(Program(name, argv, os.environ, folder, echo=sys.stderr, grace_seconds=1.0))
    report("ready")
    supervisor.wait()
sys.exit(supervisor.exit_status)
"""

PIPE_BYTES = 64 * 1024
SLEEPS = "import time; print('hello', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
)
CRASHES = "raise SystemExit(3)"
PARENT = "import subprocess, time; subprocess.Popen(['/bin/sleep', '613']); print('hello', flush=True); time.sleep(600)"


class Run:
    """One supervisor in a process of its own."""

    def __init__(self, folder: Path, *programs: str, servers: bool = False, hangup: str = "heard") -> None:
        self.folder = folder
        self._said = (folder / "said").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISED, str(folder), "servers" if servers else "alone", *programs],
            stdout=self._said,
            stderr=subprocess.STDOUT,
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "SUPERVISED_IN": str(folder), "HANGUP": hangup},
        )

    def said(self) -> str:
        return (self.folder / "said").read_text()

    def log(self, name: str) -> str:
        path = self.folder / "logs" / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def until(self, text: str) -> None:
        eventually(lambda: text in self.said())

    def end(self, *signals: signal.Signals) -> int:
        for number in signals:
            self.process.send_signal(number)
        status = self.process.wait(30)
        self._said.close()
        return status


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="supervised-", dir="/tmp") as made:
        Path(made).chmod(0o711)
        yield Path(made)


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def left_in(folder: Path) -> set[int]:
    """Processes whose environment, arguments or place name the folder."""
    found = set()
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdigit() and int(process.name) != os.getpid():
                texts = [(process / name).read_bytes() for name in ("environ", "cmdline")]
                if any(os.fsencode(folder) in text for text in [*texts, os.fsencode((process / "cwd").readlink())]):
                    found.add(int(process.name))
        except OSError:
            continue
    return found


@LINUX
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything_last_started_first(folder: Path, number: signal.Signals) -> None:
    run = Run(folder, "worker", SLEEPS, "api", SLEEPS, servers=True)
    run.until("ready")

    assert run.end(number) == 0

    assert re.findall(r"stopping (\w+)", run.said()) == ["api", "worker", "valkey", "postgres"]
    assert left_in(folder) == set()


@LINUX
def test_under_nohup_the_service_survives_its_terminal(folder: Path) -> None:
    run = Run(folder, "worker", SLEEPS, hangup="ignored")
    run.until("hello")

    assert run.end(signal.SIGHUP, signal.SIGTERM) == 0

    assert "killing" not in run.said()
    assert left_in(folder) == set()


@LINUX
def test_a_killed_supervisor_takes_everything_with_it(folder: Path) -> None:
    run = Run(folder, "worker", SLEEPS, "api", STUBBORN, servers=True)
    run.until("ready")
    run.end(signal.SIGKILL)

    eventually(lambda: not left_in(folder))


@LINUX
def test_a_program_that_ignores_sigterm_is_killed_after_its_grace(folder: Path) -> None:
    run = Run(folder, "api", STUBBORN)
    run.until("deaf")

    assert run.end(signal.SIGTERM) == 0
    eventually(lambda: not left_in(folder))


@LINUX
def test_a_second_signal_kills_what_is_still_running(folder: Path) -> None:
    run = Run(folder, "worker", STUBBORN, "api", STUBBORN, servers=True)
    eventually(lambda: run.said().count("deaf") == 2)
    run.process.send_signal(signal.SIGINT)
    run.until("stopping api")

    assert run.end(signal.SIGINT) == 0
    assert "killing what is still running" in run.said()
    eventually(lambda: not left_in(folder))


@LINUX
def test_a_signal_during_the_first_start_leaves_nothing(folder: Path) -> None:
    run = Run(folder, servers=True)
    eventually(lambda: any(folder.glob("postgres/initdb-*")))

    assert run.end(signal.SIGTERM) == 0
    assert "ready" not in run.said()
    eventually(lambda: not left_in(folder))


@LINUX
def test_what_a_program_started_ends_with_it(folder: Path) -> None:
    run = Run(folder, "api", PARENT)
    run.until("hello")

    assert run.end(signal.SIGTERM) == 0
    eventually(lambda: not left_in(folder))


def test_a_crashed_program_is_started_again(folder: Path) -> None:
    marker = str(folder / "crashed")
    code = (
        f"import pathlib, sys, time; m = pathlib.Path({marker!r}); first = not m.exists(); m.touch();"
        " sys.exit(7) if first else print('back', flush=True); time.sleep(600)"
    )
    run = Run(folder, "worker", code)
    run.until("back")

    assert run.end(signal.SIGTERM) == 0
    assert "worker ended with status 7; starting it again in 0.05 s" in run.said()


@LINUX
def test_a_crashed_server_is_started_again(folder: Path) -> None:
    run = Run(folder, servers=True)
    run.until("ready")
    servers = {pid for pid in left_in(folder) if b"valkey-server" in Path("/proc", str(pid), "cmdline").read_bytes()}
    assert len(servers) == 1
    os.kill(servers.pop(), signal.SIGKILL)
    run.until("valkey ended by SIGKILL; starting it again")
    eventually(lambda: (folder / "logs" / "valkey.log").read_text().count("Ready to accept") == 2)

    assert run.end(signal.SIGTERM) == 0
    assert left_in(folder) == set()


def test_a_program_that_cannot_be_kept_running_ends_the_service(folder: Path) -> None:
    run = Run(folder, "worker", SLEEPS, "api", CRASHES)

    assert run.end() == 1
    assert "api ended with status 3; it failed 4 times in a row, stopping everything" in run.said()


def test_output_is_kept_and_shown_under_its_name(folder: Path) -> None:
    run = Run(folder, "api", SLEEPS)
    eventually(lambda: "hello" in run.log("api"))
    run.until("api | hello")
    run.end(signal.SIGTERM)

    assert run.log("api") == "hello\n"
    assert (folder / "logs" / "api.log").stat().st_mode & 0o077 == 0


def test_a_log_that_cannot_be_written_stalls_no_program(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way of the folder")
    talks = (sys.executable, "-c", f"import sys; sys.stderr.write(('x' * 99 + '\\n') * {PIPE_BYTES // 20})")
    program = Program("api", talks, os.environ, tmp_path)
    program.start()
    try:
        eventually(lambda: program.exit_status() == 0)
    finally:
        program.stop()


def test_the_pause_doubles_up_to_its_limit() -> None:
    policy = RestartPolicy(first_delay_seconds=0.5, longest_delay_seconds=3.0)

    assert [policy.delay_seconds(failures) for failures in (1, 2, 3, 4, 5000)] == [0.5, 1.0, 2.0, 3.0, 3.0]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0"])  # noqa: S104 - asked about, never listened on
def test_a_taken_port_is_named_with_its_holder(host: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        holder = rf" by .* \(pid {os.getpid()}\)" if sys.platform == "linux" else ""
        with pytest.raises(Conflict, match=rf"port {port} on {re.escape(host)} is already in use{holder}"):
            require_free_port(host, port)

    assert is_port_free(host, port)


def test_any_port_is_free() -> None:
    assert is_port_free("127.0.0.1", 0)


@pytest.mark.parametrize(("host", "port", "field"), [("192.0.2.1", 0, "host"), ("127.0.0.1", 65536, "port")])
def test_what_cannot_be_listened_on_is_explained(host: str, port: int, field: str) -> None:
    with pytest.raises(ValidationFailed) as raised:
        is_port_free(host, port)
    assert raised.value.field == field
