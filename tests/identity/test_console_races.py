"""Two at once around browsers that sign in, forced."""

from uuid import UUID

import pytest

from identity import errors, queries
from identity.domain.secrets import Digest, digest
from identity.operations import console_links, console_qr, devices, names
from tests.identity.browser import Browser, link_secret, scan
from tests.identity.racing import caller_of, contend, device_id_of, two_transactions
from tests.identity.support import Person, Signed, Space
from tests.support.larepass import LarePass
from tests.support.tokens import ORIGIN


async def test_of_two_who_follow_one_link_one_is_signed_in(space: Space) -> None:
    alice = await space.register("alice@olares.com")
    secret, issuer, now = await link_secret(alice), space.runtime.adapters, space.clock.now()
    async with two_transactions(space) as (first, second):
        await console_links.redeem(first, issuer, secret, None, now)
        with pytest.raises(errors.LinkInvalid):
            await contend(first, second, console_links.redeem(second, issuer, secret, None, now))
    assert len(await alice.listed("/me/sessions")) == 2


async def test_of_two_checks_of_one_code_one_is_signed_in(space: Space) -> None:
    browser, issuer, now = Browser(space), space.runtime.adapters, space.clock.now()
    await scan(space, LarePass(ORIGIN), await browser.show_code())
    secret = str(browser.cookie("space_qr"))
    async with two_transactions(space) as (first, second):
        assert await console_qr.take(first, issuer, secret, now) is not None
        with pytest.raises(errors.SignInExpired):
            await contend(first, second, console_qr.take(second, issuer, secret, now))
    assert len(await space.rows("SELECT 1 FROM sessions")) == 1


async def test_of_two_who_scan_one_code_at_once_the_second_is_refused(space: Space) -> None:
    alice, bob = await space.register("alice@olares.com"), await space.register("bob@olares.com")
    shown = await _shown(space)
    now = space.clock.now()
    async with two_transactions(space) as (first, second):
        ones = await queries.devices.find_live_device(first, await device_id_of(alice))
        twos = await queries.devices.find_live_device(second, await device_id_of(bob))
        assert ones is not None
        assert twos is not None
        assert await console_qr.sign(first, ones, shown, now)
        await first.flush()
        with pytest.raises(errors.LoginRefused):
            await contend(first, second, console_qr.sign(second, twos, shown, now))
    assert await space.rows("SELECT device_id FROM qr_sign_ins") == [(await device_id_of(alice),)]


@pytest.mark.parametrize("by", ["link", "code"])
async def test_a_browser_that_waited_for_the_removal_of_its_device_is_not_signed_in(space: Space, by: str) -> None:
    alice = await space.register("alice@olares.com")
    desktop = await alice.enrol()
    secret, device_id = await _ready(space, desktop, by)
    caller, issuer, now = await caller_of(alice), space.runtime.adapters, space.clock.now()
    async with two_transactions(space) as (first, second):
        await devices.remove_device(first, caller, device_id, now)
        await first.flush()
        if by == "link":
            with pytest.raises(errors.LinkInvalid):
                await contend(first, second, console_links.redeem(second, issuer, secret, None, now))
        else:
            with pytest.raises(errors.SignInExpired):
                await contend(first, second, console_qr.take(second, issuer, secret, now))
    assert len(await alice.listed("/me/sessions")) == 1


@pytest.mark.parametrize("by", ["link", "code"])
async def test_a_removal_that_waited_ends_the_session_of_the_browser(space: Space, by: str) -> None:
    alice = await space.register("alice@olares.com")
    desktop = await alice.enrol()
    secret, device_id = await _ready(space, desktop, by)
    caller, issuer, now = await caller_of(alice), space.runtime.adapters, space.clock.now()
    async with two_transactions(space) as (first, second):
        if by == "link":
            await console_links.redeem(first, issuer, secret, None, now)
        else:
            assert await console_qr.take(first, issuer, secret, now) is not None
        await contend(first, second, devices.remove_device(second, caller, device_id, now))
    assert len(await alice.listed("/me/sessions")) == 1


async def test_of_two_owners_who_take_one_name_the_second_is_refused(space: Space) -> None:
    first_owner, second_owner = await _newcomer(space), await _newcomer(space)
    one, two, now = await caller_of(first_owner), await caller_of(second_owner), space.clock.now()
    async with two_transactions(space) as (first, second):
        await names.settle(first, one, "alice@olares.com", now)
        with pytest.raises(errors.OlaresNameTaken):
            await contend(first, second, names.settle(second, two, "alice@olares.com", now))
    assert (await second_owner.ask("GET", "/me")).json()["name_is_provisional"] is True


async def test_of_two_names_of_one_owner_the_first_stays(space: Space) -> None:
    owner = await _newcomer(space)
    caller, now = await caller_of(owner), space.clock.now()
    async with two_transactions(space) as (first, second):
        await names.settle(first, caller, "alice@olares.com", now)
        with pytest.raises(errors.OlaresNameSettled):
            await contend(first, second, names.settle(second, caller, "other@olares.com", now))


async def _shown(space: Space) -> Digest:
    await Browser(space).show_code()
    [(secret_hash,)] = await space.rows("SELECT secret_hash FROM qr_sign_ins")
    return Digest(secret_hash)


async def _ready(space: Space, device: Signed, by: str) -> tuple[str, UUID]:
    """A browser's secret, by which it could be signed in as this device now, and the device."""
    device_id = await device_id_of(device)
    if by == "link":
        return await link_secret(device), device_id
    browser = Browser(space)
    await browser.show_code()
    secret = str(browser.cookie("space_qr"))
    async with space.runtime.database.transaction() as session:
        found = await queries.devices.find_live_device(session, device_id)
        assert found is not None
        [(shown,)] = await space.rows("SELECT secret_hash FROM qr_sign_ins WHERE browser_hash = $1", digest(secret))
        assert await console_qr.sign(session, found, shown, space.clock.now())
    return secret, device_id


async def _newcomer(space: Space) -> Signed:
    browser = Browser(space)
    await scan(space, LarePass(ORIGIN), await browser.show_code())
    tokens = await browser.check()
    assert tokens is not None
    return Signed(space, Person(), tokens)
