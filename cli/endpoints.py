"""Where a running service answers, and how long to wait until it does."""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final

from domain.errors import Unavailable

READY_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.05
ANSWER_SECONDS: Final = 5.0
ANYWHERE: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared with, not listened on


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The addresses of one API process, as a caller on the same machine reaches them."""

    host: str
    port: int
    tls: bool = False

    @property
    def base(self) -> str:
        """What every HTTP address starts with."""
        return f"{'https' if self.tls else 'http'}://{self.origin}"

    @property
    def origin(self) -> str:
        """`host:port`, with an address that can be connected to."""
        host = "127.0.0.1" if self.host in ANYWHERE else self.host
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    @property
    def graphql(self) -> str:
        """GraphQL over HTTP; a browser gets the explorer."""
        return f"{self.base}/graphql"

    @property
    def ws(self) -> str:
        """GraphQL over WebSocket (graphql-transport-ws)."""
        return f"{'wss' if self.tls else 'ws'}://{self.origin}/graphql"

    @property
    def rest(self) -> str:
        """What the documented REST routes start with."""
        return f"{self.base}/api/personalization"

    @property
    def docs(self) -> str:
        """The REST routes, to read and try."""
        return f"{self.rest}/docs"

    @property
    def health(self) -> str:
        """The documented health check."""
        return f"{self.rest}/health"

    @property
    def metrics(self) -> str:
        """Prometheus metrics."""
        return f"{self.base}/metrics"


def wait_until_ready(endpoints: Endpoints, ended: Callable[[], str | None], seconds: float = READY_SECONDS) -> None:
    """Return when `/readyz` answers 200.

    Args:
        endpoints: of the service.
        ended: why it will never answer, or None while it still may.
        seconds: how long to wait.

    Raises:
        Unavailable: it ended, or did not answer in time; the message says what it answered last.
    """
    deadline = time.monotonic() + seconds
    answer = "nothing answered"
    while time.monotonic() < deadline:
        if (reason := ended()) is not None:
            raise Unavailable(reason)
        status, answer = _ask(endpoints)
        if status == 200:
            return
        time.sleep(POLL_SECONDS)
    raise Unavailable(f"the API was not ready within {seconds:g} s: {answer}")


def _connection(endpoints: Endpoints) -> HTTPConnection:
    if not endpoints.tls:
        return HTTPConnection(endpoints.origin, timeout=ANSWER_SECONDS)
    # The certificate is for other names than that of this machine, and nothing secret is asked.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return HTTPSConnection(endpoints.origin, timeout=ANSWER_SECONDS, context=context)


def _ask(endpoints: Endpoints) -> tuple[int, str]:
    connection = _connection(endpoints)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        return response.status, f"{response.status} {response.read(2000).decode(errors='replace')}"
    except (OSError, HTTPException) as error:
        return 0, f"nothing answered ({type(error).__name__})"
    finally:
        connection.close()
