"""Global Privacy Control: `Sec-GPC: 1` on any transport is a lasting objection of the person whose browser sent it.

Whose it is, is known when a token was checked, or when a service that acts for others reached somebody. It is written
before the answer goes out, and the answer says so; where it cannot be written the answer does not.
"""

from contextvars import ContextVar
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from domain.bootstrap import Services
from domain.errors import DomainError
from domain.ids import TenantId, UserId
from domain.privacy.receipts import Evidence

HEADER: Final = "Sec-GPC"
CONFIRMED: Final = "X-GPC"
OPTED_OUT: Final = "opted-out"
SOURCE: Final = "sec-gpc"
WELL_KNOWN: Final = "/.well-known/gpc.json"
LAST_UPDATE: Final = "2026-11-27"

Person = tuple[TenantId, UserId]

_log = structlog.get_logger(__name__)


class Objection:
    """The signal of one request or socket, and whom it concerns."""

    def __init__(self) -> None:
        self.people: set[Person] = set()
        self._written: set[Person] = set()

    async def write(self, services: Services) -> bool:
        """Write the objection of all whom it concerns; whether there is anybody and all of it is written."""
        evidence = Evidence(services.privacy.policy_version, SOURCE)
        try:
            for tenant, user in self.people - self._written:
                # Asked anew by each request: whoever was erased and comes back is somebody else, who has not objected.
                subject = await services.directory.resolve(tenant, user)
                if subject is None or not subject.gpc:
                    await services.privacy.update_settings(tenant, user, gpc=True, evidence=evidence)
                self._written.add((tenant, user))
        except DomainError as error:
            _log.warning("an objection by Global Privacy Control could not be written", code=error.code)
            return False
        return bool(self.people)


objection: ContextVar[Objection | None] = ContextVar("objection", default=None)
"""That of the present request; None unless it carries the signal."""


def note_person(tenant: TenantId, user: UserId) -> None:
    """Take note of whom the present request is about, if it carries the signal."""
    present = objection.get()
    if present is not None:
        present.people.add((tenant, user))


class GlobalPrivacyControl:
    """Middleware that writes the objection of whoever sends the signal.

    Args:
        app: what it passes requests to.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; one with the signal is answered after the objection is written."""
        if scope["type"] not in {"http", "websocket"} or not _objects(Headers(scope=scope)):
            await self._app(scope, receive, send)
            return
        present = Objection()

        async def confirmed(message: Message) -> None:
            written = await present.write(scope["app"].state.services)
            if written and message["type"] == "http.response.start":
                MutableHeaders(scope=message)[CONFIRMED] = OPTED_OUT
            await send(message)

        token = objection.set(present)
        try:
            await self._app(scope, receive, confirmed)
        finally:
            objection.reset(token)


def _objects(headers: Headers) -> bool:
    """Whether the signal is there: one header that carries it is enough, whatever a proxy added beside it."""
    return "1" in headers.getlist(HEADER)


async def described(_request: Request) -> Response:
    """What the signal means here, where browsers look for it (Global Privacy Control, section 4)."""
    return JSONResponse({"gpc": True, "lastUpdate": LAST_UPDATE}, headers={"Cache-Control": "public, max-age=86400"})
