"""A restore to the cloud until it is confirmed: what is looked at first, its quote, and the owner's word."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from restore import errors, queries
from restore.adapters import Adapters
from restore.catalog_client import RestorableSnapshot
from restore.domain import fitting, order, words
from restore.domain.axes import Compute, Data, Payment
from restore.domain.facts import Fact
from restore.domain.order import State
from restore.models import CloudRestore, Restore
from restore.operations import saga
from restore.operations.history import write_move
from restore.operations.saga import Cloud, Said
from restore.provisioning_client import Place
from restore.settings import Settings
from shared.db import Database
from shared.errors import Kind, ServiceError
from shared.idempotency import IdempotencyKeyReused

ABANDONED = timedelta(seconds=20)
"""A quote that nobody has been getting for so long is gone on with by a worker."""
AT_ONCE = 20
RESERVED_ENDS = frozenset({"canceled", "destroying", "destroyed"})
PASSING = frozenset({Kind.UNAVAILABLE, Kind.RATE_LIMITED, Kind.UNEXPECTED})
"""Refusals that asking again may change."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Wanted:
    """A snapshot, and where it is to go."""

    owner_id: UUID
    restore_id: UUID
    backup_id: UUID | None
    snapshot_id: UUID | None
    place: Place


async def order_restore(
    database: Database, adapters: Adapters, settings: Settings, wanted: Wanted, now: datetime
) -> None:
    """Begin a restore to the cloud and get its quote.

    What stands in the way from the beginning is refused and leaves nothing behind. From the first row on the restore
    goes on by itself, whoever dies: then it is `quoting` until a worker has its quote.

    Raises:
        ServiceError: What catalog, provisioning or billing refuse, or that the snapshot does not fit the plan.
        IdempotencyKeyReused: If another restore was begun with this id, which its request's key gives it.
        ServiceUnavailable: If one of the first two does not answer in time; nothing was begun.
    """
    async with database.reading() as session:
        known = await queries.find_cloud(session, wanted.restore_id)
    if known is None:
        snapshot = await adapters.catalog.find_snapshot(
            wanted.owner_id, backup_id=wanted.backup_id, snapshot_id=wanted.snapshot_id
        )
        offered = await adapters.provisioning.check(wanted.owner_id, wanted.place)
        if not fitting.fits(snapshot.size_processed_bytes, offered.disk_bytes):
            raise _too_small(snapshot.size_processed_bytes or 0, offered.disk_bytes)
        async with database.transaction() as session:
            # The same request may have been sent twice at once.
            if await queries.is_new(session, wanted.restore_id):
                await _begin(session, wanted, snapshot, settings, now)
            else:
                known = await queries.find_cloud(session, wanted.restore_id)
    if known is not None and not _is_of(wanted, *known):
        raise IdempotencyKeyReused("This Idempotency-Key was used for another restore. Use a new key.")
    await get_quote(database, adapters, wanted.restore_id, now)


async def get_quote(database: Database, adapters: Adapters, restore_id: UUID, now: datetime) -> None:
    """Keep the snapshot and ask for the quote; a restore that has one, or is over, is left as it is.

    Raises:
        ServiceError: What catalog or billing refuse for good; the restore has failed for it.
    """
    async with database.reading() as session:
        found = await queries.find_cloud(session, restore_id)
    if found is None or found[0].state != State.QUOTING:
        return
    restore, rest = found
    try:
        await adapters.catalog.pin_snapshot(restore.owner_id, restore.id, restore.snapshot_id)
        quote = await adapters.billing.make_quote(
            restore.owner_id,
            restore.id,
            provider=rest.provider,
            region=rest.region,
            plan=rest.plan,
            instance_name=rest.instance_name,
            restore_bytes=restore.size_processed_bytes or 0,
        )
    except ServiceError as refusal:
        if refusal.kind in PASSING:
            log.info("a quote has to wait", restore_id=str(restore_id), reason=refusal.detail)
            return
        async with database.transaction() as session:
            cloud = await _locked(session, restore_id)
            await saga.heed(session, cloud, Fact.QUOTE_REFUSED, now, Said(refusal.code, refusal.detail))
        raise
    async with database.transaction() as session:
        cloud = await _locked(session, restore_id)
        if cloud.saga.state is State.QUOTING:
            cloud.rest.quote_id = quote.quote_id
            cloud.rest.quote = quote.model_dump(mode="json", exclude={"state"})
            await saga.heed(session, cloud, Fact.QUOTED, now)


async def get_abandoned_quotes(database: Database, adapters: Adapters, now: datetime) -> int:
    """Go on with the quotes that nobody is getting any more; how many were tried."""
    async with database.transaction() as session:
        claimed = await queries.claim_unquoted(session, now, ABANDONED, AT_ONCE)
    for restore_id in claimed:
        try:
            await get_quote(database, adapters, restore_id, now)
        except ServiceError as refusal:
            log.info("a quote was refused", restore_id=str(restore_id), code=refusal.code)
    return len(claimed)


