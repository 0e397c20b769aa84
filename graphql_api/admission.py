"""Who may come in at all: tokens are looked at, and addresses that come without a good one too often are sent away.

A token that this process has verified is let in from anywhere, so that whoever shares an address with somebody who
guesses is not shut out; every other one waits where too many from its address were refused, unread.
"""

from typing import Any

from starlette.requests import HTTPConnection

from domain.bootstrap import Services
from domain.errors import Unauthenticated
from domain.limiting.service import ANONYMOUS, REFUSED_TOKENS
from graphql_api.auth import Authenticator, Principal


def address_of(connection: HTTPConnection) -> str | None:
    """The caller's address, as the server or a trusted proxy tells it; None behind a Unix socket."""
    return None if connection.client is None else connection.client.host


def authorization_of(connection: HTTPConnection) -> str | None:
    """The `Authorization` header; several are one that no token can be read from (RFC 9110, 5.3).

    Otherwise a proxy could look at one of them and this service at another.
    """
    given = connection.headers.getlist("authorization")
    return ", ".join(given) if given else None


async def recognised(services: Services, authenticator: Authenticator, address: str | None, token: str) -> Principal:
    """The caller that an `Authorization` header proves.

    Raises:
        Unauthenticated: it cannot be trusted, which counts against its address.
        RateLimited: too many from this address could not be trusted.
    """
    if (known := authenticator.verified(token)) is not None:
        return known
    if not authenticator.has_verified(token):
        services.rates.require_untired(address)
    try:
        return await authenticator.principal(token)
    except Unauthenticated:
        services.rates.admit_address(address, REFUSED_TOKENS)
        raise


async def caller_of(connection: HTTPConnection, *, required: bool = False) -> Principal | None:
    """Who asks; None without a token.

    Args:
        connection: the request or the handshake of a socket.
        required: a caller without a token is refused as one whose token cannot be trusted.

    Raises:
        Unauthenticated: the token cannot be trusted, or is missing and required.
        RateLimited: too many such calls came from this address.
    """
    state: Any = connection.app.state
    authenticator: Authenticator = state.authenticator
    token, address = authorization_of(connection), address_of(connection)
    if token is not None:
        return await recognised(state.services, authenticator, address, token)
    if authenticator.nobody is not None:
        return authenticator.nobody
    state.services.rates.admit_address(address, ANONYMOUS)
    return await authenticator.principal("") if required else None


def require_welcome(opening: HTTPConnection) -> None:
    """Raise `RateLimited` where a socket opens at an address that sent too many tokens that were refused.

    One whose handshake brings a token that is known to be good is welcome.
    """
    state: Any = opening.app.state
    token = authorization_of(opening)
    if token is None or not state.authenticator.has_verified(token):
        state.services.rates.require_untired(address_of(opening))
