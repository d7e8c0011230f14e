"""A browser signs in through the edge: by a link of the command, and by LarePass."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.devices import Device
from tests.support.larepass import LarePass
from tests.support.whole_system import WholeSystem

CONSOLE = "/api/v1/auth/console"


@pytest.fixture
def browser(whole: WholeSystem) -> Iterator[httpx.Client]:
    """With a jar of cookies; each POST says which page asks."""
    with httpx.Client(base_url=whole.origin, headers={"Origin": whole.origin}, trust_env=False, timeout=60) as browser:
        yield browser


def owner_of(browser: httpx.Client, token: str) -> dict[str, object]:
    answer = browser.get("/api/v1/me", headers={"Authorization": f"Bearer {token}"})
    owner: dict[str, object] = answer.raise_for_status().json()
    return owner


def test_a_link_of_the_command_signs_a_browser_in_until_it_signs_out(browser: httpx.Client, alice: Device) -> None:
    made = alice.space("login", "--web", "--no-open", "--json").json
    origin, _, secret = made["link"].partition("/sign-in#link=")
    assert origin == str(browser.base_url).rstrip("/")
    tokens = browser.post(f"{CONSOLE}/links/redeem", json={"secret": secret}).raise_for_status().json()
    assert owner_of(browser, tokens["access_token"])["did"] == alice.session()["did"]
    assert browser.post(f"{CONSOLE}/links/redeem", json={"secret": secret}).json()["code"] == "link_invalid"
    renewed = browser.post(f"{CONSOLE}/refresh", json={}).raise_for_status().json()
    backups = browser.get("/api/v1/backups", headers={"Authorization": f"Bearer {renewed['access_token']}"})
    assert backups.status_code == 200
    assert browser.post(f"{CONSOLE}/logout", json={}).status_code == 204
    assert browser.post(f"{CONSOLE}/refresh", json={}).json()["code"] == "not_signed_in"


def test_larepass_signs_in_the_browser_whose_code_it_scans(browser: httpx.Client, whole: WholeSystem) -> None:
    larepass = LarePass(whole.origin)
    content = browser.post(f"{CONSOLE}/qr", json={}).raise_for_status().json()["content"]
    assert browser.post(f"{CONSOLE}/qr/check", json={}).json() == {"signed_in": None}
    done = larepass.scan_code(content)
    assert (done.status, done.code) == (200, 0), done
    tokens = browser.post(f"{CONSOLE}/qr/check", json={}).raise_for_status().json()["signed_in"]
    owner = owner_of(browser, tokens["access_token"])
    assert (owner["did"], owner["name_is_provisional"]) == (larepass.did, True)
    # The same app connects an Olares device as before, as the same owner.
    assert larepass.connect().did == larepass.did


def test_a_page_of_another_origin_gets_nothing(browser: httpx.Client) -> None:
    answer = browser.post(f"{CONSOLE}/qr", json={}, headers={"Origin": "http://evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_refused")
    assert "set-cookie" not in answer.headers
