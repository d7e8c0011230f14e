"""Two at once, forced: one transaction is held open while the other wants the same."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from identity import errors, queries
from identity.domain.secrets import digest
from identity.operations import devices, sessions, sign_in, tokens
from identity.settings import Registration
from shared.auth import Caller, Scope
from shared.errors import ServiceError
from tests.identity.support import Person, Signed, Space, code_of

Result = TypeVar("Result")


@asynccontextmanager
async def _two(space: Space) -> AsyncIterator[tuple[AsyncSession, AsyncSession]]:
    async with space.runtime.database.sessions() as first, space.runtime.database.sessions() as second:
        yield first, second


async def _contend(first: AsyncSession, second: AsyncSession, wanted: Coroutine[Any, Any, Result]) -> Result:
    """What the second gets when it comes while the first has not committed; it must have had to wait."""
    contender = asyncio.create_task(_committed(second, wanted))
    await asyncio.sleep(0.1)
    assert not contender.done(), "the second did not wait for the first"
    await first.commit()
    return await asyncio.wait_for(contender, 30)


async def _committed(session: AsyncSession, wanted: Coroutine[Any, Any, Result]) -> Result:
    try:
        result = await wanted
    except ServiceError:
        await session.rollback()
        raise
    await session.commit()
    return result


def _register(
    space: Space, session: AsyncSession, person: Person, name: str, invite: str | None = None
) -> Coroutine[Any, Any, sessions.Tokens]:
    policy = Registration.OPEN if invite is None else Registration.INVITE
    application = sign_in.Application(name, invite, None)
    return sign_in.register(session, space.runtime.adapters, person.did, name, application, policy, space.clock.now())


async def _caller(signed: Signed) -> Caller:
    return await signed.space.runtime.verifier.verify(signed.tokens["access_token"])


async def _device_id(signed: Signed) -> UUID:
    listed = await signed.listed("/me/devices")
    return next(UUID(item["device_id"]) for item in listed if item["did"] == signed.person.did)


async def test_of_two_registrations_of_one_name_the_second_is_refused(space: Space) -> None:
    async with _two(space) as (first, second):
        await _register(space, first, Person(), "alice@olares.com")
        with pytest.raises(errors.OlaresNameTaken):
            await _contend(first, second, _register(space, second, Person(), "alice@olares.com"))
    assert len(await space.rows("SELECT 1 FROM owners")) == len(await space.rows("SELECT 1 FROM outbox")) == 1


async def test_of_two_registrations_of_one_did_the_second_is_a_sign_in(space: Space) -> None:
    alice = Person()
    async with _two(space) as (first, second):
        registered = await _register(space, first, alice, "alice@olares.com")
        signed_in = await _contend(first, second, _register(space, second, alice, "other@olares.com"))
    assert signed_in.owner.owner_id == registered.owner.owner_id
    assert signed_in.owner.olares_name == "alice@olares.com"
    assert signed_in.refresh_token != registered.refresh_token
    assert len(await space.rows("SELECT 1 FROM owners")) == len(await space.rows("SELECT 1 FROM outbox")) == 1


async def test_of_two_registrations_by_one_invite_the_second_is_refused(space: Space) -> None:
    invite = await space.invite()
    async with _two(space) as (first, second):
        await _register(space, first, Person(), "alice@olares.com", invite)
        with pytest.raises(errors.InviteInvalid):
            await _contend(first, second, _register(space, second, Person(), "bob@olares.com", invite))
    assert len(await space.rows("SELECT 1 FROM owners")) == 1


async def test_a_nonce_is_spent_by_one_of_two(space: Space) -> None:
    nonce = digest(await space.nonce())
    async with _two(space) as (first, second):
        assert await queries.spend_nonce(first, nonce, space.clock.now())
        assert not await _contend(first, second, queries.spend_nonce(second, nonce, space.clock.now()))


async def test_two_refreshes_at_once_get_one_successor_and_the_session_goes_on(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    token, issuer, now = alice.tokens["refresh_token"], space.runtime.adapters, space.clock.now()
    async with _two(space) as (first, second):
        one = await sessions.rotate(first, issuer, token, now)
        two = await _contend(first, second, sessions.rotate(second, issuer, token, now))
    assert one is not None
    assert two is not None
    assert one.refresh_token == two.refresh_token
    assert (await space.refresh(one.refresh_token)).status_code == 200


async def test_a_refresh_that_waited_for_the_end_of_its_session_is_refused(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    caller, now = await _caller(alice), space.clock.now()
    async with _two(space) as (first, second):
        await sessions.end_session(first, caller, caller.session_id, now)
        refresh = sessions.rotate(second, space.runtime.adapters, alice.tokens["refresh_token"], now)
        with pytest.raises(errors.SessionEnded):
            await _contend(first, second, refresh)


async def test_an_enrolment_code_is_used_by_one_of_two(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    code = await alice.code()

    def enrol(session: AsyncSession) -> Coroutine[Any, Any, sessions.Tokens]:
        return devices.enrol(
            session, space.runtime.adapters, Person().did, code=code, device_name="x", now=space.clock.now()
        )

    async with _two(space) as (first, second):
        await enrol(first)
        with pytest.raises(errors.EnrolmentCodeInvalid):
            await _contend(first, second, enrol(second))
    assert len(await alice.listed("/me/devices")) == 2


@pytest.mark.parametrize("registration_is_first", [True, False])
async def test_a_key_cannot_register_and_join_at_once(space: Space, registration_is_first: bool) -> None:
    alice, new = await space.register("alice@olares.com"), Person()
    code = await alice.code()

    def enrol(session: AsyncSession) -> Coroutine[Any, Any, sessions.Tokens]:
        return devices.enrol(
            session, space.runtime.adapters, new.did, code=code, device_name="x", now=space.clock.now()
        )

    async with _two(space) as (first, second):
        if registration_is_first:
            await _register(space, first, new, "new@olares.com")
            loser = enrol(second)
        else:
            await enrol(first)
            loser = _register(space, second, new, "new@olares.com")
        with pytest.raises(errors.DeviceKnown):
            await _contend(first, second, loser)
    assert len(await space.rows("SELECT 1 FROM devices WHERE did = $1", new.did)) == 1


async def test_a_sign_in_that_waited_for_the_removal_of_its_device_is_refused(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    desktop = await alice.enrol()
    caller, device_id, now = await _caller(alice), await _device_id(desktop), space.clock.now()
    async with _two(space) as (first, second):
        await devices.remove_device(first, caller, device_id, now)
        await first.flush()
        login = sign_in.sign_in(second, space.runtime.adapters, desktop.person.did, None, now)
        with pytest.raises(errors.DeviceRemoved):
            await _contend(first, second, login)


async def test_a_removal_that_waited_for_a_sign_in_ends_that_session_too(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    desktop = await alice.enrol()
    caller, device_id, now = await _caller(alice), await _device_id(desktop), space.clock.now()
    async with _two(space) as (first, second):
        opened = await sign_in.sign_in(first, space.runtime.adapters, desktop.person.did, None, now)
        assert opened is not None
        await _contend(first, second, devices.remove_device(second, caller, device_id, now))
    assert code_of(await space.refresh(opened.refresh_token)) == "401 session_ended"


async def test_a_removal_that_waited_for_a_refresh_ends_that_session_too(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    desktop = await alice.enrol()
    caller, device_id, now = await _caller(alice), await _device_id(desktop), space.clock.now()
    async with _two(space) as (first, second):
        refreshed = await sessions.rotate(first, space.runtime.adapters, desktop.tokens["refresh_token"], now)
        assert refreshed is not None
        await _contend(first, second, devices.remove_device(second, caller, device_id, now))
    assert code_of(await space.refresh(refreshed.refresh_token)) == "401 session_ended"


async def test_a_removal_that_waited_for_a_new_api_token_revokes_that_too(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    desktop = await alice.enrol()
    remover, maker = await _caller(alice), await _caller(desktop)
    device_id, now = await _device_id(desktop), space.clock.now()
    scopes, lifetime = [Scope.BACKUPS_READ], timedelta(days=1)
    async with _two(space) as (first, second):
        made = await tokens.create_token(first, maker, name="x", scopes=scopes, lifetime=lifetime, now=now)
        await first.flush()
        await _contend(first, second, devices.remove_device(second, remover, device_id, now))
    assert code_of(await space.post("/auth/exchange", {"api_token": made.token})) == "401 api_token_invalid"
    [(revoked,)] = await space.rows("SELECT revoked_at IS NOT NULL FROM api_tokens")
    assert revoked


async def test_two_devices_cannot_remove_each_other(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    desktop = await alice.enrol()
    one, two = await _caller(alice), await _caller(desktop)
    laptop_id, desktop_id, now = await _device_id(alice), await _device_id(desktop), space.clock.now()
    async with _two(space) as (first, second):
        await devices.remove_device(first, one, desktop_id, now)
        with pytest.raises(errors.SessionEnded):
            await _contend(first, second, devices.remove_device(second, two, laptop_id, now))
    assert len(await alice.listed("/me/devices")) == 1


async def test_of_two_last_devices_that_leave_at_once_one_stays(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    desktop = await alice.enrol()
    one, two = await _caller(alice), await _caller(desktop)
    laptop_id, desktop_id, now = await _device_id(alice), await _device_id(desktop), space.clock.now()
    async with _two(space) as (first, second):
        await devices.remove_device(first, one, laptop_id, now)
        with pytest.raises(errors.LastDevice):
            await _contend(first, second, devices.remove_device(second, two, desktop_id, now))
    assert (await space.log_in(desktop.person)).status_code == 200


async def test_attempts_at_once_are_all_counted(space: Space) -> None:
    limit, now = space.runtime.settings.limits.logins, space.clock.now()

    async def count() -> int:
        async with space.runtime.database.transaction() as session:
            return await queries.count_attempt(session, limit, "192.0.2.1", now)

    assert sorted(await asyncio.gather(*(count() for _ in range(20)))) == list(range(1, 21))


async def test_one_proof_at_two_replicas_signs_in_once(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    proof = await space.proof(alice.person)
    answers = await asyncio.gather(*(space.post("/auth/login", {"proof": proof}) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7
