"""LarePass signs in: who is let in, as whom, and who gets the token."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.identity.olares import Olares, announced, key_id, milliseconds, new_secret, olares_sessions, sign
from tests.identity.support import Harness, Person, Signed, Space, code_of

ENDED = "identity.session.ended.v1"
REGISTERED = "identity.owner.registered.v1"


async def test_an_owner_logs_in_and_whoever_waits_gets_the_token_once(space: Space) -> None:
    space.clock.stop()
    alice, olares, secret = await space.register("alice@olares.com"), Olares(space), new_secret()
    assert await olares.fetch(secret) == {"code": 200, "message": "success", "data": {}}
    assert await olares.log_in(alice.person, secret) == {"code": 0, "message": "success", "data": {}}
    held = (await Olares(space, "192.0.2.77").fetch(secret))["data"]
    assert held == {
        "userid": alice.person.did,
        "token": held["token"],
        "expired": milliseconds(space.clock.now() + timedelta(days=30)),
        "emailEnable": False,
        "emailMask": "",
        "phoneEnable": False,
        "phoneMask": "",
        "gaEnable": False,
    }
    assert (await olares.fetch(secret))["data"] == {}
    caller = await space.runtime.verifier.verify(held["token"], "olares+jwt")
    assert str(caller.owner_id) == alice.tokens["owner"]["owner_id"]
    assert (caller.did, caller.olares_name, caller.scopes) == (
        alice.person.did,
        "alice@olares.com",
        frozenset({"olares"}),
    )
    [listed] = await olares_sessions(alice)
    assert (listed["session_id"], listed["client_name"]) == (str(caller.session_id), "LarePass")


async def test_a_login_may_come_as_json_with_what_was_signed_nested(space: Space) -> None:
    alice, secret, now = await space.register("alice@olares.com"), new_secret(), space.clock.now()
    body = {
        "id": milliseconds(now),
        "jws": sign(alice.person, secret, at=now),
        "did": alice.person.did,
        "body": {"did": alice.person.did, "secret": secret, "time": milliseconds(now)},
    }
    assert (await space.client().post("/v2/user/login", json=body)).json()["code"] == 0
    assert (await space.client().post("/v2/user/activeLogin", json={"secret": secret})).json()["data"]["userid"]


async def test_a_device_that_joined_logs_in_as_its_owner(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    desktop = await alice.enrol()
    assert (await Olares(space).connect(desktop.person))["userid"] == alice.person.did


async def test_the_same_login_again_changes_nothing(space: Space) -> None:
    space.clock.stop()
    alice, olares, secret = await space.register("alice@olares.com"), Olares(space), new_secret()
    for _ in range(3):
        assert (await olares.log_in(alice.person, secret))["code"] == 0
    assert len(await olares_sessions(alice)) == 1
    assert "userid" in (await olares.fetch(secret))["data"]
    assert (await olares.log_in(alice.person, secret))["code"] == 0
    assert (await olares.fetch(secret))["data"] == {}
    assert len(await olares_sessions(alice)) == 1


async def test_another_ones_secret_is_good_for_nobody_else(space: Space) -> None:
    alice, bob = await space.register("alice@olares.com"), await space.register("bob@olares.com")
    olares, secret = Olares(space), new_secret()
    assert (await olares.log_in(alice.person, secret))["code"] == 0
    assert (await olares.log_in(bob.person, secret))["code"] == 403
    assert (await olares.log_in(Person(), secret))["code"] == 403
    assert await olares_sessions(bob) == []
    assert (await olares.fetch(secret))["data"]["userid"] == alice.person.did
    assert len(await space.rows("SELECT 1 FROM owners")) == 2


async def test_a_login_whose_session_was_ended_is_not_taken_again(space: Space) -> None:
    alice, olares, secret = await space.register("alice@olares.com"), Olares(space), new_secret()
    space.clock.stop()
    await olares.log_in(alice.person, secret)
    [listed] = await olares_sessions(alice)
    assert (await alice.ask("DELETE", f"/me/sessions/{listed['session_id']}")).status_code == 204
    assert (await olares.fetch(secret))["data"] == {}
    assert (await olares.log_in(alice.person, secret))["code"] == 403
    assert await olares_sessions(alice) == []


async def test_a_login_nobody_fetches_ends_within_minutes(space: Space) -> None:
    alice, olares, secret = await space.register("alice@olares.com"), Olares(space), new_secret()
    space.clock.stop()
    await olares.log_in(alice.person, secret)
    space.clock.move(minutes=5)
    assert (await olares.fetch(secret))["data"] == {}
    assert await olares_sessions(alice) == []


@pytest.mark.parametrize(
    "change",
    [
        {"did": "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"},
        {"secret": "f" * 32},
        {"time": 0},
        {"exp": 0},
        {"header": {"alg": "none"}},
        {"header": {"kid": key_id("did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK")}},
    ],
    ids=str,
)
async def test_what_is_no_good_login_opens_nothing(space: Space, change: dict[str, Any]) -> None:
    alice, secret = await space.register("alice@olares.com"), new_secret()
    told = await Olares(space).log_in(alice.person, secret, **change)
    assert told["code"] == 403
    assert secret not in told["message"]
    assert await olares_sessions(alice) == []
    assert (await Olares(space).fetch(secret))["data"] == {}


async def test_a_forged_login_for_another_is_refused(space: Space) -> None:
    alice, mallory, secret = await space.register("alice@olares.com"), Person(), new_secret()
    did = alice.person.did
    told = await Olares(space).log_in(mallory, secret, did=did, iss=key_id(did), header={"kid": key_id(did)})
    assert told["code"] == 403
    assert await olares_sessions(alice) == []


async def test_a_clock_that_is_off_is_told_by_how_much(space: Space) -> None:
    alice, secret = await space.register("alice@olares.com"), new_secret()
    space.clock.stop()
    jws = sign(alice.person, secret, at=space.clock.now() - timedelta(minutes=10))
    told = await Olares(space).send("/login", {"jws": jws})
    assert told["code"] == 403
    assert "10 minutes behind ours" in told["message"]


async def test_a_login_that_comes_late_within_its_time_is_taken_and_after_it_never(space: Space) -> None:
    alice, olares = await space.register("alice@olares.com"), Olares(space)
    space.clock.stop()
    late, too_late = new_secret(), new_secret()
    at = space.clock.now()
    texts = {secret: sign(alice.person, secret, at=at) for secret in (late, too_late)}
    space.clock.move(seconds=120)
    assert (await olares.send("/login", {"jws": texts[late]}))["code"] == 0
    space.clock.move(seconds=1)
    for text in texts.values():
        assert (await olares.send("/login", {"jws": text}))["code"] == 403


async def test_a_removed_device_does_not_log_in(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    desktop = await alice.enrol()
    [device] = [item for item in await alice.listed("/me/devices") if item["did"] == desktop.person.did]
    await alice.ask("DELETE", f"/me/devices/{device['device_id']}")
    assert (await Olares(space).log_in(desktop.person, new_secret()))["code"] == 403


# Registering


async def test_where_registration_is_open_an_unknown_did_becomes_an_owner_by_a_provisional_name(space: Space) -> None:
    person = Person()
    held = await Olares(space).connect(person)
    assert held["userid"] == person.did
    caller = await space.runtime.verifier.verify(held["token"], "olares+jwt")
    [registered] = await announced(space, REGISTERED)
    assert UUID(registered["owner_id"]) == caller.owner_id
    name = f"{person.did.removeprefix('did:key:').lower()}@did.alt"
    assert (registered["did"], registered["olares_name"], caller.olares_name) == (person.did, name, name)
    signed = Signed(space, person, (await space.log_in(person, olares_name="mine@olares.com")).json())
    assert signed.tokens["owner"]["olares_name"] == name
    assert [item["name"] for item in await signed.listed("/me/devices")] == ["LarePass"]


async def test_nobody_takes_a_provisional_name(space: Space) -> None:
    name = f"{Person().did.removeprefix('did:key:').lower()}@did.alt"
    assert code_of(await space.log_in(Person(), olares_name=name)) == "422 request_invalid"
    assert code_of(await space.log_in(Person(), olares_name="x@DID.alt")) == "422 request_invalid"


async def test_where_registration_is_closed_nobody_registers_and_owners_log_in(open_space: Harness) -> None:
    before, closed = await open_space(), await open_space(registration="closed")
    alice = await before.register("alice@olares.com")
    assert (await Olares(closed).log_in(Person(), new_secret()))["code"] == 403
    assert (await Olares(closed).connect(alice.person))["userid"] == alice.person.did
    assert len(await closed.rows("SELECT 1 FROM owners")) == 1


async def test_where_it_is_by_invite_only_the_did_that_one_names_registers(open_space: Harness) -> None:
    space = await open_space(registration="invite")
    olares, person, other = Olares(space), Person(), Person()
    await space.invite()
    refused = await olares.log_in(person, new_secret())
    assert refused["code"] == 403
    assert person.did in refused["message"]
    await space.invite(did=person.did, olares_name="Alice@olares.com")
    assert (await olares.log_in(other, new_secret()))["code"] == 403
    held = await olares.connect(person)
    caller = await space.runtime.verifier.verify(held["token"], "olares+jwt")
    assert caller.olares_name == "alice@olares.com"
    [(used, owner_id)] = await space.rows("SELECT used_at IS NOT NULL, owner_id FROM invites WHERE did IS NOT NULL")
    assert (used, owner_id) == (True, caller.owner_id)
    assert (await space.rows("SELECT used_at FROM invites WHERE did IS NULL")) == [(None,)]


async def test_an_invite_that_is_too_old_lets_nobody_in(open_space: Harness) -> None:
    space = await open_space(registration="invite")
    person = Person()
    await space.invite(did=person.did, olares_name="alice@olares.com", expires_in_days=1)
    space.clock.move(days=1)
    assert (await Olares(space).log_in(person, new_secret()))["code"] == 403


async def test_an_invite_gives_its_name_where_registration_is_open_too(space: Space) -> None:
    person = Person()
    await space.invite(did=person.did, olares_name="alice@olares.com")
    held = await Olares(space).connect(person)
    assert (await space.runtime.verifier.verify(held["token"], "olares+jwt")).olares_name == "alice@olares.com"


async def test_a_name_that_was_taken_since_is_said(open_space: Harness) -> None:
    inviting, opened, person = await open_space(registration="invite"), await open_space(), Person()
    await inviting.invite(did=person.did, olares_name="alice@olares.com")
    await opened.register("alice@olares.com")
    told = await Olares(inviting).log_in(person, new_secret())
    assert told["code"] == 409
    assert "alice@olares.com" in told["message"]
    assert await inviting.rows("SELECT used_at FROM invites") == [(None,)]


# Limits


async def test_logins_of_one_did_are_limited_and_forged_ones_lock_nobody_out(open_space: Harness) -> None:
    space = await open_space(limits={"logins_per_did_per_minute": 3})
    alice = await space.register("alice@olares.com")
    space.clock.stop()
    space.clock.move(minutes=2)
    mallory, did = Person(), alice.person.did
    for _ in range(5):
        forged = await Olares(space).log_in(mallory, new_secret(), did=did, header={"kid": key_id(did)})
        assert forged["code"] == 403
    codes = [(await Olares(space, f"192.0.2.{n}").log_in(alice.person, new_secret()))["code"] for n in range(4)]
    assert codes == [0, 0, 0, 429]


async def test_a_captured_login_that_is_repeated_keeps_its_owner_from_nothing(open_space: Harness) -> None:
    space = await open_space(limits={"logins_per_did_per_minute": 2})
    alice, bob = await space.register("alice@olares.com"), await space.register("bob@olares.com")
    space.clock.stop()
    space.clock.move(minutes=2)
    secret = new_secret()
    captured = sign(alice.person, secret, at=space.clock.now())
    told = await asyncio.gather(*(Olares(space, f"192.0.2.{n}").send("/login", {"jws": captured}) for n in range(6)))
    assert {item["code"] for item in told} == {0}
    for n in range(6):
        assert (await Olares(space, f"192.0.2.{n}").log_in(bob.person, secret))["code"] == 403
    [listed] = await olares_sessions(alice)
    await alice.ask("DELETE", f"/me/sessions/{listed['session_id']}")
    for n in range(6):
        assert (await Olares(space, f"192.0.2.{n}").send("/login", {"jws": captured}))["code"] == 403
    for person in (alice.person, bob.person):
        assert (await Olares(space).log_in(person, new_secret()))["code"] == 0


async def test_clients_are_limited_each(open_space: Harness) -> None:
    space = await open_space(limits={"logins_per_minute": 2, "olares_fetches_per_minute": 2, "refreshes_per_minute": 2})
    space.clock.stop()
    for path in ("/login", "/activeLogin", "/refresh"):
        codes = [(await Olares(space).send(path, {"jws": "x"}))["code"] for _ in range(3)]
        assert 429 not in codes[:2], path
        assert codes[2] == 429, path
        assert (await Olares(space, "192.0.2.9").send(path, {"jws": "x"}))["code"] != 429


async def test_registrations_of_one_client_are_limited(open_space: Harness) -> None:
    space = await open_space(limits={"registrations_per_hour": 1})
    space.clock.stop()
    codes = [(await Olares(space).log_in(Person(), new_secret()))["code"] for _ in range(2)]
    assert codes == [0, 429]
    assert len(await space.rows("SELECT 1 FROM owners")) == 1
