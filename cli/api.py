"""`personalization api`: one API process, as a container or `up` runs it."""

import gc
from typing import Any

import click
import uvicorn

from cli.connection import BoundedConnection
from cli.failure import FAILURE_STATUS
from cli.options import transport_options
from cli.transport import require_safe_transport, server_options
from domain.bootstrap.secrets import require_configured
from domain.logs import configure_logging
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
@transport_options
def command(host: str | None, port: int | None, **transport: Any) -> None:
    """Run one API process.

    Needs PERSONALIZATION_DATABASE_URL, PERSONALIZATION_REDIS_URL and PERSONALIZATION_SECRET. On SIGTERM it stops
    taking requests, finishes those under way and closes its sockets. In production it listens beyond this machine only
    with a certificate, or behind a proxy that is named.

    \b
    Example:
      personalization api --host 0.0.0.0 --port 8443 --tls-certificate chain.pem --tls-key key.pem
    """
    settings = load_settings(host=host, port=port, **transport)
    configure_logging(level=settings.log_level, debug=settings.debug)
    require_safe_transport(settings)
    require_configured(settings)
    app = create_app(settings)
    gc.freeze()
    gc.set_threshold(*COLLECTIONS)
    try:
        uvicorn.run(
            app,
            host=settings.host,
            port=settings.port,
            loop="uvloop",
            http=BoundedConnection,
            ws="websockets-sansio",
            ws_max_size=MAX_BODY_BYTES,
            backlog=BACKLOG,
            timeout_graceful_shutdown=GRACE_SECONDS,
            access_log=False,
            log_config=None,
            server_header=False,
            **server_options(settings),
        )
    except SystemExit as ended:
        # uvicorn ends with 3 where it could not start.
        raise SystemExit(FAILURE_STATUS if ended.code else 0) from None
