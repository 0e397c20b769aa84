"""A real Valkey under a data folder: cache, bus and queue of a service that was given no Redis.

It writes nothing to disk: PostgreSQL is the truth, and what Valkey forgets is built again from there.
"""

import time
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL, SIGTERM

from redis import Redis
from redis.exceptions import RedisError

from domain.errors import Unavailable
from domain.storage.embedded.account import service_account
from domain.storage.embedded.binaries import valkey_program
from domain.storage.embedded.folders import log_tail, socket_folder
from domain.storage.embedded.ownership import holder, passwords
from domain.storage.embedded.process import ChildProcess
from domain.storage.embedded.server import EmbeddedServer

NAME = "valkey"
SOCKET_NAME = "valkey.sock"
PASSWORD = "default"  # noqa: S105 - the name of the user whose password it is
START_SECONDS = 20.0
POLL_SECONDS = 0.01
STOP_STEPS = ((SIGTERM, 5.0),)

# Every key of the service has a lifetime; when memory runs short those used least recently go first, while keys without
# a lifetime (the order of the queue) stay.
SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "save": '""',
    "appendonly": "no",
    "maxmemory": "256mb",
    "maxmemory-policy": "volatile-lru",
    "daemonize": "no",
    "loglevel": "notice",
    "hide-user-data-from-log": "yes",
    "crash-log-enabled": "no",
}


@dataclass(frozen=True)
class ValkeyAddress:
    """Where a server listens.

    Attributes:
        path: its Unix socket.
        password: what every client must show.
    """

    path: str
    password: str = field(repr=False)

    @property
    def url(self) -> str:
        """A URL that redis-py and arq both understand."""
        return f"unix://:{self.password}@{self.path}?db=0"


class EmbeddedValkey(EmbeddedServer[ValkeyAddress]):
    """One Valkey server on `data_dir/valkey`; every start finds it empty."""

    name = NAME
    stop_steps = STOP_STEPS
    death_signal = SIGKILL

    def kill(self) -> None:
        """End the server at once and do not wait."""
        if self._child is not None:
            self._child.kill()

    def _boot(self, home: Path) -> ValkeyAddress:
        account = service_account(home / "run")
        sockets = socket_folder(home, account, SOCKET_NAME)
        address = ValkeyAddress(str(sockets / SOCKET_NAME), passwords(home / "passwords.json", PASSWORD)[PASSWORD])
        _end_leftover(address)
        # The password travels through standard input: arguments and files can be read by others.
        configuration = _configuration(address, sockets).encode()
        self._child = self._run((str(valkey_program(account)), "-"), account, configuration)
        if not _answers(address, self._child):
            raise Unavailable(f"Valkey did not start:\n{log_tail(self._data_dir, NAME)}")
        return address


def running_valkey(data_dir: Path) -> ValkeyAddress | None:
    """The address of the server that another process owns on `data_dir` at this moment; None if there is none."""
    home = data_dir.absolute().resolve() / NAME
    if holder(home / "lock") is None or not (home / "run").exists():
        return None
    socket = (home / "run").resolve() / SOCKET_NAME
    return ValkeyAddress(str(socket), passwords(home / "passwords.json", PASSWORD)[PASSWORD])


def _configuration(address: ValkeyAddress, folder: Path) -> str:
    settings = {**SETTINGS, "unixsocket": address.path, "requirepass": address.password, "dir": str(folder)}
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def _answers(address: ValkeyAddress, child: ChildProcess) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while child.exit_status() is None and time.monotonic() < deadline:
        try:
            with Redis.from_url(address.url) as client:
                return bool(client.ping())
        except RedisError:
            time.sleep(POLL_SECONDS)
    return False


def _end_leftover(address: ValkeyAddress) -> None:
    # What answers our socket and knows our password was ours; a killed owner may have left it where the kernel offers
    # no death signal.
    try:
        with Redis.from_url(address.url, socket_timeout=1.0) as client:
            client.shutdown(nosave=True)
    except RedisError:
        return
