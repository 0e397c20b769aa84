"""`personalization up`: a whole service on one machine by one command, and nothing left of it when the command ends."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import click

from cli.announcement import announce
from cli.endpoints import Endpoints, wait_until_ready
from cli.first_run import DEMO_USERS, FirstRun
from cli.installation import local_settings
from cli.options import data_dir_option, transport_options
from cli.output import say, waiting
from cli.ports import free_port, require_free_port
from cli.program import Program
from cli.servers import speak_quietly
from cli.supervisor import Supervisor
from cli.transport import require_safe_transport
from domain.settings import PREFIX, Settings
from domain.storage.embedded import EmbeddedPostgres, EmbeddedValkey
from domain.storage.embedded.folders import log_tail
from domain.storage.roles import without_credentials

PROGRAMS = ("api", "worker")
GRACE_SECONDS = 15.0
LOCAL = "127.0.0.1"


@click.command("up")
@click.option("--host", help="Address to listen on.  [default: 127.0.0.1]")
@click.option("--port", type=click.IntRange(0, 65_535), help="Port to listen on; 0 picks a free one.  [default: 8080]")
@data_dir_option
@click.option("--empty", is_flag=True, help="Load no demo data.")
@click.option(
    "--demo-users",
    type=click.IntRange(1, DEMO_USERS),
    default=DEMO_USERS,
    show_default=True,
    help="How many demo users.",
)
@transport_options
@click.option("--json", "as_json", is_flag=True, help="When ready, print one JSON line on standard output.")
def command(  # noqa: PLR0913, RUF100 - one parameter an option
    host: str | None,
    port: int | None,
    data_dir: Path | None,
    empty: bool,
    demo_users: int,
    as_json: bool,
    **transport: Any,
) -> None:
    """Start everything on this machine: database, cache, demo data, model, API, worker.

    A PostgreSQL and a Valkey are started under the data folder unless PERSONALIZATION_DATABASE_URL and
    PERSONALIZATION_REDIS_URL name others. The first start loads demo data into the tenant `demo` and trains its first
    model; later starts find both. Ctrl-C stops everything.

    With --json, the line has: graphql, rest, ws, health, metrics, tenant, pid, token. The token is for development: it
    has all scopes and may act for any user of the tenant.

    \b
    Example:
      personalization up --port 8080 --data-dir .data
    """
    settings = local_settings(
        founding=True, host=host, port=free_port(host or LOCAL) if port == 0 else port, data_dir=data_dir, **transport
    )
    speak_quietly(settings)
    require_safe_transport(settings)
    require_free_port(settings.host, settings.port)
    with Supervisor(report=say) as supervisor:
        settings = _start_servers(supervisor, settings)
        first_run = FirstRun(settings, demo_users=0 if empty else demo_users)
        asyncio.run(first_run.prepare())
        endpoints = Endpoints(settings.host, settings.port, tls=settings.tls_certificate is not None)
        with waiting("Starting the API and the worker"):
            programs = _start_programs(supervisor, settings)
            wait_until_ready(endpoints, lambda: _ended(programs, settings.data_dir))
        asyncio.run(first_run.train())
        announce(settings, endpoints, asyncio.run(first_run.token()), as_json=as_json)
        supervisor.wait()
    sys.exit(supervisor.exit_status)


def _start_servers(supervisor: Supervisor, settings: Settings) -> Settings:
    addresses: dict[str, str] = {}
    if settings.database_url is None:
        with waiting("Starting PostgreSQL"):
            addresses["database_url"] = supervisor.start(EmbeddedPostgres(settings.data_dir)).owner_url
    if settings.redis_url is None:
        with waiting("Starting Valkey"):
            addresses["redis_url"] = supervisor.start(EmbeddedValkey(settings.data_dir)).url
    return settings.model_copy(update=addresses)


def _start_programs(supervisor: Supervisor, settings: Settings) -> list[Program]:
    environment = {**os.environ, **_variables(settings)}
    echo = sys.stderr if settings.debug else None
    programs: list[Program] = []
    for name in PROGRAMS:
        # -P: a folder named `cli` where the service happens to be started is not ours.
        argv = (sys.executable, "-P", "-m", "cli", name)
        program = Program(name, argv, environment, settings.data_dir, echo=echo, grace_seconds=GRACE_SECONDS)
        supervisor.start(program)
        programs.append(program)
    return programs


def _ended(programs: list[Program], data_dir: Path) -> str | None:
    for program in programs:
        if (status := program.exit_status()) is not None:
            return f"the {program.name} ended with status {status}:\n{log_tail(data_dir, program.name)}"
    return None


def _variables(settings: Settings) -> dict[str, str]:
    """The settings that differ from this process's own environment, as variables."""
    shared = {
        "ENVIRONMENT": settings.environment.value,
        "DATA_DIR": str(settings.data_dir.absolute()),
        "DATABASE_URL": settings.database_url and without_credentials(settings.database_url),
        "REDIS_URL": settings.redis_url,
        "HOST": settings.host,
        "PORT": str(settings.port),
        "TLS_CERTIFICATE": settings.tls_certificate and str(settings.tls_certificate.absolute()),
        "TLS_KEY": settings.tls_key and str(settings.tls_key.absolute()),
        "TRUSTED_PROXIES": settings.trusted_proxies,
        "SECRET": settings.secret and settings.secret.get_secret_value(),
        "JWT_SECRET": settings.jwt_secret and settings.jwt_secret.get_secret_value(),
    }
    return {PREFIX + name: value for name, value in shared.items() if value}
