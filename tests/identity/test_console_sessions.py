"""A browser that is signed in: its cookie, refreshing by it, signing out, and pages of other origins."""

from typing import Any

import pytest

from tests.identity.browser import CONSOLE, Browser, link_secret, scan, set_cookies
from tests.identity.support import Harness, Signed, Space, code_of
from tests.support.larepass import LarePass

HTTPS = "https://space.test"
PATHS = ("/links", "/links/redeem", "/qr", "/qr/check", "/refresh", "/logout")


async def _browser(space: Space) -> Browser:
    browser = Browser(space)
    await browser.sign_in(await space.register("alice@olares.com"))
    return browser


@pytest.mark.parametrize("origin", ["http://space.test", HTTPS])
async def test_no_script_and_no_other_path_sees_the_cookies(open_space: Harness, origin: str) -> None:
    space = await open_space(origin=origin)
    space.clock.stop()
    browser, larepass = Browser(space, origin), LarePass(origin)
    shown = await browser.post("/qr")
    await scan(space, larepass, shown.json()["content"])
    signed_in = await browser.post("/qr/check")
    refreshed = await browser.post("/refresh")
    assert [answer.status_code for answer in (shown, signed_in, refreshed)] == [201, 200, 200]
    is_secure = origin == HTTPS
    prefix = "__Secure-" if is_secure else ""
    for answer, name, lives in (
        (shown, "space_qr", 120),
        (signed_in, "space_session", 30 * 86_400),
        (refreshed, "space_session", 30 * 86_400),
    ):
        cookie = set_cookies(answer)[prefix + name]
        assert cookie["httponly"] is True
        assert cookie["samesite"].lower() == "strict"
        assert cookie["path"] == CONSOLE
        assert cookie["max-age"] == str(lives)
        assert cookie["domain"] == ""
        assert bool(cookie["secure"]) is is_secure
        assert cookie.value
        assert cookie.value not in answer.text


async def test_a_cookie_over_plain_http_is_none_of_a_space_with_https(open_space: Harness) -> None:
    space = await open_space(origin=HTTPS)
    browser = Browser(space, HTTPS)
    await scan(space, LarePass(HTTPS), await browser.show_code())
    assert await browser.check() is not None
    kept = browser.cookie("__Secure-space_session")
    assert kept is not None
    planted = await Browser(space, HTTPS).post("/refresh", Cookie=f"space_session={kept}")
    assert code_of(planted) == "401 not_signed_in"


async def test_a_refresh_gives_a_new_cookie_and_a_token_of_the_same_session(space: Space) -> None:
    browser = Browser(space)
    alice = await space.register("alice@olares.com")
    tokens = await browser.sign_in(alice)
    before = browser.cookie("space_session")
    answer = await browser.post("/refresh")
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json().keys() == {"access_token", "token_type", "expires_in", "owner"}
    assert browser.cookie("space_session") not in (before, None)
    verify = space.runtime.verifier.verify
    assert await verify(answer.json()["access_token"]) == await verify(tokens["access_token"])


async def test_two_tabs_that_refresh_at_once_go_on_together(space: Space) -> None:
    browser = await _browser(space)
    shared = browser.cookie("space_session")
    answers = []
    for wait in (0, 59):
        space.clock.move(seconds=wait)
        answers.append(await Browser(space).post("/refresh", Cookie=f"space_session={shared}"))
    assert [answer.status_code for answer in answers] == [200, 200]
    one, two = [set_cookies(answer)["space_session"].value for answer in answers]
    assert one == two
    assert (await Browser(space).post("/refresh", Cookie=f"space_session={two}")).status_code == 200


async def test_a_cookie_that_was_replaced_a_minute_ago_ends_the_session_and_is_taken_away(space: Space) -> None:
    browser = await _browser(space)
    stolen = browser.cookie("space_session")
    assert (await browser.post("/refresh")).status_code == 200
    space.clock.move(seconds=61)
    thief = await Browser(space).post("/refresh", Cookie=f"space_session={stolen}")
    assert code_of(thief) == "401 refresh_reused"
    assert set_cookies(thief)["space_session"]["max-age"] == "0"
    ended = await browser.post("/refresh")
    assert code_of(ended) == "401 session_ended"
    assert ended.headers["cache-control"] == "no-store"
    assert browser.cookie("space_session") is None
    assert code_of(await browser.post("/refresh")) == "401 not_signed_in"