async def confirm(
    database: Database, adapters: Adapters, owner_id: UUID, restore_id: UUID, method_id: UUID | None, now: datetime
) -> None:
    """Order what was quoted: its name is reserved, then the money asked for. Confirming again changes nothing.

    Raises:
        RestoreNotFound: If the owner has no such restore to the cloud.
        NotConfirmable: If it is over, being undone, or has no quote yet.
        QuoteExpired: If the quote's time is over.
        ServiceError: What provisioning refuses; the restore stays quoted.
        ServiceUnavailable: If provisioning does not answer in time; the restore stays quoted.
    """
    for _ in range(2):
        async with database.transaction() as session:
            cloud = await _to_confirm(session, owner_id, restore_id, now)
        if cloud is None:
            return
        instance_id, place = cloud.rest.instance_id, _place(cloud.rest)
        assert instance_id is not None
        if await _reserve(adapters, cloud, instance_id, place):
            break
        async with database.transaction() as session:
            cloud = await _locked(session, restore_id)
            if cloud.rest.instance_id == instance_id:
                await saga.heed(session, cloud, Fact.MACHINE_LOST, now)
    else:
        raise errors.NotConfirmable("The instance's name could not be kept just now. Confirm again.")
    async with database.transaction() as session:
        cloud = await _locked(session, restore_id)
        if cloud.saga.state is State.QUOTED:
            cloud.rest.payment_method_id = method_id
            await saga.heed(session, cloud, Fact.CONFIRMED, now)


async def _to_confirm(session: AsyncSession, owner_id: UUID, restore_id: UUID, now: datetime) -> Cloud | None:
    """The quoted restore, with the intent to reserve its name written down; None when it is confirmed already."""
    cloud = await saga.lock(session, restore_id, owner_id)
    if cloud is None:
        raise errors.RestoreNotFound("You have no such restore.")
    state = cloud.saga.state
    if state in order.CONFIRMED:
        return None
    if state is not State.QUOTED:
        raise errors.NotConfirmable(f"This restore is {words.NAMES[state]} and cannot be confirmed.")
    if now >= saga.quote_end(cloud.rest):
        raise errors.QuoteExpired("This quote has expired: prices may be others now. Order again; nothing was charged.")
    if cloud.saga.compute is not Compute.RESERVED:
        saga.begin_machine(cloud.rest)
        await saga.heed(session, cloud, Fact.NAME_RESERVED, now)
    return cloud


async def _reserve(adapters: Adapters, cloud: Cloud, instance_id: UUID, place: Place) -> bool:
    """Keep the name; False when the instance it was kept for is over."""
    restore = cloud.restore
    try:
        reserved = await adapters.provisioning.reserve(restore.owner_id, restore.id, instance_id, place)
    except errors.InstanceOver:
        return False
    return reserved.status not in RESERVED_ENDS


def _is_of(wanted: Wanted, restore: Restore, rest: CloudRestore) -> bool:
    """Whether the restore is what is wanted."""
    return (
        wanted.backup_id in (None, restore.backup_id)
        and wanted.snapshot_id in (None, restore.snapshot_id)
        and wanted.place == _place(rest)
    )


async def _begin(
    session: AsyncSession, wanted: Wanted, snapshot: RestorableSnapshot, settings: Settings, now: datetime
) -> None:
    size = snapshot.size_processed_bytes
    restore = Restore(
        id=wanted.restore_id,
        owner_id=wanted.owner_id,
        target="cloud",
        backup_id=snapshot.backup_id,
        snapshot_id=snapshot.snapshot_id,
        backup_name=snapshot.backup_name,
        terminus_name=snapshot.terminus_name,
        path=snapshot.path,
        restic_id=snapshot.restic_id,
        snapshot_taken_at=snapshot.taken_at,
        size_processed_bytes=size,
        state=State.QUOTING,
        warnings=0,
        created_at=now,
        updated_at=now,
        due_at=order.due_at(State.QUOTING, now),
        last_number=1,
    )
    session.add(restore)
    await session.flush()
    session.add(
        CloudRestore(
            restore_id=restore.id,
            provider=wanted.place.provider,
            region=wanted.place.region,
            plan=wanted.place.plan,
            instance_name=wanted.place.instance_name,
            estimate_seconds=fitting.estimate_seconds(
                size, settings.expected_start_seconds, settings.expected_bytes_per_second
            ),
            payment=Payment.NONE,
            compute=Compute.NONE,
            data=Data.NONE,
            machine=1,
            asked=0,
            round=0,
            wrong_passwords=0,
        )
    )
    write_move(session, restore, now, None, None)


async def _locked(session: AsyncSession, restore_id: UUID) -> Cloud:
    cloud = await saga.lock(session, restore_id)
    # Restores are never deleted.
    assert cloud is not None
    return cloud


def _place(rest: CloudRestore) -> Place:
    return Place(rest.instance_name, rest.provider, rest.region, rest.plan)


def _too_small(size_bytes: int, disk_bytes: int) -> errors.PlanTooSmall:
    return errors.PlanTooSmall(
        f"The snapshot's files have {size_bytes} bytes, and of this plan's disk of {disk_bytes} bytes nine tenths may "
        "be filled. Choose a plan with a larger disk.",
        size_bytes=size_bytes,
        disk_bytes=disk_bytes,
    )
