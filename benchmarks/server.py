"""Servers of a benchmark: an API process as production runs it with its settings, and the process of the floors."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from domain.privacy.key_file import new_key_line
from domain.settings import Settings

SECRET = "a-secret-of-benchmarks-only-0123456789"  # noqa: S105 - guards nothing
ENDLESS = "100000000/hour"
"""A limit that counts like any other and is never reached."""


def settings_in(folder: Path, database_url: str, redis_url: str) -> Settings:
    """Settings of a service whose files are in a folder."""
    keys = folder / "kek.txt"
    keys.write_text(new_key_line())
    keys.chmod(0o600)
    return Settings(
        database_url=database_url,
        redis_url=redis_url,
        data_dir=folder,
        kek_file=keys,
        secret=SECRET,
        jwt_secret=SECRET,
        log_level="ERROR",
        event_limit=ENDLESS,
    )


@dataclass(frozen=True)
class Server:
    """A server process under load."""

    port: int
    pid: int

    def processor_seconds(self) -> float:
        """What it has taken of the processor so far, in user and kernel mode."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def api_server(
    settings: Settings, more: Mapping[str, object] = MappingProxyType({})
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """The address of an API process of its own, and the process; `more` names further settings."""
    port = free_port()
    given = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "DATA_DIR": settings.data_dir,
        "KEK_FILE": settings.kek_file,
        "SECRET": SECRET,
        "JWT_SECRET": SECRET,
        "LOG_LEVEL": "ERROR",
        "RATE_LIMIT": ENDLESS,
        "RATE_LIMIT_SERVICES": ENDLESS,
        "EVENT_LIMIT": ENDLESS,
        **more,
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PERSONALIZATION_")}
    environment = kept | {f"PERSONALIZATION_{name}": str(value) for name, value in given.items()}
    command = [sys.executable, "-m", "cli", "api", "--port", str(port)]
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        await answering(port)
        yield f"ws://127.0.0.1:{port}/graphql", process
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def floor_server(redis_url: str) -> AsyncIterator[Server]:
    """A process of `benchmarks.bare_http`, on the same loop and parser as the service."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "benchmarks.bare_http:app", "--port", str(port), "--no-access-log"]
    environment = {**os.environ, "BENCH_REDIS": redis_url, "BENCH_SECRET": SECRET, "OPENBLAS_NUM_THREADS": "1"}
    process = await asyncio.create_subprocess_exec(
        *command, "--loop", "uvloop", "--http", "httptools", env=environment, stdout=subprocess.DEVNULL
    )
    try:
        await answering(port)
        yield Server(port, process.pid)
    finally:
        process.terminate()
        await process.wait()


async def answering(port: int) -> None:
    """Return once a server listens on a port."""
    async with asyncio.timeout(60):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