async def test_a_cookie_that_is_nobodys_is_taken_away(space: Space) -> None:
    answer = await Browser(space).post("/refresh", Cookie="space_session=spr_nobodys")
    assert code_of(answer) == "401 refresh_invalid"
    assert set_cookies(answer)["space_session"]["max-age"] == "0"


async def test_a_refresh_that_is_refused_for_now_leaves_the_cookie(open_space: Harness) -> None:
    space = await open_space(limits={"refreshes_per_minute": 1})
    space.clock.stop()
    browser = await _browser(space)
    assert (await browser.post("/refresh")).status_code == 200
    kept = browser.cookie("space_session")
    assert code_of(await browser.post("/refresh")) == "429 too_many_attempts"
    assert browser.cookie("space_session") == kept


async def test_signing_out_ends_the_session_and_takes_the_cookie_away(space: Space) -> None:
    alice, browser = await space.register("alice@olares.com"), Browser(space)
    await browser.sign_in(alice)
    kept = browser.cookie("space_session")
    answer = await browser.post("/logout")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert browser.cookie("space_session") is None
    again = await Browser(space).post("/refresh", Cookie=f"space_session={kept}")
    assert code_of(again) == "401 session_ended"
    assert (await browser.post("/logout")).status_code == 204
    # The device that made the link goes on.
    assert (await space.refresh(alice.tokens["refresh_token"])).status_code == 200


async def test_a_session_that_its_owner_ends_elsewhere_is_over_in_the_browser(space: Space) -> None:
    alice, browser = await space.register("alice@olares.com"), Browser(space)
    await browser.sign_in(alice)
    [console] = [item for item in await alice.listed("/me/sessions") if item["client_name"] == "Console"]
    assert (await alice.ask("DELETE", f"/me/sessions/{console['session_id']}")).status_code == 204
    assert code_of(await browser.post("/refresh")) == "401 session_ended"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "origin",
    ["http://evil.test", "https://space.test", "http://space.test:8080", "http://space.test.evil.test", "null"],
)
async def test_a_page_of_another_origin_is_refused_whatever_cookies_it_has(
    space: Space, path: str, origin: str
) -> None:
    browser = await _browser(space)
    await browser.show_code()
    answer = await browser.post(path, Origin=origin)
    assert code_of(answer) == "403 origin_refused"
    assert "set-cookie" not in answer.headers
    assert (await browser.post("/refresh")).status_code == 200


async def test_a_client_that_names_no_origin_is_no_page(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    answer = await space.post("/auth/console/links/redeem", {"secret": await link_secret(alice)})
    assert answer.status_code == 200


@pytest.mark.parametrize("path", PATHS[1:])
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
async def test_what_a_form_can_send_is_refused(space: Space, path: str, content_type: str) -> None:
    browser = await _browser(space)
    headers = {"Content-Type": content_type}
    answer = await browser.client.post(f"{browser.origin}{CONSOLE}{path}", content=b"{}", headers=headers)
    assert code_of(answer) == "422 request_invalid"
    assert (await browser.post("/refresh")).status_code == 200


async def test_the_cookie_opens_nothing_else(space: Space) -> None:
    browser = await _browser(space)
    kept = browser.cookie("space_session")
    for method, path in (("GET", "/me"), ("GET", "/me/sessions"), ("POST", "/tokens"), ("PUT", "/me/olares-name")):
        headers = {"Cookie": f"space_session={kept}"}
        answer = await space.client().request(method, f"/api/v1{path}", json={}, headers=headers)
        assert code_of(answer) == "401 sign_in_needed"
    assert code_of(await Browser(space).post("/links", Cookie=f"space_session={kept}")) == "401 sign_in_needed"


async def test_the_pages_own_token_can_do_what_a_sign_in_can(space: Space) -> None:
    alice, browser = await space.register("alice@olares.com"), Browser(space)
    tokens: dict[str, Any] = await browser.sign_in(alice)
    page = Signed(space, alice.person, tokens)
    assert (await page.api_token("backups:read"))["token"].startswith("spc_")
