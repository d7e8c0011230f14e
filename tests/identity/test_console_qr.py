"""Signing a browser in by a code that LarePass scans: for that browser, once, in its time, and for nobody else."""

import pytest

from tests.identity.browser import Browser, person_of, scan, set_cookies
from tests.identity.olares import Olares, olares_sessions
from tests.identity.support import Harness, Person, Signed, Space, code_of
from tests.support.larepass import LarePass, read_code
from tests.support.tokens import ORIGIN


def _secret(content: str) -> str:
    return str(read_code(content)["message"]["data"]["secret"])


async def test_a_code_says_what_larepass_reads(space: Space) -> None:
    space.clock.stop()
    answer = await Browser(space).post("/qr")
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert told.keys() == {"content", "expires_at", "check_after_seconds"}
    assert told["check_after_seconds"] == 3
    code = read_code(told["content"])
    body = code["message"]["sign"]["sign_body"]
    assert code == {
        "topic": "sign",
        "event": "login_cloud",
        "message": {
            "id": "1",
            "data": {"did": "", **body},
            "sign": {"callback_url": f"{ORIGIN}/v2/user/login", "sign_body": body},
        },
    }
    assert body.keys() == {"secret", "time"}
    assert len(bytes.fromhex(body["secret"])) == 16
    assert body["time"] == int(space.clock.now().timestamp() * 1000)
    # A code that is scanned from a screen should stay small.
    assert len(told["content"]) < 420


async def test_the_browser_that_shows_a_code_is_signed_in_as_who_scans_it(space: Space) -> None:
    larepass, browser = LarePass(ORIGIN), Browser(space)
    await space.register("alice@olares.com", person_of(larepass))
    content = await browser.show_code(client_name="Firefox on Linux")
    assert await browser.check() is None
    assert (await scan(space, larepass, content))["code"] == 0
    answer = await browser.post("/qr/check")
    tokens = answer.json()["signed_in"]
    assert tokens.keys() == {"access_token", "token_type", "expires_in", "owner"}
    assert (tokens["owner"]["did"], tokens["owner"]["olares_name"]) == (larepass.did, "alice@olares.com")
    assert tokens["owner"]["name_is_provisional"] is False
    assert set_cookies(answer).keys() == {"space_session", "space_qr"}
    assert browser.cookie("space_qr") is None
    signed = Signed(space, Person(), tokens)
    assert "account:write" in (await signed.ask("GET", "/me")).json()["scopes"]
    assert [item["client_name"] for item in await signed.listed("/me/sessions") if item["is_current"]] == [
        "Firefox on Linux"
    ]
    assert (await browser.post("/refresh")).status_code == 200


async def test_a_did_that_is_new_becomes_an_owner_with_a_provisional_name(space: Space) -> None:
    larepass, browser = LarePass(ORIGIN), Browser(space)
    assert (await scan(space, larepass, await browser.show_code()))["code"] == 0
    tokens = await browser.check()
    assert tokens is not None
    assert tokens["owner"]["olares_name"].endswith("@did.alt")
    assert tokens["owner"]["name_is_provisional"] is True


@pytest.mark.parametrize("registration", ["invite", "closed"])
async def test_a_did_that_may_not_register_leaves_the_code_to_others(open_space: Harness, registration: str) -> None:
    space = await open_space(registration=registration)
    browser = Browser(space)
    content = await browser.show_code()
    assert (await scan(space, LarePass(ORIGIN), content))["code"] == 403
    assert await browser.check() is None


async def test_another_browser_cannot_take_the_sign_in(space: Space) -> None:
    larepass, browser, other = LarePass(ORIGIN), Browser(space), Browser(space)
    content = await browser.show_code()
    await other.show_code()
    await scan(space, larepass, content)
    assert await other.check() is None
    # Nor one that saw the code: neither its secret nor any other word stands for the cookie.
    for guess in (_secret(content), "", "spq_guess", content):
        thief = Browser(space)
        answer = await thief.post("/qr/check", Cookie=f"space_qr={guess}")
        assert code_of(answer) == "410 sign_in_expired"
    assert code_of(await Browser(space).post("/qr/check")) == "410 sign_in_expired"
    assert await browser.check() is not None


