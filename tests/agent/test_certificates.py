"""A service whose certificate an authority of its own signed."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent import session
from agent.errors import SpaceError, Unreachable
from agent.output import Output
from agent.passwords import PasswordSource
from agent.restoring import RestoreRequest, restore


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of 127.0.0.1, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path_factory.mktemp("tls") / "certificate.pem"
    file.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def secured(scripted: Any, certificate: Path) -> Any:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    scripted._server.socket = context.wrap_socket(scripted._server.socket, server_side=True)
    scripted.origin = scripted.origin.replace("http:", "https:")
    return scripted


def test_a_certificate_that_is_not_trusted_is_said_at_once(secured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("agent.api.time", SimpleNamespace(sleep=waits.append))
    monkeypatch.setenv("SPACE_API_TOKEN", "t")

    with session.open_client(secured.origin) as client, pytest.raises(Unreachable) as failure:
        client.get("/me")

    assert failure.value.code == "certificate_untrusted"
    assert "--ca-file" in (failure.value.hint or "")
    assert waits == []


def test_a_ticket_is_redeemed_where_the_authority_is_named(secured: Any, certificate: Path, tmp_path: Path) -> None:
    refused = {"status": 410, "code": "ticket_expired", "detail": "Too late."}
    secured.answers["POST", "/tickets/redeem"] = lambda _: (410, refused)

    for ca_file, code in ((None, "certificate_untrusted"), (certificate, "ticket_expired")):
        request = RestoreRequest(target=tmp_path / "new", ticket="t", origin=secured.origin, ca_file=ca_file)
        with pytest.raises(SpaceError) as failure:
            restore(request, PasswordSource(command="echo x"), Output(as_json=True))
        assert failure.value.code == code
