"""What other services' events do to catalog."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from catalog import consumers
from catalog.errors import OwnerNotFound
from catalog.models import OwnerSpace, StorageKey, Terminus
from shared.events.identity import OwnerRegistered
from shared.events.provisioning import InstanceRunning
from shared.events.restore import RestoreCancelled, RestoreCompleted, RestoreFailed
from tests.support.running import Running
from tests.support.tokens import Owner, TokenIssuer

NOW = datetime.now(UTC)


async def add_keys(catalog: Running, owner: Owner, restore_id: UUID, *issued_at: datetime) -> None:
    async with catalog.runtime.database.transaction() as session:
        await consumers.make_space(session, registered(owner))
        for number, moment in enumerate(issued_at):
            session.add(
                StorageKey(
                    access_key_id=f"SPK{restore_id.hex[:8]}{number}",
                    owner_id=owner.owner_id,
                    restore_id=restore_id,
                    access="read",
                    issuer="vault",
                    issued_at=moment,
                    expires_at=NOW + timedelta(hours=12),
                )
            )


async def live_keys(catalog: Running) -> int:
    async with catalog.runtime.database.reading() as session:
        return len((await session.scalars(select(StorageKey).where(StorageKey.revoked_at.is_(None)))).all())


def registered(owner: Owner) -> OwnerRegistered:
    return OwnerRegistered(owner_id=owner.owner_id, did=owner.did, olares_name=owner.olares_name, registered_at=NOW)


def ids(owner: Owner, restore_id: UUID) -> dict[str, object]:
    return {
        "owner_id": owner.owner_id,
        "restore_id": restore_id,
        "backup_id": uuid4(),
        "snapshot_id": uuid4(),
        "target": "local",
    }


async def test_an_owner_has_a_folder_from_the_start_and_only_one(catalog: Running) -> None:
    owner = Owner()
    for _ in range(2):
        async with catalog.runtime.database.transaction() as session:
            await consumers.make_space(session, registered(owner))
    async with catalog.runtime.database.reading() as session:
        (space,) = await session.scalars(select(OwnerSpace))
    assert space.prefix.startswith(f"{owner.did}-")


@pytest.mark.parametrize("ended", ["completed", "cancelled"])
async def test_the_keys_of_a_restore_end_with_it_and_no_others(catalog: Running, ended: str) -> None:
    owner, restore_id = Owner(), uuid4()
    await add_keys(catalog, owner, restore_id, NOW, NOW + timedelta(minutes=1))
    await add_keys(catalog, owner, uuid4(), NOW)
    fields = ids(owner, restore_id)
    event = (
        RestoreCompleted(**fields, bytes_restored=1, warnings=0, completed_at=NOW)
        if ended == "completed"
        else RestoreCancelled(**fields, cancelled_at=NOW)
    )
    for _ in range(2):
        async with catalog.runtime.database.transaction() as session:
            await consumers.end_restore_keys(session, event)
    assert await live_keys(catalog) == 1


async def test_a_restore_that_failed_and_was_begun_again_keeps_its_new_key(catalog: Running) -> None:
    owner, restore_id = Owner(), uuid4()
    await add_keys(catalog, owner, restore_id, NOW - timedelta(minutes=1), NOW + timedelta(minutes=1))
    async with catalog.runtime.database.transaction() as session:
        await consumers.end_failed_restore_keys(
            session, RestoreFailed(**ids(owner, restore_id), reason="the disk was full", failed_at=NOW)
        )
    assert await live_keys(catalog) == 1


def running_instance(owner: Owner, name: str) -> InstanceRunning:
    return InstanceRunning(
        owner_id=owner.owner_id,
        instance_id=uuid4(),
        instance_name=name,
        provider="local",
        region="local",
        plan="small",
        address="10.0.0.9",
        running_at=NOW,
    )


async def test_an_instance_is_a_terminus_of_its_owner(catalog: Running, issuer: TokenIssuer) -> None:
    owner = Owner()
    async with catalog.runtime.database.transaction() as session:
        await consumers.make_space(session, registered(owner))
    for name in ("alice@olares.com", "bob@olares.com", "alice@olares.com"):
        async with catalog.runtime.database.transaction() as session:
            await consumers.register_terminus(session, running_instance(owner, name))
    shown = await catalog.api.get("/api/v1/terminus", headers=issuer.headers(owner))
    assert sorted(each["name"] for each in shown.json()["items"]) == ["alice@olares.com", "bob@olares.com"]


async def test_an_instance_of_an_owner_not_heard_of_yet_waits_for_them(catalog: Running) -> None:
    owner = Owner()
    with pytest.raises(OwnerNotFound):
        async with catalog.runtime.database.transaction() as session:
            await consumers.register_terminus(session, running_instance(owner, "alice@olares.com"))
    async with catalog.runtime.database.reading() as session:
        assert (await session.scalars(select(Terminus))).all() == []
