"""Signing a browser in by a link that a signed-in device makes."""

import httpx

from tests.identity.browser import Browser, link_secret
from tests.identity.support import Signed, Space, code_of


async def _redeem(space: Space, secret: str) -> httpx.Response:
    return await Browser(space).post("/links/redeem", {"secret": secret})


async def test_a_link_signs_a_browser_in_as_the_owner_who_made_it(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    browser = Browser(space)
    answer = await browser.post(
        "/links/redeem", {"secret": await link_secret(alice), "client_name": "Firefox on Linux"}
    )
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    tokens = answer.json()
    assert tokens.keys() == {"access_token", "token_type", "expires_in", "owner"}
    assert tokens["owner"] == alice.tokens["owner"]
    assert str(browser.cookie("space_session")) not in answer.text
    signed = Signed(space, alice.person, tokens)
    assert (await signed.ask("GET", "/me")).json()["olares_name"] == "alice@olares.com"
    [console, laptop] = await alice.listed("/me/sessions")
    assert (console["client_name"], console["kind"], console["device_id"]) == (
        "Firefox on Linux",
        "native",
        laptop["device_id"],
    )


async def test_a_link_is_good_once(space: Space) -> None:
    secret = await link_secret(await space.register("alice@olares.com"))
    assert (await _redeem(space, secret)).status_code == 200
    again = await _redeem(space, secret)
    assert code_of(again) == "403 link_invalid"
    assert "set-cookie" not in again.headers


async def test_a_link_is_good_for_a_minute(space: Space) -> None:
    space.clock.stop()
    alice = await space.register("alice@olares.com")
    early, late = await link_secret(alice), await link_secret(alice)
    space.clock.move(seconds=59)
    assert (await _redeem(space, early)).status_code == 200
    space.clock.move(seconds=1)
    assert code_of(await _redeem(space, late)) == "403 link_invalid"


async def test_a_secret_that_is_nobodys_is_refused_alike(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    used = await link_secret(alice)
    await _redeem(space, used)
    answers = [await _redeem(space, secret) for secret in ("spl_nobodys", alice.tokens["refresh_token"], used)]
    assert {code_of(answer) for answer in answers} == {"403 link_invalid"}
    assert len({answer.json()["detail"] for answer in answers}) == 1


async def test_a_link_asked_for_twice_by_one_key_is_one_link(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    key = {"Idempotency-Key": "a-key-of-the-command"}
    one, two = [(await alice.ask("POST", "/auth/console/links", {}, **key)).json() for _ in range(2)]
    assert one == two


async def test_who_is_not_signed_in_themselves_makes_no_link(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    program = await alice.exchanged((await alice.api_token("account:read"))["token"])
    assert code_of(await program.ask("POST", "/auth/console/links", {})) == "403 scope_missing"
    await space.post("/auth/logout", {"refresh_token": alice.tokens["refresh_token"]})
    assert code_of(await alice.ask("POST", "/auth/console/links", {})) == "401 session_ended"
    assert code_of(await Browser(space).post("/links")) == "401 sign_in_needed"


async def test_a_link_goes_with_its_device_and_so_does_the_browser_it_signed_in(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    desktop = await alice.enrol()
    browser = Browser(space)
    await browser.sign_in(desktop)
    secret = await link_secret(desktop)
    [device_id] = [item["device_id"] for item in await alice.listed("/me/devices") if not item["is_first"]]
    assert (await alice.ask("DELETE", f"/me/devices/{device_id}")).status_code == 204
    assert code_of(await _redeem(space, secret)) == "403 link_invalid"
    assert code_of(await browser.post("/refresh")) == "401 session_ended"


async def test_a_link_is_for_one_browser_and_replaces_whoever_was_signed_in_there(space: Space) -> None:
    alice, bob = await space.register("alice@olares.com"), await space.register("bob@olares.com")
    browser = Browser(space)
    await browser.sign_in(alice)
    await browser.sign_in(bob)
    assert (await browser.post("/refresh")).json()["owner"]["olares_name"] == "bob@olares.com"
