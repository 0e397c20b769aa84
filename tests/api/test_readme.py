"""The README's tour, executed as it is written, against a running service."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.ports import is_port_free
from tests.api.command import ROOT, Up, environment, running

TOUR = re.compile(r"^## Five-minute tour$(.*?)^## ", re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORT = 8080
MARK = "::end of block::"

EXPECTED = (
    ("",),
    ('"score"', '"title"', '"text"'),
    ('"accepted"',),
    ('"recommendations"',),
    ("business",),
    ("films: 3 items", "films: 0 items, 3 events of 2 users", "1 bad rows"),
    ("champion", '"status"'),
)
"""What the output of each block of the tour must hold, in their order."""


def blocks() -> list[str]:
    tour = TOUR.search((ROOT / "README.md").read_text())
    assert tour is not None
    return BLOCK.findall(tour[1])


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A service as `make run` starts it in a fresh clone, on the README's port if that is free."""
    folder = tmp_path_factory.mktemp("clone")
    (folder / ".venv").symlink_to(Path(sys.executable).parents[1])
    port = PORT if is_port_free("127.0.0.1", PORT) else 0
    with running(folder / ".data", "--demo-users", "100", port=port) as up:
        yield up


def test_the_tour_runs_as_written(newcomer: Up) -> None:
    origin = newcomer.ready["graphql"].removesuffix("/graphql")
    script = f"\necho '{MARK}'\n".join(blocks()).replace(f"http://127.0.0.1:{PORT}", origin)
    ran = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", script],
        cwd=newcomer.data_dir.parent,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    outputs = ran.stdout.split(MARK)
    assert len(outputs) == len(EXPECTED)
    for output, texts in zip(outputs, EXPECTED, strict=True):
        assert [text for text in texts if text not in output] == [], output
    assert outputs[1].count('"title"') == 10
    assert "watched.csv:5: timestamp: " in ran.stderr
