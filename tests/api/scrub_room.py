"""A whole service on a folder of its own, whose files, database and logs can be looked into."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from domain.ids import TenantId
from domain.storage.embedded.postgres import repair_url
from tests.api.canary_visit import Visit
from tests.api.command import Up, personalization
from tests.api.rest_room import ITEMS

TENANT = TenantId("demo")
IDLE = """
    SELECT NOT EXISTS (SELECT 1 FROM user_behavior_events WHERE processed_at IS NULL AND quarantined_at IS NULL)
       AND NOT EXISTS (SELECT 1 FROM privacy_requests WHERE state IN ('waiting', 'running'))"""


@contextmanager
def short_folder(prefix: str) -> Iterator[Path]:
    """A folder with a short path that every user may pass, and that is gone afterwards with all it links to."""
    made = Path(tempfile.mkdtemp(prefix=prefix, dir="/tmp"))
    made.chmod(0o711)
    yield made
    for link in made.rglob("data"):
        if link.is_symlink():
            shutil.rmtree(link.readlink().parent)
    shutil.rmtree(made)


@asynccontextmanager
async def visiting(up: Up) -> AsyncIterator[Visit]:
    """A visit to a running service."""
    secret = json.loads((up.data_dir / "secrets" / "secrets.json").read_text())["jwt_secret"]
    base = up.ready["graphql"].removesuffix("/graphql")
    async with httpx.AsyncClient(base_url=base, timeout=30) as http:
        yield Visit(http, base.removeprefix("http://"), TENANT, secret)


async def rows(data_dir: Path, statement: str) -> list[Any]:
    """The first column of a question to everything in the database."""
    connection = await asyncpg.connect(repair_url(data_dir).replace("/postgres?", "/personalization?"))
    try:
        return [row[0] for row in await connection.fetch(statement)]
    finally:
        await connection.close()


async def idle(data_dir: Path) -> None:
    """Wait until the worker has nothing to do."""
    async with asyncio.timeout(60):
        while not (await rows(data_dir, IDLE))[0]:  # noqa: ASYNC110 - it is another process that ends its work
            await asyncio.sleep(0.1)


def catalogued(data_dir: Path, folder: Path) -> None:
    """Import the catalogue, which makes the tenant."""
    lines = ["item_id,title,kind", *(f"{item.item_id},{item.title},{item.kind.name}" for item in ITEMS)]
    (folder / "items.csv").write_text("\n".join(lines))
    done("import", str(folder / "items.csv"), "--items", "--format", "csv", data_dir=data_dir)


def done(*arguments: str, data_dir: Path, as_json: bool = True) -> str:
    """What a command that must succeed prints."""
    at = ("--tenant", TENANT) if arguments[:2] != ("privacy", "scrub") else ()
    ran = personalization(*arguments, *at, "--data-dir", str(data_dir), *(("--json",) if as_json else ()))
    assert ran.returncode == 0, ran.stderr
    return ran.stdout
