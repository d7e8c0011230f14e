"""An Olares name in place of a provisional one, once."""

import pytest

from tests.identity.browser import Browser, scan
from tests.identity.support import Person, Signed, Space, code_of
from tests.support.larepass import LarePass
from tests.support.tokens import ORIGIN


async def _newcomer(space: Space) -> Signed:
    """Whoever came by LarePass, and has a provisional name."""
    browser = Browser(space)
    await scan(space, LarePass(ORIGIN), await browser.show_code())
    tokens = await browser.check()
    assert tokens is not None
    return Signed(space, Person(), tokens)


async def _name(owner: Signed, name: str) -> str:
    answer = await owner.ask("PUT", "/me/olares-name", {"olares_name": name})
    return str(answer.json()["olares_name"]) if answer.status_code == 200 else code_of(answer)


async def test_a_provisional_name_is_replaced_once(space: Space) -> None:
    alice = await _newcomer(space)
    assert (await alice.ask("GET", "/me")).json()["name_is_provisional"] is True
    answer = await alice.ask("PUT", "/me/olares-name", {"olares_name": " Alice@Olares.com "})
    assert answer.status_code == 200
    assert (answer.json()["olares_name"], answer.json()["name_is_provisional"]) == ("alice@olares.com", False)
    me = (await alice.ask("GET", "/me")).json()
    assert (me["olares_name"], me["name_is_provisional"]) == ("alice@olares.com", False)
    # Again is what a client does that lost the answer.
    assert await _name(alice, "alice@olares.com") == "alice@olares.com"
    assert await _name(alice, "other@olares.com") == "409 olares_name_settled"


async def test_a_token_says_the_name_from_the_next_refresh_on(space: Space) -> None:
    browser = Browser(space)
    await scan(space, LarePass(ORIGIN), await browser.show_code())
    tokens = await browser.check()
    assert tokens is not None
    await _name(Signed(space, Person(), tokens), "alice@olares.com")
    refreshed = (await browser.post("/refresh")).json()
    caller = await space.runtime.verifier.verify(refreshed["access_token"])
    assert caller.olares_name == refreshed["owner"]["olares_name"] == "alice@olares.com"


async def test_a_name_given_at_registration_stays(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    assert await _name(alice, "other@olares.com") == "409 olares_name_settled"
    assert (await alice.ask("GET", "/me")).json()["olares_name"] == "alice@olares.com"


async def test_a_name_of_somebody_else_is_refused_and_another_may_be_given(space: Space) -> None:
    await space.register("bob@olares.com")
    alice = await _newcomer(space)
    assert await _name(alice, "bob@olares.com") == "409 olares_name_taken"
    assert await _name(alice, "alice@olares.com") == "alice@olares.com"


@pytest.mark.parametrize("name", ["", "alice", "z6mkabc@did.alt", "alice@olares", "a b@olares.com"])
async def test_what_is_no_olares_name_is_refused(space: Space, name: str) -> None:
    alice = await _newcomer(space)
    assert await _name(alice, name) == "422 request_invalid"
    assert (await alice.ask("GET", "/me")).json()["name_is_provisional"] is True


async def test_an_ended_session_and_an_api_token_name_nobody(space: Space) -> None:
    alice = await _newcomer(space)
    program = await alice.exchanged((await alice.api_token("account:read"))["token"])
    assert await _name(program, "alice@olares.com") == "403 scope_missing"
    [session] = await alice.listed("/me/sessions")
    assert (await alice.ask("DELETE", f"/me/sessions/{session['session_id']}")).status_code == 204
    assert await _name(alice, "alice@olares.com") == "401 session_ended"
