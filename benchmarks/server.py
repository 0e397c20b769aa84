"""A service of its own for a benchmark: its settings, and an API process as production runs it."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
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
