"""API tokens: scopes, exchange, revocation."""

import asyncio
from datetime import timedelta

import pytest

from shared.auth import Scope
from tests.identity.support import Space, code_of


async def test_an_api_token_is_exchanged_for_an_access_token_with_its_scopes(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    made = await alice.api_token("restores:read", "backups:read", "backups:read")
    assert made["token"].startswith("spc_")
    assert made["scopes"] == ["backups:read", "restores:read"]
    answer = await space.post("/auth/exchange", {"api_token": made["token"]})
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["scopes"] == ["backups:read", "restores:read"]
    assert 595 <= answer.json()["expires_in"] <= 600
    caller = await space.runtime.verifier.verify(answer.json()["access_token"])
    assert caller.scopes == {"backups:read", "restores:read"}
    assert str(caller.owner_id) == alice.tokens["owner"]["owner_id"]
    assert str(caller.session_id) == made["token_id"]


async def test_unlocking_backups_must_be_named_to_be_given(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    plain = await alice.exchanged((await alice.api_token("backups:read", "backups:write"))["token"])
    assert "backups:unlock" not in (await plain.ask("GET", "/me")).json()["scopes"]
    named = await alice.exchanged((await alice.api_token("backups:unlock"))["token"])
    assert (await named.ask("GET", "/me")).json()["scopes"] == ["backups:unlock"]
    assert code_of(await alice.ask("POST", "/tokens", {"name": "x", "expires_in_days": 1})) == "422 request_invalid"


async def test_no_api_token_may_write_to_the_account(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    wanted = {"name": "x", "scopes": ["backups:read", "account:write"], "expires_in_days": 1}
    assert code_of(await alice.ask("POST", "/tokens", wanted)) == "422 scope_not_grantable"


async def test_nobody_gives_a_scope_they_lack(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    caller = await space.runtime.verifier.verify(alice.tokens["access_token"])
    now = space.clock.now()
    narrow = space.runtime.adapters.issue(
        await alice.owner(),
        scopes=["account:write", "backups:read"],
        session_id=caller.session_id,
        now=now,
        grant_expires_at=now + timedelta(hours=1),
    )
    alice.tokens["access_token"] = narrow.text
    wanted = {"name": "x", "scopes": ["backups:read", "backups:unlock"], "expires_in_days": 1}
    answer = await alice.ask("POST", "/tokens", wanted)
    assert code_of(answer) == "403 scope_missing"
    assert answer.json()["missing_scopes"] == ["backups:unlock"]
    assert (await alice.api_token("backups:read"))["scopes"] == ["backups:read"]


async def test_a_program_can_neither_make_tokens_nor_enrol_nor_end_anything(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    everything = [scope for scope in Scope if scope is not Scope.ACCOUNT_WRITE]
    made = await alice.api_token(*everything)
    program = await alice.exchanged(made["token"])
    [session] = await program.listed("/me/sessions")
    [device] = await program.listed("/me/devices")
    for method, path, body in [
        ("POST", "/tokens", {"name": "x", "scopes": ["backups:read"], "expires_in_days": 1}),
        ("POST", "/me/devices/enrolments", None),
        ("DELETE", f"/tokens/{made['token_id']}", None),
        ("DELETE", f"/me/sessions/{session['session_id']}", None),
        ("DELETE", f"/me/devices/{device['device_id']}", None),
    ]:
        answer = await program.ask(method, path, body)
        assert code_of(answer) == "403 scope_missing", path
        assert answer.json()["missing_scopes"] == ["account:write"]


async def test_a_token_without_account_scopes_lists_nothing(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    program = await alice.exchanged((await alice.api_token("backups:read"))["token"])
    for path in ("/me/sessions", "/me/devices", "/tokens"):
        assert code_of(await program.ask("GET", path)) == "403 scope_missing", path
    assert (await program.ask("GET", "/me")).status_code == 200


async def test_a_revoked_token_cannot_be_exchanged(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    made = await alice.api_token("backups:read")
    for _ in range(2):
        assert (await alice.ask("DELETE", f"/tokens/{made['token_id']}")).status_code == 204
    assert code_of(await space.post("/auth/exchange", {"api_token": made["token"]})) == "401 api_token_invalid"
    assert await alice.listed("/tokens") == []


async def test_an_expired_token_cannot_be_exchanged_and_its_last_access_token_ends_with_it(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    made = await alice.api_token("backups:read", days=1)
    space.clock.move(hours=23, minutes=58)
    answer = await space.post("/auth/exchange", {"api_token": made["token"]})
    assert 0 < answer.json()["expires_in"] <= 120
    space.clock.move(minutes=2)
    assert code_of(await space.post("/auth/exchange", {"api_token": made["token"]})) == "401 api_token_invalid"


@pytest.mark.parametrize("token", ["spc_unknown", "x"])
async def test_an_unknown_token_cannot_be_exchanged(space: Space, token: str) -> None:
    assert code_of(await space.post("/auth/exchange", {"api_token": token})) == "401 api_token_invalid"


async def test_a_refresh_token_is_no_api_token_and_the_other_way_round(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    made = await alice.api_token("backups:read")
    refresh = alice.tokens["refresh_token"]
    assert code_of(await space.post("/auth/exchange", {"api_token": refresh})) == "401 api_token_invalid"
    assert code_of(await space.refresh(made["token"])) == "401 refresh_invalid"


async def test_tokens_are_listed_without_their_secret_and_with_their_last_use(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    made = await alice.api_token("backups:read")
    [listed] = await alice.listed("/tokens")
    assert listed == {key: value for key, value in made.items() if key != "token"} | {"last_used_at": None}
    await alice.exchanged(made["token"])
    [listed] = await alice.listed("/tokens")
    assert listed["last_used_at"] is not None


async def test_the_same_request_with_the_same_key_makes_one_token(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    wanted = {"name": "x", "scopes": ["backups:read"], "expires_in_days": 1}
    answers = [await alice.ask("POST", "/tokens", wanted, **{"Idempotency-Key": "k" * 36}) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
    assert len(await alice.listed("/tokens")) == 1
    other = await alice.ask("POST", "/tokens", {**wanted, "name": "y"}, **{"Idempotency-Key": "k" * 36})
    assert code_of(other) == "422 idempotency_key_reused"


async def test_a_token_of_somebody_else_is_not_there(space: Space) -> None:
    alice, bob = await space.register("alice@olares.com"), await space.register("bob@olares.com")
    made = await alice.api_token("backups:read")
    assert code_of(await bob.ask("DELETE", f"/tokens/{made['token_id']}")) == "404 token_not_found"
    assert await bob.listed("/tokens") == []
    await alice.exchanged(made["token"])


@pytest.mark.parametrize(
    "change",
    [
        {"scopes": []},
        {"scopes": ["everything"]},
        {"expires_in_days": 0},
        {"expires_in_days": 367},
        {"name": " "},
        {"name": "a\u0000b"},
        {"name": "\ud800"},
        {"name": "x" * 101},
    ],
    ids=repr,
)
async def test_what_no_token_can_be_is_refused(space: Space, change: dict[str, object]) -> None:
    alice = await space.register("alice@olares.com")
    wanted = {"name": "x", "scopes": ["backups:read"], "expires_in_days": 1, **change}
    assert code_of(await alice.ask("POST", "/tokens", wanted)) == "422 request_invalid"


async def test_one_owners_idempotency_key_is_nothing_to_another(space: Space) -> None:
    alice, bob = await space.register("alice@olares.com"), await space.register("bob@olares.com")
    wanted = {"name": "x", "scopes": ["backups:read"], "expires_in_days": 1}
    key = {"Idempotency-Key": "k" * 36}
    first, second = await asyncio.gather(
        alice.ask("POST", "/tokens", wanted, **key), bob.ask("POST", "/tokens", wanted, **key)
    )
    assert first.json()["token"] != second.json()["token"]
