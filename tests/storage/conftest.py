"""A data folder with embedded servers of its own for each test that asks for one."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.storage.embedded import EmbeddedPostgres, EmbeddedValkey


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short, empty data folder that every user may pass."""
    made = Path(tempfile.mkdtemp(prefix="embedded-", dir="/tmp"))
    made.chmod(0o711)
    yield made
    for link in made.rglob("data"):
        if link.is_symlink():
            shutil.rmtree(link.readlink().parent)
    shutil.rmtree(made)


@pytest.fixture
def postgres(folder: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(folder)
    yield server
    server.stop()


@pytest.fixture
def valkey(folder: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(folder)
    yield server
    server.stop()
