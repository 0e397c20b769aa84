"""`personalization api`: one API process, as a container or `up` runs it."""

import gc

import click
import uvicorn

from domain.settings import load_settings
from graphql_api.app import create_app
from graphql_api.middleware import MAX_BODY_BYTES

GRACE_SECONDS = 10
BACKLOG = 2048
COLLECTIONS = (20_000, 50, 100)
"""Objects made between two collections of the young, and how many of those come before one of the older.

An open socket is some two hundred objects that live on. At the interpreter's own thresholds, telling ten thousand
sockets something looks through all of them again and again; `benchmarks.sockets` shows the difference.
"""


@click.command("api")
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(1, 65_535), help="Port to listen on.  [default: 8080]")
def command(host: str | None, port: int | None) -> None:
    """Run one API process.

    Needs PERSONALIZATION_DATABASE_URL, PERSONALIZATION_REDIS_URL and PERSONALIZATION_SECRET. On SIGTERM it stops
    taking requests, finishes those under way and closes its sockets.

    \b
    Example:
      personalization api --host 0.0.0.0 --port 8080
    """
    settings = load_settings(host=host, port=port)
    app = create_app(settings)
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_max_size=MAX_BODY_BYTES,
        backlog=BACKLOG,
        timeout_graceful_shutdown=GRACE_SECONDS,
        access_log=False,
        log_config=None,
        server_header=False,
    )
