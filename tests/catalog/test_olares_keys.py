"""Keys of Olares devices: who gets one, who renews it, and the room it takes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import select

from catalog import consumers
from catalog.errors import PrefixForeign
from catalog.models import EndedSession, Reservation
from catalog.operations import sessions
from catalog.operations.reservations import give_back_due
from shared.auth import SignInNeeded
from shared.events.identity import SessionEnded
from space_local.rabbitmq import RabbitMQ
from tests.catalog.olares_device import HALF_A_DAY, Device, look_around
from tests.support.databases import Databases
from tests.support.store import Store, store_at_work
from tests.support.tokens import TokenIssuer

pytestmark = pytest.mark.asyncio(loop_scope="module")

GB = 2**30


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def store(
    databases: Databases, issuer: TokenIssuer, rabbitmq: RabbitMQ, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Store]:
    async with store_at_work(databases, issuer, rabbitmq.url, tmp_path_factory.mktemp("store")) as store:
        yield store


def ended(device: Device) -> SessionEnded:
    now = datetime.now(UTC)
    return SessionEnded(
        owner_id=device.owner.owner_id,
        session_id=device.session_id,
        ended_at=now,
        tokens_end_at=now + timedelta(days=9),
    )


async def end_session(device: Device) -> None:
    async with device.store.runtime.database.transaction() as session:
        await consumers.end_session(session, ended(device))


async def settle_room(store: Store) -> None:
    runtime = store.runtime
    while await give_back_due(runtime.database, runtime.adapters.quota, datetime.now(UTC)):
        pass


async def test_a_device_of_an_owner_nobody_knew_gets_a_key_and_is_told_where_to(store: Store) -> None:
    device = Device(store)
    key = await device.key()
    port = str(store.runtime.settings.vault_endpoint).rstrip("/").rpartition(":")[2]
    assert (key.address.host, key.address.bucket) == (f"space@127.0.0.1:{port}/vault/p1", "backups")
    assert key.prefix == f"{device.owner.did}-{device.suffix}"
    row = await device.row(key)
    assert (row.backup_id, row.access, row.session_id, row.restriction) == (None, "write", device.session_id, None)
    lifetime = key.issued.expires_at - datetime.now(UTC)
    assert HALF_A_DAY - timedelta(minutes=2) < lifetime <= HALF_A_DAY


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        (timedelta(seconds=-5), timedelta(seconds=900)),
        (timedelta(seconds=900), timedelta(seconds=900)),
        (timedelta(hours=1), timedelta(hours=1)),
        (timedelta(days=400), HALF_A_DAY),
    ],
)
async def test_a_key_lives_as_long_as_is_asked_within_bounds(store: Store, asked: timedelta, given: timedelta) -> None:
    now = datetime.now(UTC)
    assert (await Device(store).key(duration=asked, now=now)).issued.expires_at == now + given


async def test_the_suffix_of_a_backup_url_is_the_owners_own_or_refused_with_words(store: Store) -> None:
    device, other = Device(store), Device(store)
    assert (await device.key(suffix=device.suffix)).prefix == (await device.key()).prefix
    with pytest.raises(PrefixForeign, match="another account") as refused:
        await device.key(suffix=other.suffix)
    assert refused.value.kind == "invalid"


async def test_a_key_is_of_the_terminus_whose_cluster_asks(store: Store) -> None:
    device = Device(store)
    first, second = [await device.row(await device.key(cluster_id=cluster)) for cluster in ("one", "two")]
    again = await device.row(await device.key(cluster_id="one"))
    assert first.terminus_id == again.terminus_id
    assert first.terminus_id not in (None, second.terminus_id)


async def test_room_is_kept_once_however_often_a_device_asks(store: Store) -> None:
    device = Device(store)
    for _ in range(4):
        await device.key(cluster_id="one")
    kept = [kept for kept in store.billing.reservations.kept.values() if kept.owner_id == str(device.owner.owner_id)]
    assert [room.size_bytes for room in kept] == [GB]
    await device.key(cluster_id="two")
    kept = [kept for kept in store.billing.reservations.kept.values() if kept.owner_id == str(device.owner.owner_id)]
    assert len(kept) == 2


async def test_at_the_limit_there_is_a_key_that_reads_and_what_is_left_is_kept(store: Store) -> None:
    device = Device(store)
    account = store.billing.account(device.owner.owner_id)
    account.used_bytes = account.limit_bytes - 1000
    assert (await device.row(await device.key())).restriction is None
    account.used_bytes = account.limit_bytes
    assert (await device.row(await device.key())).restriction == "over_limit"
    account.reason = "arrears"
    restricted = await device.key()
    assert (await device.row(restricted)).restriction == "arrears"
    async with store.runtime.database.reading() as session:
        of_key = select(Reservation).where(Reservation.access_key_id == restricted.issued.access_key_id)
        assert await session.scalar(of_key) is None
    account.used_bytes = 0
    assert (await device.row(await device.renew(restricted))).restriction is None


async def test_without_a_gate_a_key_without_room_is_one_to_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    device, adapters = Device(store), store.runtime.adapters
    # The owner's bucket, which only the vault makes; other tests look through it.
    await device.key()
    monkeypatch.setattr(store.runtime, "adapters", replace(adapters, vault=None))
    account = store.billing.account(device.owner.owner_id)
    assert (await device.row(await device.key())).access == "write"
    account.used_bytes = account.limit_bytes
    refused = await device.key()
    assert (await device.row(refused)).access == "read"
    account.used_bytes = 0
    assert (await device.row(await device.renew(refused))).access == "write"


async def test_who_holds_a_key_renews_it_and_the_one_before_stays(store: Store) -> None:
    device = Device(store)
    began = datetime.now(UTC)
    first = await device.key(cluster_id="one", now=began)
    second = await device.renew(first, now=began + timedelta(hours=11))
    third = await device.renew(first, now=began + timedelta(hours=35))
    rows = [await device.row(key) for key in (first, second, third)]
    assert len({row.access_key_id for row in rows}) == 3
    assert len({(row.terminus_id, row.session_id, row.renewable_until) for row in rows}) == 1
    assert rows[0].revoked_at is None
    assert rows[0].expires_at == first.issued.expires_at
    assert second.prefix == first.prefix


@pytest.mark.parametrize("part", ["access_key_id", "secret", "session_token"])
async def test_all_three_parts_of_a_key_are_needed(store: Store, part: str) -> None:
    device = Device(store)
    key, other = await device.key(), await device.key()
    of_other = {
        "access_key_id": other.issued.access_key_id,
        "secret": other.issued.secret_access_key,
        "session_token": other.issued.session_token,
    }
    for wrong in (of_other[part], "", "\u00e9"):
        with pytest.raises(SignInNeeded):
            await device.renew(key, **{part: wrong})  # type: ignore[arg-type]
    await device.renew(key)


async def test_a_native_key_is_not_renewed(store: Store) -> None:
    device = Device(store)
    native = await store.key(device.owner, await store.register_backup(device.owner))
    key = await device.key()
    with pytest.raises(SignInNeeded):
        await device.renew(
            key, access_key_id=native["access_key_id"], secret=native["secret_access_key"],
            session_token=native["session_token"],
        )  # fmt: skip


async def test_a_key_is_renewed_for_a_day_after_its_end_and_a_month_in_all(store: Store) -> None:
    device = Device(store)
    began = datetime.now(UTC)
    key = await device.key(now=began)
    for late in (HALF_A_DAY + timedelta(hours=24), timedelta(days=3)):
        with pytest.raises(SignInNeeded):
            await device.renew(key, now=began + late)
    for hours in range(24, 30 * 24, 24):
        key = await device.renew(key, now=began + timedelta(hours=hours))
    with pytest.raises(SignInNeeded):
        await device.renew(key, now=began + timedelta(days=30))


async def test_no_key_is_renewed_beyond_the_end_of_the_token_that_it_was_given_for(store: Store) -> None:
    began = datetime.now(UTC)
    device = Device(store, token_ends_at=began + timedelta(hours=20))
    first = await device.key(now=began)
    device.token_ends_at += timedelta(days=30)
    second = await device.renew(first, now=began + timedelta(hours=11))
    third = await device.renew(second, now=began + timedelta(hours=19))
    for key in (first, second, third):
        with pytest.raises(SignInNeeded):
            await device.renew(key, now=began + timedelta(hours=20))
    assert third.issued.expires_at == began + timedelta(hours=31), "what was given lives on"
    await device.renew(await device.key(now=began), now=began + timedelta(hours=20))


async def test_who_revokes_one_key_revokes_those_that_were_renewed_one_from_another(store: Store) -> None:
    device = Device(store)
    began = datetime.now(UTC) - timedelta(hours=20)
    first = await device.key(now=began)
    second = await device.renew(first)
    family = [first, second, await device.renew(first), await device.renew(second)]
    others = [await device.key(), await Device(store).key()]
    answer = await store.api.delete(
        f"/api/v1/storage-keys/{second.issued.access_key_id}", headers=store.issuer.headers(device.owner)
    )
    assert answer.status_code == 204
    assert all([(await device.row(key)).revoked_at is not None for key in family])
    for key in family:
        with pytest.raises(SignInNeeded):
            await device.renew(key)
    for key in others:
        await device.renew(key)


async def test_a_revoked_key_is_not_renewed(store: Store) -> None:
    device = Device(store)
    key = await device.key()
    await device.change_key(key, revoked_at=datetime.now(UTC))
    with pytest.raises(SignInNeeded):
        await device.renew(key)


async def test_who_revokes_all_keys_revokes_those_that_can_still_be_renewed(store: Store) -> None:
    device, other = Device(store), Device(store)
    began = datetime.now(UTC) - timedelta(hours=20)
    ended, kept = await device.key(now=began), await other.key(now=began)
    answer = await store.api.delete("/api/v1/storage-keys", headers=store.issuer.headers(device.owner))
    assert answer.status_code == 204
    with pytest.raises(SignInNeeded):
        await device.renew(ended)
    await other.renew(kept)


async def test_with_a_session_end_its_keys_and_no_others(store: Store) -> None:
    device = Device(store)
    neighbour = Device(store, device.owner)
    key, kept = await device.key(cluster_id="one"), await neighbour.key(cluster_id="two")
    long_ago = await device.key(cluster_id="one")
    await device.change_key(long_ago, expires_at=datetime.now(UTC) - timedelta(hours=2), read_at=datetime.now(UTC))
    await end_session(device)
    await end_session(device)
    assert (await device.row(key)).revoked_at is not None
    assert (await device.row(long_ago)).revoked_at is not None
    assert (await neighbour.row(kept)).revoked_at is None
    with pytest.raises(SignInNeeded):
        await device.key()
    with pytest.raises(SignInNeeded):
        await device.renew(key)
    await neighbour.renew(kept)
    await settle_room(store)
    of_owner = [
        room for room in store.billing.reservations.kept.values() if room.owner_id == str(device.owner.owner_id)
    ]
    assert len(of_owner) == 1


async def test_a_session_that_ends_while_a_key_is_made_leaves_none(store: Store) -> None:
    """Whichever comes first: the key is not given out, or it is revoked."""
    for _ in range(8):
        device = Device(store)
        made = await asyncio.gather(*(device.key() for _ in range(3)), end_session(device), return_exceptions=True)
        for key in made[:3]:
            assert isinstance(key, SignInNeeded) or (await device.row(key)).revoked_at is not None  # type: ignore[arg-type]


async def test_an_ended_session_is_forgotten_with_the_last_of_its_tokens(store: Store) -> None:
    session_id, now = uuid4(), datetime.now(UTC)
    database = store.runtime.database
    async with database.transaction() as session:
        await sessions.end(session, uuid4(), session_id, now + timedelta(days=1), now)
    await sessions.forget_ended(database, now + timedelta(hours=23))
    async with database.reading() as session:
        assert await sessions.has_ended(session, session_id)
    assert await sessions.forget_ended(database, now + timedelta(hours=25)) == 1
    async with database.reading() as session:
        assert await session.get(EndedSession, session_id) is None


async def test_the_room_is_given_back_when_a_snapshot_of_the_device_was_measured(store: Store) -> None:
    device = Device(store)
    key, other = await device.key(cluster_id="one"), await device.key(cluster_id="two")
    source = store.home / "tls"
    for command in (("init",), ("backup", str(source))):
        code, said = await device.restic(key, "demo", *command)
        assert code == 0, said
    later = await device.key(cluster_id="one", now=datetime.now(UTC) + timedelta(minutes=5))
    assert later.issued.access_key_id != key.issued.access_key_id
    await device.key(cluster_id="one")
    await look_around(store, datetime.now(UTC) + timedelta(minutes=2))
    (backup,) = await device.backups()
    assert (backup.snapshot_count, backup.terminus_id) == (1, (await device.row(key)).terminus_id)
    async with store.runtime.database.reading() as session:
        rows = await session.execute(
            select(Reservation.access_key_id).where(Reservation.due_at <= datetime.now(UTC) + timedelta(minutes=2))
        )
        due = {row.access_key_id for row in rows}
    assert key.issued.access_key_id in due
    assert other.issued.access_key_id not in due
    assert later.issued.access_key_id not in due
