"""A real PostgreSQL under a data folder, so that the service needs no database set up by hand.

The server is ours alone: it starts as our child, listens on a private Unix socket, demands a SCRAM password of
everybody, and ends with us however we end.
"""

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGINT, SIGQUIT

from domain.errors import Unavailable
from domain.storage.embedded.account import Account, give, service_account
from domain.storage.embedded.binaries import postgres_programs
from domain.storage.embedded.folders import (
    log_tail,
    socket_folder,
    storage_folder,
)
from domain.storage.embedded.leftovers import clear_leftover
from domain.storage.embedded.ownership import holder, passwords
from domain.storage.embedded.postgres_setup import DATABASE, OWNER, SUPERUSER, first_contact
from domain.storage.embedded.server import EmbeddedServer

NAME = "postgres"
PORT = 5432
SOCKET_NAME = f".s.PGSQL.{PORT}"
# Replaying a long write-ahead log takes minutes, and to give up half-way would mean to begin anew.
START_SECONDS = 300.0
INITDB_SECONDS = 120.0
STOP_STEPS = ((SIGINT, 10.0), (SIGQUIT, 5.0))

# Written into postgresql.conf once, so that an operator may change them there.
INITIAL = {"shared_buffers": "128MB", "max_connections": "200", "jit": "off", "timezone": "UTC", "log_timezone": "UTC"}

# Given at every start, above any file: nobody gets in without a password, nothing listens on the network, and no
# statement, parameter or row reaches the log. Errors carry values in their text, so only the level above them is kept.
ENFORCED = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "fsync": "on",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_min_messages": "log",
    "log_error_verbosity": "terse",
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_min_duration_statement": "-1",
    "log_min_duration_sample": "-1",
    "log_transaction_sample_rate": "0",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
    "log_lock_waits": "off",
}


@dataclass(frozen=True)
class PostgresAddress:
    """Where a server listens.

    Attributes:
        host: folder of its Unix socket.
        port: the number in the socket's name.
        database: the service's database.
        owner_password: password of the role that owns it.
    """

    host: str
    port: int
    database: str
    owner_password: str = field(repr=False)

    def url(self, role: str, password: str, database: str | None = None) -> str:
        """A URL by which asyncpg and libpq connect as `role`; `password` must need no quoting in a URL."""
        return f"postgresql://{role}:{password}@/{database or self.database}?host={self.host}&port={self.port}"

    @property
    def owner_url(self) -> str:
        """The URL of the role that owns the database: it may create tables and roles and is no superuser."""
        return self.url(OWNER, self.owner_password)


class EmbeddedPostgres(EmbeddedServer[PostgresAddress]):
    """One PostgreSQL server on `data_dir/postgres`.

    The first start makes the data, the owner's role and the database; stopping is a fast shutdown: what was committed
    is kept, transactions in progress are rolled back.
    """

    name = NAME
    stop_steps = STOP_STEPS
    death_signal = SIGINT

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self._passwords: dict[str, str] = {}

    def superuser_url(self, database: str = "postgres") -> str:
        """The URL of the superuser, for tests, drills and repair; the service itself never uses it."""
        return self.address.url(SUPERUSER, self._passwords[SUPERUSER], database)

    def kill(self) -> None:
        """Order an immediate shutdown and do not wait; the next start replays the write-ahead log."""
        if self._child is not None:
            self._child.signal(SIGQUIT)

    def _boot(self, home: Path) -> PostgresAddress:
        account = service_account(home / "data")
        data = storage_folder(home, account)
        sockets = socket_folder(home, account, SOCKET_NAME)
        programs = postgres_programs(account)
        self._passwords = passwords(home / "passwords.json", SUPERUSER, OWNER)
        if not (data / "PG_VERSION").exists():
            self._initialize(programs, data, sockets, account)
        clear_leftover(data)
        settings = {**ENFORCED, "unix_socket_directories": str(sockets)}
        options = [f"--{name}={value}" for name, value in settings.items()]
        self._child = self._run((str(programs / "postgres"), "-D", str(data), *options), account)
        address = PostgresAddress(str(sockets), PORT, DATABASE, self._passwords[OWNER])
        if not first_contact(address.host, address.port, self._passwords, self._child, START_SECONDS):
            raise Unavailable(f"PostgreSQL did not start:\n{log_tail(self._data_dir, NAME)}")
        return address

    def _initialize(self, programs: Path, data: Path, sockets: Path, account: Account | None) -> None:
        # Built aside and renamed when complete: an interrupted first start leaves nothing that looks like a database.
        for abandoned in data.parent.glob("initdb-*"):
            shutil.rmtree(abandoned)
        building = Path(tempfile.mkdtemp(prefix="initdb-", dir=data.parent))
        give(account, building)
        password_file = _password_file(sockets, self._passwords[SUPERUSER], account)
        try:
            self._child = self._run(_initdb(programs, building, password_file), account)
            if self._child.wait(INITDB_SECONDS) != 0:
                raise Unavailable(f"initdb failed:\n{log_tail(self._data_dir, NAME)}")
        finally:
            password_file.unlink()
        building.rename(data)


def running_postgres(data_dir: Path) -> PostgresAddress | None:
    """The address of the server that another process owns on `data_dir` at this moment; None if there is none.

    It may still be starting: the first connection may have to be tried again.
    """
    home = data_dir.absolute().resolve() / NAME
    if holder(home / "lock") is None or not (home / "run").exists():
        return None
    kept = passwords(home / "passwords.json", SUPERUSER, OWNER)
    return PostgresAddress(str((home / "run").resolve()), PORT, DATABASE, kept[OWNER])


def repair_url(data_dir: Path) -> str:
    """The URL of the superuser of the server that runs on `data_dir`, for repair; the service itself never uses it."""
    home = data_dir.absolute().resolve() / NAME
    kept = passwords(home / "passwords.json", SUPERUSER, OWNER)
    address = PostgresAddress(str((home / "run").resolve()), PORT, DATABASE, kept[OWNER])
    return address.url(SUPERUSER, kept[SUPERUSER])


def _password_file(folder: Path, password: str, account: Account | None) -> Path:
    descriptor, name = tempfile.mkstemp(dir=folder)
    with os.fdopen(descriptor, "w") as file:
        file.write(password)
    give(account, Path(name))
    return Path(name)


def _initdb(programs: Path, data: Path, password_file: Path) -> tuple[str, ...]:
    settings = [f"--set={name}={value}" for name, value in INITIAL.items()]
    # One flush of the file system instead of a thousand of single files; only Linux offers it.
    flush = ["--sync-method=syncfs"] if os.uname().sysname == "Linux" else []
    return (
        str(programs / "initdb"),
        f"--pgdata={data}",
        f"--username={SUPERUSER}",
        f"--pwfile={password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
        *settings,
        *flush,
    )