async def test_a_sign_in_is_taken_once(space: Space) -> None:
    larepass, browser = LarePass(ORIGIN), Browser(space)
    content = await browser.show_code()
    kept = browser.cookie("space_qr")
    await scan(space, larepass, content)
    tokens = await browser.check()
    assert tokens is not None
    again = await browser.post("/qr/check", Cookie=f"space_qr={kept}")
    assert code_of(again) == "410 sign_in_expired"
    assert set_cookies(again)["space_qr"]["max-age"] == "0"
    assert len(await Signed(space, Person(), tokens).listed("/me/sessions")) == 1


@pytest.mark.parametrize("when", ["shown", "signed", "taken", "too old"])
async def test_a_secret_of_ours_is_never_answered_at_active_login(space: Space, when: str) -> None:
    larepass, browser, olares = LarePass(ORIGIN), Browser(space), Olares(space)
    content = await browser.show_code()
    if when != "shown":
        await scan(space, larepass, content)
    if when == "taken":
        assert await browser.check() is not None
    if when == "too old":
        space.clock.move(minutes=10)
    told = await olares.fetch(_secret(content))
    assert (told["code"], told["data"]) == (200, {})
    assert await space.rows("SELECT 1 FROM olares_logins") == []
    if when in ("shown", "signed"):
        assert await space.rows("SELECT 1 FROM sessions") == []


async def test_a_login_of_an_olares_device_signs_no_browser_in(space: Space) -> None:
    alice, browser = await space.register("alice@olares.com"), Browser(space)
    await browser.show_code()
    await Olares(space).connect(alice.person)
    assert await browser.check() is None
    assert len(await olares_sessions(alice)) == 1


async def test_the_same_login_again_changes_nothing_and_another_dids_is_refused(space: Space) -> None:
    larepass, browser = LarePass(ORIGIN), Browser(space)
    content = await browser.show_code()
    for _ in range(2):
        assert (await scan(space, larepass, content))["code"] == 0
    assert (await scan(space, LarePass(ORIGIN), content))["code"] == 403
    tokens = await browser.check()
    assert tokens is not None
    assert tokens["owner"]["did"] == larepass.did
    assert (await scan(space, larepass, content))["code"] == 0
    assert len(await Signed(space, Person(), tokens).listed("/me/sessions")) == 1


async def test_a_code_is_good_for_two_minutes(space: Space) -> None:
    space.clock.stop()
    larepass, early, late = LarePass(ORIGIN), Browser(space), Browser(space)
    scanned, forgotten = await early.show_code(), await late.show_code()
    space.clock.move(seconds=119)
    assert (await scan(space, larepass, scanned))["code"] == 0
    assert await early.check() is not None
    space.clock.move(seconds=1)
    told = await scan(space, larepass, forgotten)
    assert told["code"] == 403
    assert "Show a new one" in told["message"]
    answer = await late.post("/qr/check")
    assert code_of(answer) == "410 sign_in_expired"
    assert set_cookies(answer)["space_qr"]["max-age"] == "0"


async def test_a_sign_in_that_nobody_took_in_time_is_over(space: Space) -> None:
    space.clock.stop()
    browser = Browser(space)
    await scan(space, LarePass(ORIGIN), await browser.show_code())
    space.clock.move(seconds=120)
    assert code_of(await browser.post("/qr/check")) == "410 sign_in_expired"
    assert await space.rows("SELECT 1 FROM sessions") == []


async def test_a_new_code_takes_the_place_of_the_one_before(space: Space) -> None:
    larepass, browser = LarePass(ORIGIN), Browser(space)
    before = await browser.show_code()
    now = await browser.show_code()
    await scan(space, larepass, before)
    assert await browser.check() is None
    await scan(space, larepass, now)
    assert await browser.check() is not None


async def test_a_removed_device_signs_nobody_in(space: Space) -> None:
    larepass, before, after = LarePass(ORIGIN), Browser(space), Browser(space)
    alice = await space.register("alice@olares.com")
    await alice.enrol(person_of(larepass))
    content = await before.show_code()
    await scan(space, larepass, content)
    [device_id] = [item["device_id"] for item in await alice.listed("/me/devices") if not item["is_first"]]
    assert (await alice.ask("DELETE", f"/me/devices/{device_id}")).status_code == 204
    assert code_of(await before.post("/qr/check")) == "410 sign_in_expired"
    assert (await scan(space, larepass, await after.show_code()))["code"] == 403
