"""Connections that send too much before a request begins, or never end it: bounds that uvicorn does not have.

Nobody has shown a token before the head of a request is read, so whoever can reach the port could fill memory with one
endless header, or hold as many connections as there are with half a request each.
"""

from asyncio import TimerHandle, Transport
from http import HTTPStatus
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES: Final = 65_536
"""Request line, headers and trailers of one request."""
HEADER_OVERHEAD: Final = 32
"""What a header costs beside its bytes, as HTTP/2 counts it (RFC 9113, 6.5.2): many small ones are long, too."""
REQUEST_SECONDS: Final = 30.0
"""From the first byte of a request, or the connection, to the last byte of its body."""


class HeadTooLong(Exception):
    """A request line and headers of more than `MAX_HEAD_BYTES`."""


class BoundedConnection(HttpToolsProtocol):
    """HTTP/1.1 by httptools, with a bound on the head of a request and on the time until all of it is there."""

    request_seconds = REQUEST_SECONDS
    _received = 0
    _taken = 0
    _head_read = False
    _deadline: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Wait for a request, not for ever."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._wait_no_longer()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self) -> None:
        """Hand over to the socket, which has deadlines of its own."""
        self._wait_no_longer()
        super().handle_websocket_upgrade()

    def data_received(self, data: bytes) -> None:
        """Read on; a head whose end is not in sight is refused before more of it is gathered."""
        if self._deadline is None:
            self._wait()
        if not self._head_read:
            self._received += len(data)
        super().data_received(data)
        if not self._head_read and self._received > MAX_HEAD_BYTES and not self.transport.is_closing():
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Count anew."""
        super().on_message_begin()
        self._received, self._taken, self._head_read = 0, 0, False

    def on_url(self, url: bytes) -> None:
        """Take a part of the request line. Raises `HeadTooLong`."""
        self._take(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header or a trailer. Raises `HeadTooLong`."""
        self._take(len(name) + len(value) + HEADER_OVERHEAD)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The rest is body, which the application bounds."""
        self._head_read = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of the request is there."""
        self._wait_no_longer()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, or one whose head is too long."""
        if self._taken > MAX_HEAD_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        else:
            super().send_400_response(msg)

    def _take(self, size: int) -> None:
        self._taken += size
        if self._taken > MAX_HEAD_BYTES:
            raise HeadTooLong

    def _wait(self) -> None:
        self._deadline = self.loop.call_later(self.request_seconds, self._out_of_time)

    def _wait_no_longer(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _out_of_time(self) -> None:
        self._deadline = None
        if self._answers() and not self.cycle.more_body:
            self._wait()
        elif not self.transport.is_closing():
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)

    def _answers(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self, status: HTTPStatus) -> None:
        """Say why, where no other answer is on its way, and close."""
        if not self._answers() or (self.cycle.more_body and not self.cycle.response_started):
            said = f"HTTP/1.1 {status} {status.phrase}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            self.transport.write(said.encode())
        self.transport.close()
