"""How an API process may be reached: over TLS, through proxies that are named, and never openly by accident."""

import ssl
from ipaddress import ip_address
from typing import Any, Final

import structlog

from domain.errors import ValidationFailed
from domain.settings import PREFIX, Environment, Settings

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2; those of 1.3 are all of this kind."""

_log = structlog.get_logger(__name__)


def require_safe_transport(settings: Settings) -> None:
    """Refuse to listen where tokens and answers could be read on the way, or where anybody could do everything.

    Raises:
        ValidationFailed: production would speak plain HTTP beyond this machine although no proxy is declared; the
            certificate cannot be used; or authentication is off where others reach the service.
    """
    local = is_loopback(settings.host)
    if not settings.authentication:
        _require_loopback_without_authentication(settings, local=local)
    if settings.tls_certificate is not None:
        _require_usable_certificate(settings)
    elif settings.environment is Environment.PRODUCTION and not local and not settings.proxies:
        raise ValidationFailed(
            f"plain HTTP on {settings.host} is refused in production: give {PREFIX}TLS_CERTIFICATE and "
            f"{PREFIX}TLS_KEY, or name the proxy that speaks HTTPS in {PREFIX}TRUSTED_PROXIES",
            field=f"{PREFIX}TLS_CERTIFICATE",
        )


def server_options(settings: Settings) -> dict[str, Any]:
    """What uvicorn is told of TLS and of whose forwarded headers count; nobody's do unless they are named."""
    options: dict[str, Any] = {"proxy_headers": bool(settings.proxies), "forwarded_allow_ips": list(settings.proxies)}
    if settings.tls_certificate is not None:
        password = settings.tls_key_password
        options |= {
            "ssl_certfile": str(settings.tls_certificate),
            "ssl_keyfile": str(settings.tls_key),
            "ssl_keyfile_password": password and password.get_secret_value(),
            "ssl_ciphers": CIPHERS,
        }
    return options


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens on `host`; a name other than `localhost` counts as reachable."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def _require_loopback_without_authentication(settings: Settings, *, local: bool) -> None:
    if not local or settings.proxies:
        raise ValidationFailed(
            "authentication may be off only where nobody else reaches the service: on loopback and behind no proxy",
            field=f"{PREFIX}AUTHENTICATION",
        )
    _log.warning("AUTHENTICATION IS OFF: whoever reaches this port may do everything", host=settings.host)


def _require_usable_certificate(settings: Settings) -> None:
    password = settings.tls_key_password
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Without a password of ours OpenSSL would ask for one on the terminal.
        given = "" if password is None else password.get_secret_value()
        context.load_cert_chain(str(settings.tls_certificate), str(settings.tls_key), given)
    except (OSError, ValueError) as error:
        raise ValidationFailed(
            f"the certificate and its key cannot be used: {error}", field=f"{PREFIX}TLS_CERTIFICATE"
        ) from error
