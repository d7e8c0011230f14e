"""`space login --web`: a browser signed in by a link, which is printed, and opened where there is a screen."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent import config, wire
from identity.app import service as identity
from tests.agent.api_documents import ApiDocument
from tests.agent.shell import called, error_of, space
from tests.agent.test_session import keep, refusal, tokens

ENDS = "2030-01-01T00:00:00Z"
PATH = "/auth/console/links"


@pytest.fixture
def link(scripted: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the service makes; nobody is signed in yet, and there is no screen."""
    link = f"{scripted.origin}/sign-in#link=spl_c2VjcmV0"
    nonce = {"nonce": "n", "audience": scripted.origin, "issued_at": "2026-01-01T00:00:00Z", "expires_at": ENDS}
    scripted.answers = {
        ("POST", "/auth/nonces"): lambda _: (201, nonce),
        ("POST", "/auth/login"): lambda _: (200, tokens(1)),
        ("POST", PATH): lambda _: (201, {"link": link, "expires_at": ENDS}),
    }
    monkeypatch.setenv("SPACE_ORIGIN", scripted.origin)
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    return link


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A browser on a screen; what it was told is in this file."""
    told, program = tmp_path / "told", tmp_path / "browser"
    program.write_text(f'#!/bin/sh\necho "$@" >> {told}\n')
    program.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(program))
    monkeypatch.setenv("DISPLAY", ":7")
    return told


def test_who_is_signed_in_gets_a_link_without_signing_in_again(scripted: Any, link: str) -> None:
    keep(scripted.origin, fresh_for=600)

    done = called("login", "--web")

    assert (done.returncode, done.stdout) == (0, f"{link}\n")
    assert "works once, within a minute" in done.stderr
    assert scripted.requests == [("POST", PATH, {}, "Bearer access-0")]


def test_who_is_not_is_signed_in_first(scripted: Any, link: str) -> None:
    done = called("login", "--web", "--name", "alice@olares.com")

    assert (done.returncode, done.stdout) == (0, f"{link}\n")
    assert "Signed in to" in done.stderr
    assert "The only way into this account" in done.stderr
    assert [path for _, path, _, _ in scripted.requests] == ["/auth/nonces", "/auth/login", PATH]
    assert scripted.requests[-1][3] == "Bearer access-1"
    kept = config.read_private(config.session_file())
    assert kept is not None
    assert kept["refresh_token"] == "refresh-1"


def test_who_is_signed_in_elsewhere_is_signed_in_here(scripted: Any, link: str) -> None:
    keep("http://elsewhere.example", fresh_for=600)

    assert called("login", "--web").stdout == f"{link}\n"
    assert scripted.requests[-1][3] == "Bearer access-1"


def test_a_program_s_token_is_not_what_signs_a_browser_in(
    scripted: Any, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPACE_API_TOKEN", "spc_x")
    keep(scripted.origin, fresh_for=600)

    assert called("login", "--web").returncode == 0
    assert scripted.requests == [("POST", PATH, {}, "Bearer access-0")]


def test_with_a_screen_the_browser_opens_it(scripted: Any, link: str, browser: Path) -> None:
    keep(scripted.origin, fresh_for=600)

    done = space("login", "--web")

    assert (done.returncode, done.stdout) == (0, f"{link}\n")
    assert "opens in your browser" in done.stderr
    assert browser.read_text() == f"{link}\n"


@pytest.mark.parametrize("flag", ["--no-open", "--json"])
def test_asked_for_it_is_only_printed(scripted: Any, link: str, browser: Path, flag: str) -> None:
    done = space("login", "--web", flag)

    assert done.returncode == 0, done.stderr
    assert not browser.exists()
    if flag == "--json":
        assert json.loads(done.stdout) == {"link": link, "expires_at": "2030-01-01T00:00:00+00:00"}
    else:
        assert done.stdout == f"{link}\n"


def test_no_open_alone_is_wrong_usage(link: str) -> None:
    done = called("login", "--no-open", "--json")

    assert (done.returncode, error_of(done)["code"]) == (2, "login_options")


def test_a_refusal_is_told(scripted: Any, link: str) -> None:
    scripted.answers["POST", PATH] = lambda _: refusal(403, "scope_missing")
    keep(scripted.origin, fresh_for=600)

    done = called("login", "--web", "--json")

    assert (done.returncode, error_of(done)["code"]) == (6, "scope_missing")


def test_what_identity_answers_can_be_read(link: str, scripted: Any) -> None:
    document = ApiDocument(identity)
    schema = document.answer("post", PATH, 201)
    assert document.unread(wire.ConsoleLink, schema) == []
    _, sample = scripted.answers["POST", PATH]({})
    assert document.faults(schema, sample) == []
    _, sample = scripted.answers["POST", "/auth/login"]({})
    assert document.faults(document.answer("post", "/auth/login", 200), sample) == []
