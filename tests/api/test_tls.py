"""HTTPS as operators start it: a certificate or a proxy that is named, and nothing open by accident."""

import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.sync.client import connect

from cli.connection import MAX_HEAD_BYTES
from domain.ids import TenantId
from domain.settings import Settings
from tests.api.command import COMMAND, environment, personalization, taken_port
from tests.api.graphql_room import PROTOCOL
from tests.api.rest_room import token

EVERYWHERE = "0.0.0.0"  # noqa: S104 - where production listens
PASSWORD = "opens-the-key"
QUESTION = {"query": '{ catalogItem(itemId: "modern") { title } health { status } }'}
LONGEST_WAIT_SECONDS = 30.0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for this machine and its encrypted key."""
    folder, key = tmp_path_factory.mktemp("tls"), ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), datetime.now(UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    sealed = serialization.BestAvailableEncryption(PASSWORD.encode())
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, sealed))
    return chain, private


@pytest.fixture(scope="module")
def variables(rest_settings: Settings) -> dict[str, str]:
    """A production environment on the tests' servers."""
    assert rest_settings.secret is not None
    assert rest_settings.jwt_secret is not None
    return {
        "PERSONALIZATION_DATABASE_URL": str(rest_settings.database_url),
        "PERSONALIZATION_REDIS_URL": str(rest_settings.redis_url),
        "PERSONALIZATION_DATA_DIR": str(rest_settings.data_dir),
        "PERSONALIZATION_KEK_FILE": str(rest_settings.kek_file),
        "PERSONALIZATION_SECRET": rest_settings.secret.get_secret_value(),
        "PERSONALIZATION_JWT_SECRET": rest_settings.jwt_secret.get_secret_value(),
    }


@contextmanager
def api(tmp_path: Path, *arguments: str, **variables: str) -> Iterator[tuple[int, Path]]:
    """The port of an API process that listens, and its log."""
    with taken_port() as port:
        pass
    log = tmp_path / "api.log"
    command = [*COMMAND, "api", "--port", str(port), *arguments]
    with log.open("w") as said:
        process = subprocess.Popen(command, env=environment(**variables), stderr=said)
        try:
            deadline = time.monotonic() + LONGEST_WAIT_SECONDS
            while "api_started" not in log.read_text() or not listens(port):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield port, log
        finally:
            process.terminate()
            process.wait(30)


def listens(port: int) -> bool:
    try:
        httpx.get(f"http://127.0.0.1:{port}/livez", timeout=5)
    except httpx.ConnectError:
        return False
    except httpx.TransportError:
        return True
    return True


