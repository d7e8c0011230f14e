"""Sessions: refreshed by rotation, ended by reuse, by signing out and by age."""

from tests.identity.support import Space, code_of


async def _refreshed(space: Space, token: str) -> str:
    answer = await space.refresh(token)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["refresh_token"])


async def test_a_refresh_gives_new_tokens_of_the_same_session(space: Space) -> None:
    space.clock.stop()
    alice = await space.register("alice@olares.com")
    answer = await space.refresh(alice.tokens["refresh_token"])
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["refresh_token"] != alice.tokens["refresh_token"]
    assert answer.json()["owner"] == alice.tokens["owner"]
    before = await space.runtime.verifier.verify(alice.tokens["access_token"])
    after = await space.runtime.verifier.verify(answer.json()["access_token"])
    assert after == before


async def test_a_client_that_lost_the_answer_gets_the_same_one_again(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    lost = await _refreshed(space, alice.tokens["refresh_token"])
    space.clock.move(seconds=59)
    assert await _refreshed(space, alice.tokens["refresh_token"]) == lost
    assert await _refreshed(space, lost) != lost


async def test_a_predecessor_that_comes_too_late_ends_the_session(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    newest = await _refreshed(space, alice.tokens["refresh_token"])
    space.clock.move(seconds=61)
    assert code_of(await space.refresh(alice.tokens["refresh_token"])) == "401 refresh_reused"
    assert code_of(await space.refresh(newest)) == "401 session_ended"


async def test_a_token_whose_successor_was_used_ends_the_session_at_once(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    newest = await _refreshed(space, await _refreshed(space, alice.tokens["refresh_token"]))
    assert code_of(await space.refresh(alice.tokens["refresh_token"])) == "401 refresh_reused"
    assert code_of(await space.refresh(newest)) == "401 session_ended"


async def test_reuse_in_one_session_leaves_another_of_the_owner_alone(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    other = (await space.log_in(alice.person)).json()
    await _refreshed(space, await _refreshed(space, alice.tokens["refresh_token"]))
    assert code_of(await space.refresh(alice.tokens["refresh_token"])) == "401 refresh_reused"
    assert (await space.refresh(other["refresh_token"])).status_code == 200


async def test_a_session_ends_when_it_is_not_used_for_thirty_days(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    assert alice.tokens["refresh_expires_in"] == 30 * 86_400
    space.clock.move(days=30)
    assert code_of(await space.refresh(alice.tokens["refresh_token"])) == "401 session_ended"


async def test_a_session_ends_after_ninety_days_however_much_it_is_used(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    token = alice.tokens["refresh_token"]
    for _ in range(4):
        space.clock.move(days=20)
        token = await _refreshed(space, token)
    space.clock.move(days=9, hours=23, minutes=57)
    last = (await space.refresh(token)).json()
    assert 0 < last["refresh_expires_in"] <= 180
    assert 0 < last["expires_in"] <= 180
    space.clock.move(minutes=3)
    assert code_of(await space.refresh(last["refresh_token"])) == "401 session_ended"


async def test_an_unknown_refresh_token_is_refused(space: Space) -> None:
    assert code_of(await space.refresh("spr_unknown")) == "401 refresh_invalid"


async def test_signing_out_ends_the_session_also_by_an_old_token_and_twice(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    newest = await _refreshed(space, alice.tokens["refresh_token"])
    for token in (alice.tokens["refresh_token"], newest, "spr_unknown"):
        assert (await space.post("/auth/logout", {"refresh_token": token})).status_code == 204
    assert code_of(await space.refresh(newest)) == "401 session_ended"


async def test_sessions_are_listed_and_ended(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    other = (await space.log_in(alice.person, client_name="phone")).json()
    sessions = await alice.listed("/me/sessions")
    assert [(item["client_name"], item["is_current"]) for item in sessions] == [
        ("phone", False),
        ("alice@olares.com's laptop", True),
    ]
    assert {item["device_name"] for item in sessions} == {"alice@olares.com's laptop"}
    for _ in range(2):
        assert (await alice.ask("DELETE", f"/me/sessions/{sessions[0]['session_id']}")).status_code == 204
    assert code_of(await space.refresh(other["refresh_token"])) == "401 session_ended"
    assert [item["is_current"] for item in await alice.listed("/me/sessions")] == [True]


async def test_sessions_too_old_are_not_listed(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    space.clock.move(days=31)
    assert await alice.listed("/me/sessions") == []


async def test_a_long_list_is_paged_in_a_stable_order(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    for number in range(4):
        await space.log_in(alice.person, client_name=str(number))
    names, cursor = [], ""
    while True:
        page = (await alice.ask("GET", f"/me/sessions?limit=2{cursor}")).json()
        names += [item["client_name"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert names == ["3", "2", "1", "0", "alice@olares.com's laptop"]
    assert code_of(await alice.ask("GET", "/me/sessions?cursor=nonsense")) == "422 cursor_invalid"


async def test_an_unchanged_list_is_not_sent_again(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    etag = (await alice.ask("GET", "/me/sessions")).headers["etag"]
    assert (await alice.ask("GET", "/me/sessions", **{"If-None-Match": etag})).status_code == 304


async def test_an_ended_session_hands_nothing_out_while_its_access_token_lives(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    await space.post("/auth/logout", {"refresh_token": alice.tokens["refresh_token"]})
    assert (await alice.ask("GET", "/me")).status_code == 200
    token = {"name": "x", "scopes": ["backups:read"], "expires_in_days": 365}
    assert code_of(await alice.ask("POST", "/tokens", token)) == "401 session_ended"
    assert code_of(await alice.ask("POST", "/me/devices/enrolments")) == "401 session_ended"
    [device] = await alice.listed("/me/devices")
    assert code_of(await alice.ask("DELETE", f"/me/devices/{device['device_id']}")) == "401 session_ended"


async def test_a_session_of_somebody_else_is_not_there(space: Space) -> None:
    alice, bob = await space.register("alice@olares.com"), await space.register("bob@olares.com")
    [session] = await alice.listed("/me/sessions")
    assert code_of(await bob.ask("DELETE", f"/me/sessions/{session['session_id']}")) == "404 session_not_found"
    assert (await space.refresh(alice.tokens["refresh_token"])).status_code == 200
