"""What `make run` is told by its environment, and what it refuses."""

import pytest

from space_local.errors import LocalError
from space_local.options import Options


@pytest.fixture(autouse=True)
def _told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPACE_HOST", "SPACE_ORIGIN", "SPACE_ORIGIN_PORT", "SPACE_STORE_PORT", "SPACE_TRUSTED_PROXIES"):
        monkeypatch.delenv(name, raising=False)


def told(monkeypatch: pytest.MonkeyPatch, **environment: str) -> Options:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Options.from_environment()


@pytest.mark.parametrize(
    ("host", "origin", "listening"),
    [
        ("", "http://127.0.0.1:8480", "http://127.0.0.1:8480"),
        ("192.168.1.10", "https://192.168.1.10:8480", "https://192.168.1.10:8480"),
        ("fd00::1", "https://[fd00::1]:8480", "https://[fd00::1]:8480"),
        ("localhost", "http://localhost:8480", "http://localhost:8480"),
    ],
)
def test_the_origin_is_where_it_listens(
    monkeypatch: pytest.MonkeyPatch, host: str, origin: str, listening: str
) -> None:
    options = told(monkeypatch, SPACE_HOST=host, SPACE_ORIGIN="")
    assert (options.origin, options.listening, options.trusted_proxies) == (origin, listening, "")


@pytest.mark.parametrize(
    ("said", "origin"),
    [
        ("https://space.example.com", "https://space.example.com"),
        ("https://Space.example.com:443/", "https://space.example.com"),
        ("https://space.example.com:8443", "https://space.example.com:8443"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
@pytest.mark.parametrize("host", ["", "192.168.1.10"])
def test_the_origin_is_the_one_that_was_told_and_it_listens_where_it_did(
    monkeypatch: pytest.MonkeyPatch, host: str, said: str, origin: str
) -> None:
    usual = told(monkeypatch, SPACE_HOST=host)
    options = told(monkeypatch, SPACE_ORIGIN=said)
    assert options.origin == origin
    assert (options.listening, options.scheme, options.bind) == (usual.origin, usual.scheme, usual.bind)
    assert options.store_endpoint == usual.store_endpoint


def test_another_port_of_this_machine_may_lead_here(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(monkeypatch, SPACE_ORIGIN="http://127.0.0.1:9000").origin == "http://127.0.0.1:9000"


@pytest.mark.parametrize(
    ("host", "said", "why"),
    [
        ("", "space.example.com", "no address"),
        ("", "ftp://space.example.com", "no address"),
        ("", "https://", "no address"),
        ("", "https://space example.com", "no address"),
        ("", "https://space.example.com/space", "without a path"),
        ("", "https://space.example.com?a=b", "without a path"),
        ("", "https://space.example.com#a", "without a path"),
        ("", "https://me:secret@space.example.com", "without a path"),
        ("", "http://space.example.com", "plain HTTP is for this machine alone"),
        # Registration is open where the origin is on loopback.
        ("192.168.1.10", "http://127.0.0.1:8480", "lets others in"),
        ("192.168.1.10", "https://localhost", "lets others in"),
        ("192.168.1.10", "https://a.localhost:8480", "lets others in"),
        ("192.168.1.10", "http://[::1]:8480", "lets others in"),
    ],
)
def test_what_cannot_be_an_origin_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch, host: str, said: str, why: str
) -> None:
    with pytest.raises(LocalError, match=f"SPACE_ORIGIN is .*{why}"):
        told(monkeypatch, SPACE_HOST=host, SPACE_ORIGIN=said)


def test_trusted_proxies_are_addresses_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    options = told(monkeypatch, SPACE_TRUSTED_PROXIES=" 192.168.1.2  10.0.0.0/24 fd00::1 ")
    assert options.trusted_proxies == "192.168.1.2 10.0.0.0/24 fd00::1"


@pytest.mark.parametrize("said", ["proxy.example.com", "192.168.1.2,192.168.1.3", "10.0.0.1/24", "private_ranges", "}"])
def test_what_is_no_address_of_a_proxy_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    with pytest.raises(LocalError, match="SPACE_TRUSTED_PROXIES is no address"):
        told(monkeypatch, SPACE_TRUSTED_PROXIES=f"192.168.1.1 {said}")