def test_an_api_with_a_certificate_speaks_https_and_wss_only(
    certificate: tuple[Path, Path], variables: dict[str, str], tenant: TenantId, tmp_path: Path
) -> None:
    chain, key = certificate
    options = ("--host", EVERYWHERE, "--tls-certificate", str(chain), "--tls-key", str(key))
    trust = ssl.create_default_context(cafile=str(chain))
    with api(tmp_path, *options, PERSONALIZATION_TLS_KEY_PASSWORD=PASSWORD, **variables) as (port, _):
        anna = {"Authorization": f"Bearer {token(tenant, 'anna')}"}
        with httpx.Client(verify=trust, base_url=f"https://localhost:{port}", headers=anna) as client:
            answer = client.post("/graphql", json=QUESTION)
            assert answer.json()["data"]["health"]["status"] == "OK"
            assert answer.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"
            health = client.get("/api/personalization/health")
            assert (health.status_code, "strict-transport-security" in health.headers) == (200, True)
        with connect(f"wss://localhost:{port}/graphql", ssl=trust, subprotocols=[PROTOCOL]) as opened:  # type: ignore[list-item]
            opened.send('{"type": "connection_init"}')
            assert opened.recv() == '{"type":"connection_ack"}'
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/livez")
        old = ssl.create_default_context(cafile=str(chain))
        old.set_ciphers("AES128-SHA:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(httpx.ConnectError), httpx.Client(verify=old) as weak:
            weak.get(f"https://localhost:{port}/livez")


@pytest.mark.parametrize("host", [EVERYWHERE, "::", "192.0.2.1", "example.org"])
@pytest.mark.parametrize("command", ["api", "up"])
def test_plain_http_beyond_this_machine_is_refused_in_production(
    command: str, host: str, variables: dict[str, str]
) -> None:
    shown = personalization(command, "--host", host, PERSONALIZATION_ENVIRONMENT="production", **variables)
    assert shown.returncode != 0
    assert "plain HTTP" in shown.stderr
    assert "PERSONALIZATION_TLS_CERTIFICATE" in shown.stderr
    assert "PERSONALIZATION_TRUSTED_PROXIES" in shown.stderr


def test_a_named_proxy_is_believed_and_nobody_else(variables: dict[str, str], tmp_path: Path) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
    for proxies, believed in (("127.0.0.0/8", True), ("192.0.2.1", False)):
        with api(tmp_path, "--host", EVERYWHERE, "--trusted-proxies", proxies, **variables) as (port, _):
            address = f"http://127.0.0.1:{port}/livez"
            assert ("strict-transport-security" in httpx.get(address, headers=forwarded).headers) is believed
            assert "strict-transport-security" not in httpx.get(address).headers


def test_forwarded_headers_count_for_nothing_unless_a_proxy_is_named(variables: dict[str, str], tmp_path: Path) -> None:
    with api(tmp_path, **variables) as (port, _):
        address = f"http://127.0.0.1:{port}/livez"
        answer = httpx.get(address, headers={"X-Forwarded-Proto": "https"})
        assert (answer.status_code, "strict-transport-security" in answer.headers) == (200, False)
        assert httpx.get(address, headers={"X-Long": "x" * MAX_HEAD_BYTES}).status_code == 431


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"TLS_CERTIFICATE": "chain.pem"}, "PERSONALIZATION_TLS_KEY"),
        ({"TLS_CERTIFICATE": "/nowhere.pem", "TLS_KEY": "/nowhere.pem"}, "PERSONALIZATION_TLS_CERTIFICATE"),
        ({"TRUSTED_PROXIES": "proxy.example.org"}, "PERSONALIZATION_TRUSTED_PROXIES"),
        ({"AUTHENTICATION": "false", "HOST": EVERYWHERE}, "PERSONALIZATION_AUTHENTICATION"),
        ({"AUTHENTICATION": "false", "TRUSTED_PROXIES": "127.0.0.1"}, "PERSONALIZATION_AUTHENTICATION"),
    ],
)
def test_what_would_be_unsafe_or_useless_is_named_at_start(
    given: dict[str, str], field: str, variables: dict[str, str]
) -> None:
    named = {f"PERSONALIZATION_{name}": value for name, value in given.items()}
    shown = personalization("api", **{**variables, "PERSONALIZATION_ENVIRONMENT": "development", **named})
    assert shown.returncode != 0
    assert field in shown.stderr


def test_a_key_that_cannot_be_opened_is_said_without_asking(
    certificate: tuple[Path, Path], variables: dict[str, str]
) -> None:
    chain, key = certificate
    shown = personalization("api", "--tls-certificate", str(chain), "--tls-key", str(key), **variables)
    assert shown.returncode != 0
    assert "the certificate and its key cannot be used" in shown.stderr


def test_without_authentication_only_this_machine_may_do_everything_and_it_is_said_loudly(
    variables: dict[str, str], tmp_path: Path
) -> None:
    with api(tmp_path, PERSONALIZATION_AUTHENTICATION="false", **variables) as (port, log):
        assert "AUTHENTICATION IS OFF" in log.read_text()
        address = f"http://127.0.0.1:{port}"
        assert "errors" not in httpx.post(f"{address}/graphql", json=QUESTION).json()
        assert httpx.get(f"{address}/api/personalization/ui-settings/anna").status_code in {200, 404, 405}
        assert httpx.post(f"{address}/graphql", json=QUESTION, headers={"Host": "evil.example"}).status_code == 400
        assert httpx.post(f"{address}/graphql", json=QUESTION, headers={"Authorization": "Bearer x"}).status_code == 401
        with connect(f"ws://127.0.0.1:{port}/graphql", subprotocols=[PROTOCOL]) as opened:  # type: ignore[list-item]
            opened.send('{"type": "connection_init"}')
            assert opened.recv() == '{"type":"connection_ack"}'
    with api(tmp_path, **variables) as (port, log):
        assert "AUTHENTICATION IS OFF" not in log.read_text()
        assert "errors" in httpx.post(f"http://127.0.0.1:{port}/graphql", json=QUESTION).json()
