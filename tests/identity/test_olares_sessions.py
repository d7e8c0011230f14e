"""Sessions of Olares devices: refreshed, made natively, listed, ended and told of; and their tokens' kind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import uvicorn
from joserfc import jwt

from identity.jobs import forget_expired
from shared.auth import SignInNeeded
from tests.identity.olares import Olares, announced, envelope, new_secret, olares_sessions
from tests.identity.support import Harness, Signed, Space, code_of

ENDED = "identity.session.ended.v1"
UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


async def _made(alice: Signed, **body: Any) -> dict[str, Any]:
    answer = await alice.ask("POST", "/auth/olares-tokens", body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


# Refreshing


async def test_a_refresh_gives_one_more_token_of_the_same_session_and_the_old_one_stays_good(space: Space) -> None:
    alice, olares = await space.register("alice@olares.com"), Olares(space)
    held = await olares.connect(alice.person)
    for _ in range(2):
        told = await olares.refresh(held)
        assert told["code"] == 200
        assert told["data"].keys() == {"token", "expired"}
        newer = {"userid": held["userid"], **told["data"]}
        assert await olares.session_id(newer) == await olares.session_id(held)
    assert (await olares.refresh(newer))["code"] == 200
    assert len(await olares_sessions(alice)) == 1


async def test_a_session_lives_thirty_days_more_with_each_refresh_and_has_no_last_day(space: Space) -> None:
    alice, olares = await space.register("alice@olares.com"), Olares(space)
    space.clock.stop()
    held = await olares.connect(alice.person)
    for _ in range(6):
        space.clock.move(days=29)
        told = await olares.refresh(held)
        assert told["data"]["expired"] == int((space.clock.now() + timedelta(days=30)).timestamp()) * 1000
    space.clock.move(days=30)
    assert (await olares.refresh(held))["code"] == 506


async def test_a_token_ends_when_it_says_so(space: Space) -> None:
    alice, olares = await space.register("alice@olares.com"), Olares(space)
    held = await olares.connect(alice.person)
    now = datetime.now(UTC)
    old = space.runtime.adapters.issue_olares(
        await alice.owner(),
        session_id=await olares.session_id(held),
        now=now - timedelta(days=30),
        expires_at=now - timedelta(minutes=1),
    )
    assert (await olares.refresh({**held, "token": old}))["code"] == 506
    assert (await olares.refresh(held))["code"] == 200


async def test_a_token_with_another_ones_did_is_refused(space: Space) -> None:
    alice, bob = await space.register("alice@olares.com"), await space.register("bob@olares.com")
    held = await Olares(space).connect(alice.person)
    for userid in (bob.person.did, "", held["userid"] + "x"):
        assert (await Olares(space).refresh({**held, "userid": userid}))["code"] == 506


async def test_a_token_is_of_characters_that_no_form_changes(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    held = await Olares(space).connect(alice.person)
    assert set(held["token"]) <= UNRESERVED
    header = jwt.decode(held["token"], space.runtime.adapters.keys[-1], algorithms=["Ed25519"]).header
    assert header["typ"] == "olares+jwt"


# Natively made


async def test_an_owner_makes_a_token_for_a_client_that_is_told_it(space: Space) -> None:
    space.clock.stop()
    alice = await space.register("alice@olares.com")
    space.clock.move(seconds=1)
    made = await _made(alice, client_name="olares-cli on desktop")
    assert made.keys() == {"userid", "token", "expires_at"}
    assert made["userid"] == alice.person.did
    assert datetime.fromisoformat(made["expires_at"]) == space.clock.now() + timedelta(days=30)
    assert (await Olares(space).refresh(made))["code"] == 200
    [listed] = await olares_sessions(alice)
    assert listed["client_name"] == "olares-cli on desktop"
    assert listed["device_name"] == "alice@olares.com's laptop"
    assert listed["is_current"] is False
    assert [item["kind"] for item in await alice.listed("/me/sessions")] == ["olares", "native"]


async def test_the_same_request_again_gives_the_same_token(space: Space) -> None:
    alice, key = await space.register("alice@olares.com"), {"Idempotency-Key": "once-and-for-all"}
    answers = [await alice.ask("POST", "/auth/olares-tokens", {}, **key) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert answers[1].headers["cache-control"] == "no-store"
    assert len(await olares_sessions(alice)) == 1


async def test_only_a_live_sign_in_makes_one(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    script = await alice.exchanged((await alice.api_token("account:read"))["token"])
    assert code_of(await script.ask("POST", "/auth/olares-tokens", {})) == "403 scope_missing"
    await space.post("/auth/logout", {"refresh_token": alice.tokens["refresh_token"]})
    assert code_of(await alice.ask("POST", "/auth/olares-tokens", {})) == "401 session_ended"


async def test_they_are_limited_per_owner(open_space: Harness) -> None:
    space = await open_space(limits={"olares_tokens_per_owner_per_hour": 1})
    space.clock.stop()
    alice, bob = await space.register("alice@olares.com"), await space.register("bob@olares.com")
    await _made(alice)
    assert code_of(await alice.ask("POST", "/auth/olares-tokens", {})) == "429 too_many_attempts"
    await _made(bob)


# Ending


async def _end(alice: Signed, session_id: object) -> None:
    assert (await alice.ask("DELETE", f"/me/sessions/{session_id}")).status_code == 204


async def test_ending_a_session_ends_its_tokens_and_is_told_once(space: Space) -> None:
    alice, olares = await space.register("alice@olares.com"), Olares(space)
    held, kept = await olares.connect(alice.person), await olares.connect(alice.person)
    session_id = await olares.session_id(held)
    for _ in range(2):
        await _end(alice, session_id)
    assert (await olares.refresh(held))["code"] == 506
    assert (await olares.refresh(kept))["code"] == 200
    [told] = await announced(space, ENDED)
    assert told["owner_id"] == alice.tokens["owner"]["owner_id"]
    assert told["session_id"] == str(session_id)
    tokens_end = datetime.fromisoformat(told["tokens_end_at"])
    # Verifiers let a token live half a minute more than it says.
    assert tokens_end.timestamp() * 1000 >= held["expired"] + 30_000
    assert tokens_end - datetime.now(UTC) < timedelta(days=30, minutes=1)


async def test_the_end_of_other_sessions_is_not_told(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    other = (await space.log_in(alice.person)).json()
    await space.post("/auth/logout", {"refresh_token": other["refresh_token"]})
    for item in await alice.listed("/me/sessions"):
        await _end(alice, item["session_id"])
    assert await announced(space, ENDED) == []


async def test_another_owner_ends_nothing(space: Space) -> None:
    alice, bob, olares = await space.register("alice@olares.com"), await space.register("bob@olares.com"), Olares(space)
    held = await olares.connect(alice.person)
    refused = await bob.ask("DELETE", f"/me/sessions/{await olares.session_id(held)}")
    assert code_of(refused) == "404 session_not_found"
    assert (await olares.refresh(held))["code"] == 200
    assert await announced(space, ENDED) == []


async def test_removing_a_device_ends_its_olares_sessions_and_each_is_told(space: Space) -> None:
    alice, olares = await space.register("alice@olares.com"), Olares(space)
    desktop = await alice.enrol()
    held = [await olares.connect(desktop.person), await _made(desktop)]
    kept = await olares.connect(alice.person)
    ended_before = await olares.connect(desktop.person)
    await _end(alice, await olares.session_id(ended_before))
    [device] = [item for item in await alice.listed("/me/devices") if item["did"] == desktop.person.did]
    for _ in range(2):
        assert (await alice.ask("DELETE", f"/me/devices/{device['device_id']}")).status_code == 204
    assert [(await olares.refresh(one))["code"] for one in held] == [506, 506]
    assert (await olares.refresh(kept))["code"] == 200
    told = [UUID(item["session_id"]) for item in await announced(space, ENDED)]
    assert sorted(told) == sorted([await olares.session_id(one) for one in (*held, ended_before)])


async def test_what_ended_by_itself_is_not_told(space: Space) -> None:
    alice, olares = await space.register("alice@olares.com"), Olares(space)
    held = await olares.connect(alice.person)
    space.clock.move(days=30, minutes=1)
    await _end(alice, await olares.session_id(held))
    assert await announced(space, ENDED) == []


async def test_the_end_is_not_told_when_it_does_not_come_to_be(space: Space) -> None:
    alice, olares = await space.register("alice@olares.com"), Olares(space)
    held = await olares.connect(alice.person)
    async with space.runtime.database.transaction() as session:
        connection = await session.connection()
        for statement in (
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'at commit'; END $$",
            "CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON sessions DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION refuse()",
        ):
            await connection.exec_driver_sql(statement)
    answer = await alice.ask("DELETE", f"/me/sessions/{await olares.session_id(held)}")
    assert code_of(answer) == "500 unexpected"
    assert await announced(space, ENDED) == []


async def test_a_session_that_is_forgotten_has_ended(space: Space) -> None:
    alice, olares = await space.register("alice@olares.com"), Olares(space)
    owner, now = await alice.owner(), datetime.now(UTC)
    token = space.runtime.adapters.issue_olares(owner, session_id=uuid4(), now=now, expires_at=now + timedelta(days=1))
    assert (await olares.refresh({"userid": owner.did, "token": token}))["code"] == 506


async def test_a_logins_secret_is_forgotten_after_an_hour_and_its_session_stays(space: Space) -> None:
    alice, olares, secret = await space.register("alice@olares.com"), Olares(space), new_secret()
    space.clock.stop()
    await olares.log_in(alice.person, secret)
    held = (await olares.fetch(secret))["data"]
    for minutes, left in ((59, 1), (2, 0)):
        space.clock.move(minutes=minutes)
        while await forget_expired(space.runtime, space.clock.now()):
            pass
        assert len(await space.rows("SELECT 1 FROM olares_logins")) == left
    assert (await olares.refresh(held))["code"] == 200
    space.clock.move(days=61)
    while await forget_expired(space.runtime, space.clock.now()):
        pass
    assert await space.rows("SELECT 1 FROM sessions") == []


# The token's kind, over a real listener


@asynccontextmanager
async def _listening(space: Space) -> AsyncIterator[httpx.AsyncClient]:
    server = uvicorn.Server(uvicorn.Config(space.app, port=0, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(60):
        while not server.started:
            await asyncio.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        yield client
    server.should_exit = True
    await serving


async def test_neither_kind_of_token_is_taken_for_the_other(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    held = await Olares(space).connect(alice.person)
    document = (await space.client().get("/api/v1/openapi/identity.json")).json()
    guarded = [
        (method, path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if "security" in operation
    ]
    assert ("post", "/api/v1/auth/olares-tokens") in guarded
    assert not [path for path in document["paths"] if path.startswith("/v2")]
    async with _listening(space) as client:
        for method, path in guarded:
            path = path.replace("{session_id}", str(uuid4())).replace("{", "").replace("}", "")
            answer = await client.request(method, path, headers={"Authorization": f"Bearer {held['token']}"}, json={})
            assert code_of(answer) == "401 sign_in_needed", path
        for token in (alice.tokens["access_token"], alice.tokens["refresh_token"]):
            told = await client.post("/v2/user/refresh", data={"userid": held["userid"], "token": token})
            assert envelope(told)["code"] == 506
        own = await client.post("/v2/user/refresh", data={"userid": held["userid"], "token": held["token"]})
        assert envelope(own)["code"] == 200
        native = await client.get("/api/v1/me", headers=alice.headers)
        assert native.status_code == 200
    assert code_of(await space.refresh(held["token"])) == "422 request_invalid"
    assert code_of(await space.post("/auth/exchange", {"api_token": held["token"]})) == "422 request_invalid"
    with pytest.raises(SignInNeeded):
        await space.runtime.verifier.verify(held["token"])


async def test_a_token_for_a_session_of_the_other_kind_is_good_for_nothing(space: Space) -> None:
    """As one who had a signing key for a moment might have made it."""
    alice = await space.register("alice@olares.com")
    owner, now = await alice.owner(), datetime.now(UTC)
    native = (await space.runtime.verifier.verify(alice.tokens["access_token"])).session_id
    token = space.runtime.adapters.issue_olares(owner, session_id=native, now=now, expires_at=now + timedelta(days=1))
    assert (await Olares(space).refresh({"userid": owner.did, "token": token}))["code"] == 506
