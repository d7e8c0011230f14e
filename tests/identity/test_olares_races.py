"""Two at once around sessions of Olares devices, forced."""

from collections.abc import Coroutine
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from identity import errors
from identity.domain.olares_proof import OlaresProof
from identity.operations import devices, olares, sessions, sign_in
from identity.settings import Registration
from tests.identity.olares import Olares, announced, new_secret, olares_sessions
from tests.identity.racing import caller_of, contend, device_id_of, register, two_transactions
from tests.identity.support import Harness, Person, Space

ENDED = "identity.session.ended.v1"


def _log_in(space: Space, session: AsyncSession, person: Person, secret: str) -> Coroutine[Any, Any, bool]:
    limits = space.runtime.settings.limits
    return olares.sign_in(session, OlaresProof(person.did, secret), limits.logins_per_did, space.clock.now())


def _join(space: Space, session: AsyncSession, person: Person, policy: Registration) -> Coroutine[Any, Any, None]:
    proof, limits = OlaresProof(person.did, new_secret()), space.runtime.settings.limits
    return olares.register(session, proof, policy, limits.logins_per_did, space.clock.now())


async def test_of_two_who_fetch_one_login_one_gets_the_token(space: Space) -> None:
    alice, secret = await space.register("alice@olares.com"), new_secret()
    await Olares(space).log_in(alice.person, secret)
    issuer, now = space.runtime.adapters, space.clock.now()
    async with two_transactions(space) as (first, second):
        one = await olares.fetch(first, issuer, secret, now)
        two = await contend(first, second, olares.fetch(second, issuer, secret, now))
    assert one is not None
    assert two is None


async def test_one_login_twice_at_once_opens_one_session(space: Space) -> None:
    alice, secret = await space.register("alice@olares.com"), new_secret()
    async with two_transactions(space) as (first, second):
        assert await _log_in(space, first, alice.person, secret)
        assert await contend(first, second, _log_in(space, second, alice.person, secret))
    assert len(await olares_sessions(alice)) == 1


async def test_of_two_who_sign_one_secret_at_once_the_second_is_refused_and_opens_nothing(space: Space) -> None:
    alice, bob, secret = await space.register("alice@olares.com"), await space.register("bob@olares.com"), new_secret()
    async with two_transactions(space) as (first, second):
        assert await _log_in(space, first, alice.person, secret)
        with pytest.raises(errors.LoginRefused):
            await contend(first, second, _log_in(space, second, bob.person, secret))
    assert await olares_sessions(bob) == []
    assert (await Olares(space).fetch(secret))["data"]["userid"] == alice.person.did


