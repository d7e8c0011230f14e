"""Two at once, forced: one transaction is held open while the other wants the same."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from identity import errors, queries
from identity.domain.secrets import digest
from identity.operations import devices, sessions, sign_in, tokens
from shared.auth import Scope
from tests.identity.racing import caller_of, contend, device_id_of, register, two_transactions
from tests.identity.support import Person, Space, code_of


async def test_of_two_registrations_of_one_name_the_second_is_refused(space: Space) -> None:
    async with two_transactions(space) as (first, second):
        await register(space, first, Person(), "alice@olares.com")
        with pytest.raises(errors.OlaresNameTaken):
            await contend(first, second, register(space, second, Person(), "alice@olares.com"))
    assert len(await space.rows("SELECT 1 FROM owners")) == len(await space.rows("SELECT 1 FROM outbox")) == 1


async def test_of_two_registrations_of_one_did_the_second_is_a_sign_in(space: Space) -> None:
    alice = Person()
    async with two_transactions(space) as (first, second):
        registered = await register(space, first, alice, "alice@olares.com")
        signed_in = await contend(first, second, register(space, second, alice, "other@olares.com"))
    assert signed_in.owner.owner_id == registered.owner.owner_id
    assert signed_in.owner.olares_name == "alice@olares.com"
    assert signed_in.refresh_token != registered.refresh_token
    assert len(await space.rows("SELECT 1 FROM owners")) == len(await space.rows("SELECT 1 FROM outbox")) == 1


async def test_of_two_registrations_by_one_invite_the_second_is_refused(space: Space) -> None:
    invite = await space.invite()
    async with two_transactions(space) as (first, second):
        await register(space, first, Person(), "alice@olares.com", invite)
        with pytest.raises(errors.InviteInvalid):
            await contend(first, second, register(space, second, Person(), "bob@olares.com", invite))
    assert len(await space.rows("SELECT 1 FROM owners")) == 1


async def test_a_nonce_is_spent_by_one_of_two(space: Space) -> None:
    nonce = digest(await space.nonce())
    async with two_transactions(space) as (first, second):
        assert await queries.nonces.spend_nonce(first, nonce, space.clock.now())
        assert not await contend(first, second, queries.nonces.spend_nonce(second, nonce, space.clock.now()))


async def test_two_refreshes_at_once_get_one_successor_and_the_session_goes_on(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    token, issuer, now = alice.tokens["refresh_token"], space.runtime.adapters, space.clock.now()
    async with two_transactions(space) as (first, second):
        one = await sessions.rotate(first, issuer, token, now)
        two = await contend(first, second, sessions.rotate(second, issuer, token, now))
    assert one is not None
    assert two is not None
    assert one.refresh_token == two.refresh_token
    assert (await space.refresh(one.refresh_token)).status_code == 200


async def test_a_refresh_that_waited_for_the_end_of_its_session_is_refused(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    caller, now = await caller_of(alice), space.clock.now()
    async with two_transactions(space) as (first, second):
        await sessions.end_session(first, caller, caller.session_id, now)
        refresh = sessions.rotate(second, space.runtime.adapters, alice.tokens["refresh_token"], now)
        with pytest.raises(errors.SessionEnded):
            await contend(first, second, refresh)


async def test_an_enrolment_code_is_used_by_one_of_two(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    code = await alice.code()

    def enrol(session: AsyncSession) -> Coroutine[Any, Any, sessions.Tokens]:
        return devices.enrol(
            session, space.runtime.adapters, Person().did, code=code, device_name="x", now=space.clock.now()
        )

    async with two_transactions(space) as (first, second):
        await enrol(first)
        with pytest.raises(errors.EnrolmentCodeInvalid):
            await contend(first, second, enrol(second))
    assert len(await alice.listed("/me/devices")) == 2


@pytest.mark.parametrize("registration_is_first", [True, False])
async def test_a_key_cannot_register_and_join_at_once(space: Space, registration_is_first: bool) -> None:
    alice, new = await space.register("alice@olares.com"), Person()
    code = await alice.code()

    def enrol(session: AsyncSession) -> Coroutine[Any, Any, sessions.Tokens]:
        return devices.enrol(
            session, space.runtime.adapters, new.did, code=code, device_name="x", now=space.clock.now()
        )

    async with two_transactions(space) as (first, second):
        if registration_is_first:
            await register(space, first, new, "new@olares.com")
            loser = enrol(second)
        else:
            await enrol(first)
            loser = register(space, second, new, "new@olares.com")
        with pytest.raises(errors.DeviceKnown):
            await contend(first, second, loser)
    assert len(await space.rows("SELECT 1 FROM devices WHERE did = $1", new.did)) == 1


async def test_a_sign_in_that_waited_for_the_removal_of_its_device_is_refused(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    desktop = await alice.enrol()
    caller, device_id, now = await caller_of(alice), await device_id_of(desktop), space.clock.now()
    async with two_transactions(space) as (first, second):
        await devices.remove_device(first, caller, device_id, now)
        await first.flush()
        login = sign_in.sign_in(second, space.runtime.adapters, desktop.person.did, None, now)
        with pytest.raises(errors.DeviceRemoved):
            await contend(first, second, login)


async def test_a_removal_that_waited_for_a_sign_in_ends_that_session_too(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    desktop = await alice.enrol()
    caller, device_id, now = await caller_of(alice), await device_id_of(desktop), space.clock.now()
    async with two_transactions(space) as (first, second):
        opened = await sign_in.sign_in(first, space.runtime.adapters, desktop.person.did, None, now)
        assert opened is not None
        await contend(first, second, devices.remove_device(second, caller, device_id, now))
    assert code_of(await space.refresh(opened.refresh_token)) == "401 session_ended"


async def test_a_removal_that_waited_for_a_refresh_ends_that_session_too(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    desktop = await alice.enrol()
    caller, device_id, now = await caller_of(alice), await device_id_of(desktop), space.clock.now()
    async with two_transactions(space) as (first, second):
        refreshed = await sessions.rotate(first, space.runtime.adapters, desktop.tokens["refresh_token"], now)
        assert refreshed is not None
        await contend(first, second, devices.remove_device(second, caller, device_id, now))
    assert code_of(await space.refresh(refreshed.refresh_token)) == "401 session_ended"


async def test_a_removal_that_waited_for_a_new_api_token_revokes_that_too(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    desktop = await alice.enrol()
    remover, maker = await caller_of(alice), await caller_of(desktop)
    device_id, now = await device_id_of(desktop), space.clock.now()
    scopes, lifetime = [Scope.BACKUPS_READ], timedelta(days=1)
    async with two_transactions(space) as (first, second):
        made = await tokens.create_token(first, maker, name="x", scopes=scopes, lifetime=lifetime, now=now)
        await first.flush()
        await contend(first, second, devices.remove_device(second, remover, device_id, now))
    assert code_of(await space.post("/auth/exchange", {"api_token": made.token})) == "401 api_token_invalid"
    [(revoked,)] = await space.rows("SELECT revoked_at IS NOT NULL FROM api_tokens")
    assert revoked


async def test_two_devices_cannot_remove_each_other(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    desktop = await alice.enrol()
    one, two = await caller_of(alice), await caller_of(desktop)
    laptop_id, desktop_id, now = await device_id_of(alice), await device_id_of(desktop), space.clock.now()
    async with two_transactions(space) as (first, second):
        await devices.remove_device(first, one, desktop_id, now)
        with pytest.raises(errors.SessionEnded):
            await contend(first, second, devices.remove_device(second, two, laptop_id, now))
    assert len(await alice.listed("/me/devices")) == 1


async def test_of_two_last_devices_that_leave_at_once_one_stays(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    desktop = await alice.enrol()
    one, two = await caller_of(alice), await caller_of(desktop)
    laptop_id, desktop_id, now = await device_id_of(alice), await device_id_of(desktop), space.clock.now()
    async with two_transactions(space) as (first, second):
        await devices.remove_device(first, one, laptop_id, now)
        with pytest.raises(errors.LastDevice):
            await contend(first, second, devices.remove_device(second, two, desktop_id, now))
    assert (await space.log_in(desktop.person)).status_code == 200


async def test_attempts_at_once_are_all_counted(space: Space) -> None:
    limit, now = space.runtime.settings.limits.logins, space.clock.now()

    async def count() -> int:
        async with space.runtime.database.transaction() as session:
            return await queries.attempts.count_attempt(session, limit, "192.0.2.1", now)

    assert sorted(await asyncio.gather(*(count() for _ in range(20)))) == list(range(1, 21))


async def test_one_proof_at_two_replicas_signs_in_once(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    proof = await space.proof(alice.person)
    answers = await asyncio.gather(*(space.post("/auth/login", {"proof": proof}) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7
