"""Says in one sentence that a port is taken and by whom, before a server fails with a stack trace."""

import errno
import socket
import sys
from pathlib import Path

from domain.errors import Conflict, Forbidden, ValidationFailed

LISTENING = "0A"
HIGHEST = 65535


def is_port_free(host: str, port: int) -> bool:
    """Whether a server could listen on TCP `host:port` at this moment; port 0 always can.

    Raises:
        ValidationFailed: `host` is no address of this machine, or `port` no port number.
        Forbidden: the port is reserved for privileged users.
    """
    if not 0 <= port <= HIGHEST:
        raise ValidationFailed(f"{port} is no port number; choose one from 0 to {HIGHEST}", field="port")
    outcomes = {_bind(family, address) for family, address in _addresses(host, port)}
    if errno.EADDRINUSE in outcomes:
        return False
    if errno.EACCES in outcomes:
        raise Forbidden(f"port {port} needs special privileges; choose one above 1023 with --port", field="port")
    # A name may stand for an IPv6 address on a machine that has none; one address to listen on is enough.
    if 0 not in outcomes:
        raise ValidationFailed(f"cannot listen on {host}: it is no address of this machine", field="host")
    return True


def require_free_port(host: str, port: int) -> None:
    """Raise Conflict, naming the port and where possible the process that holds it, unless the port is free."""
    if is_port_free(host, port):
        return
    holder = _holder(port)
    by = f" by {holder}" if holder else ""
    raise Conflict(f"port {port} on {host} is already in use{by}; choose another with --port", field="port")


def free_port(host: str) -> int:
    """A port that nobody listens on at this moment.

    Raises:
        ValidationFailed: `host` is no address of this machine.
    """
    for family, address in _addresses(host, 0):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.bind(address)
                return int(probe.getsockname()[1])
        except OSError:
            # A name may stand for an IPv6 address on a machine that has none.
            continue
    raise ValidationFailed(f"cannot listen on {host}: it is no address of this machine", field="host")


def _addresses(host: str, port: int) -> list[tuple[int, tuple[object, ...]]]:
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise ValidationFailed(f"{host} is no known host name or address", field="host") from error
    return [(family, address) for family, _, _, _, address in found]


def _bind(family: int, address: tuple[object, ...]) -> int:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(address)
    except OSError as error:
        return error.errno or errno.EADDRNOTAVAIL
    return 0


def _holder(port: int) -> str | None:
    if sys.platform != "linux":
        return None
    tables = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
    sockets = {f"socket:[{inode}]" for table in tables for inode in _listening(table, port)}
    numbers = (process for process in Path("/proc").iterdir() if process.name.isdigit())
    return next((name for name in (_name_if_holding(process, sockets) for process in numbers) if name), None)


def _listening(table: Path, port: int) -> list[str]:
    if not table.exists():
        return []
    rows = (line.split() for line in table.read_text().splitlines()[1:])
    return [row[9] for row in rows if row[3] == LISTENING and int(row[1].rpartition(":")[2], 16) == port]


def _name_if_holding(process: Path, sockets: set[str]) -> str | None:
    try:
        if sockets.isdisjoint(str(descriptor.readlink()) for descriptor in (process / "fd").iterdir()):
            return None
        return f"{(process / 'comm').read_text().strip()} (pid {process.name})"
    except OSError:
        # It ended meanwhile, or belongs to a user whose files we may not see.
        return None