async def test_a_login_that_waited_for_the_removal_of_its_device_is_refused(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    desktop = await alice.enrol()
    caller, device_id = await caller_of(alice), await device_id_of(desktop)
    async with two_transactions(space) as (first, second):
        await devices.remove_device(first, caller, device_id, space.clock.now())
        await first.flush()
        with pytest.raises(errors.DeviceRemoved):
            await contend(first, second, _log_in(space, second, desktop.person, new_secret()))
    assert await olares_sessions(alice) == []


@pytest.mark.parametrize("by", ["login", "native", "fetch", "refresh"])
async def test_a_removal_that_waited_ends_what_came_to_be_meanwhile_and_tells(space: Space, by: str) -> None:
    alice, olares_ = await space.register("alice@olares.com"), Olares(space)
    desktop = await alice.enrol()
    remover, maker = await caller_of(alice), await caller_of(desktop)
    device_id, issuer, now = await device_id_of(desktop), space.runtime.adapters, space.clock.now()
    secret = new_secret()
    if by in ("fetch", "refresh"):
        await olares_.log_in(desktop.person, secret)
    held = (await olares_.fetch(secret))["data"] if by == "refresh" else {}
    async with two_transactions(space) as (first, second):
        if by == "login":
            await _log_in(space, first, desktop.person, secret)
        elif by == "native":
            await olares.make_token(first, issuer, maker, None, now)
        elif by == "fetch":
            assert await olares.fetch(first, issuer, secret, now) is not None
        else:
            caller = await space.runtime.verifier.verify(held["token"], "olares+jwt")
            await olares.refresh(first, issuer, caller, now)
        await first.flush()
        await contend(first, second, devices.remove_device(second, remover, device_id, now))
    assert await olares_sessions(alice) == []
    [(session_id,)] = await space.rows("SELECT session_id FROM sessions WHERE kind = 'olares'")
    [told] = await announced(space, ENDED)
    assert UUID(told["session_id"]) == session_id


async def test_a_token_made_natively_waits_for_a_removal_and_is_refused_then(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    desktop = await alice.enrol()
    remover, maker, device_id = await caller_of(alice), await caller_of(desktop), await device_id_of(desktop)
    now = space.clock.now()
    async with two_transactions(space) as (first, second):
        await devices.remove_device(first, remover, device_id, now)
        await first.flush()
        with pytest.raises(errors.SessionEnded):
            await contend(first, second, olares.make_token(second, space.runtime.adapters, maker, None, now))
    assert await olares_sessions(alice) == []


async def test_a_refresh_that_waited_for_the_end_of_its_session_is_refused(space: Space) -> None:
    alice, olares_ = await space.register("alice@olares.com"), Olares(space)
    held = await olares_.connect(alice.person)
    caller, now = await caller_of(alice), space.clock.now()
    device = await space.runtime.verifier.verify(held["token"], "olares+jwt")
    async with two_transactions(space) as (first, second):
        await sessions.end_session(first, caller, device.session_id, now)
        await first.flush()
        with pytest.raises(errors.SessionEnded):
            await contend(first, second, olares.refresh(second, space.runtime.adapters, device, now))


async def test_a_session_ended_twice_at_once_is_told_once(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    session_id = await Olares(space).session_id(await Olares(space).connect(alice.person))
    caller, now = await caller_of(alice), space.clock.now()
    async with two_transactions(space) as (first, second):
        await sessions.end_session(first, caller, session_id, now)
        await first.flush()
        await contend(first, second, sessions.end_session(second, caller, session_id, now))
    assert len(await announced(space, ENDED)) == 1


@pytest.mark.parametrize("policy", [Registration.OPEN, Registration.INVITE])
async def test_of_two_logins_of_one_unknown_did_the_second_is_a_sign_in(
    open_space: Harness, policy: Registration
) -> None:
    space, person = await open_space(registration=policy.value), Person()
    if policy is Registration.INVITE:
        await space.invite(did=person.did, olares_name="alice@olares.com")
    async with two_transactions(space) as (first, second):
        await _join(space, first, person, policy)
        await contend(first, second, _join(space, second, person, policy))
    assert len(await space.rows("SELECT 1 FROM owners")) == 1
    assert len(await space.rows("SELECT 1 FROM outbox")) == 1
    assert len(await space.rows("SELECT 1 FROM sessions WHERE kind = 'olares'")) == 2


async def test_a_login_after_its_did_registered_elsewhere_needs_no_invite_any_more(open_space: Harness) -> None:
    space, person = await open_space(registration="invite"), Person()
    await space.invite(did=person.did, olares_name="alice@olares.com")
    for _ in range(2):
        async with space.runtime.database.transaction() as session:
            await _join(space, session, person, Registration.INVITE)
    assert len(await space.rows("SELECT 1 FROM owners")) == 1


async def test_a_login_and_a_native_registration_of_one_did_make_one_owner(space: Space) -> None:
    person = Person()
    async with two_transactions(space) as (first, second):
        await register(space, first, person, "alice@olares.com")
        await first.flush()
        await contend(first, second, _join(space, second, person, Registration.OPEN))
    assert await space.rows("SELECT olares_name FROM owners") == [("alice@olares.com",)]


async def test_an_invite_used_natively_in_that_moment_registers_once(open_space: Harness) -> None:
    space, person = await open_space(registration="invite"), Person()
    invite = await space.invite(did=person.did, olares_name="alice@olares.com")
    application = sign_in.Application("alice@olares.com", invite, None)
    async with two_transactions(space) as (first, second):
        await sign_in.register(
            first,
            space.runtime.adapters,
            person.did,
            "alice@olares.com",
            application,
            Registration.INVITE,
            space.clock.now(),
        )
        await first.flush()
        await contend(first, second, _join(space, second, person, Registration.INVITE))
    assert len(await space.rows("SELECT 1 FROM owners")) == 1
    assert await space.rows("SELECT 1 FROM invites WHERE used_at IS NULL") == []
