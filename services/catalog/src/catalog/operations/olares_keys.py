"""Keys of Olares devices: one for all of its owner's repositories, renewed by who holds the one before."""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4, uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from catalog import queries
from catalog.adapters import Adapters
from catalog.domain.gate import Access, Restriction
from catalog.domain.layout import suffix_of
from catalog.errors import AddressMissing, Arrears, OverLimit, PrefixForeign
from catalog.models import OwnerSpace, StorageKey
from catalog.operations import reservations, sessions, terminus
from catalog.operations.storage_keys import require_pace
from catalog.ports import IssuedKey, OlaresAddress, Place, RoomWanted
from catalog.settings import Settings
from shared.auth import Caller, SignInNeeded
from shared.db import Database
from shared.errors import ServiceError

SHORTEST = timedelta(seconds=900)
"""What STS gives at the least, and a device asks for when it is being debugged."""
RENEWABLE = timedelta(days=30)
"""After it was asked for with a token; not beyond that token's end in any case."""
RENEWABLE_AFTER_END = timedelta(hours=24)
"""A device that slept over its key's end goes on with the backup it was making."""


@dataclass(frozen=True)
class OlaresKey:
    """A key and where it leads.

    Args:
        prefix: The owner's folder, whose name both sides build addresses of.
    """

    address: OlaresAddress
    prefix: str
    issued: IssuedKey


@dataclass(frozen=True)
class _Wanted:
    """A key for a device.

    Args:
        renewed_id: The key it is given for; None when it is given for a token.
    """

    owner_id: UUID
    terminus_id: UUID | None
    session_id: UUID
    renewable_until: datetime
    expires_at: datetime
    renewed_id: str | None = None


async def issue(
    database: Database, adapters: Adapters, settings: Settings, caller: Caller, *, cluster_id: str | None, suffix: str,
    duration: timedelta, now: datetime,
) -> OlaresKey:  # fmt: skip
    """A key to write to and read from all of the caller's repositories.

    Without room for what may be written there is a key all the same, and what it uploads is refused: a device asks for
    the same key to restore.

    Args:
        suffix: Of the prefix that the device expects; empty when it expects none.
        duration: How long it wants the key, from 15 minutes to the longest that keys live.

    Raises:
        AddressMissing: If the address that devices build cannot lead to this store.
        PrefixForeign: If the suffix is not of the caller's prefix.
        SignInNeeded: If the caller's session ended meanwhile.
        TooManyRequests: After too many keys of the owner's devices within an hour.
        StoreUnavailable: If the issuer does not answer.
    """
    address = _address(adapters)
    async with database.transaction() as session:
        await queries.spaces.ensure_space(session, caller.owner_id, caller.did, now)
        space = await session.get_one(OwnerSpace, caller.owner_id)
        if suffix not in ("", suffix_of(space.prefix)):
            raise PrefixForeign(
                "This Backup URL is of another account. Copy it from your own page of Space, or connect that account."
            )
        await require_pace(session, caller.owner_id, settings.keys_an_hour, now, of_devices=True)
        wanted = _Wanted(
            owner_id=caller.owner_id,
            terminus_id=await terminus.of_cluster(session, caller, cluster_id, now),
            session_id=caller.session_id,
            renewable_until=min(now + RENEWABLE, caller.expires_at),
            expires_at=now + _lifetime(duration, settings),
        )
        intent = _intend(session, wanted, space, now)
    return await _give(database, adapters, settings, address, wanted, space, intent, now)


async def renew(
    database: Database, adapters: Adapters, settings: Settings, *, access_key_id: str, secret: str, session_token: str,
    duration: timedelta, now: datetime,
) -> OlaresKey:  # fmt: skip
    """Another key like one that ends soon or has ended, for who holds it; that one stays good to its end.

    Raises:
        AddressMissing: If the address that devices build cannot lead to this store.
        SignInNeeded: If this key cannot be renewed.
        TooManyRequests: After too many keys of the owner's devices within an hour.
        StoreUnavailable: If the issuer does not answer.
    """
    address = _address(adapters)
    async with database.transaction() as session:
        key = await session.get(StorageKey, access_key_id)
        if key is None or not _is_credential(key, credential_hash(secret, session_token)):
            raise _not_renewable()
        session_id, renewable_until = key.session_id, key.renewable_until
        if session_id is None or renewable_until is None or renewable_until <= now:
            raise _not_renewable()
        if key.revoked_at is not None or key.expires_at + RENEWABLE_AFTER_END <= now:
            raise _not_renewable()
        await _require_session(session, session_id)
        await require_pace(session, key.owner_id, settings.keys_an_hour, now, of_devices=True)
        space = await session.get_one(OwnerSpace, key.owner_id)
        expires_at = now + _lifetime(duration, settings)
        wanted = _Wanted(key.owner_id, key.terminus_id, session_id, renewable_until, expires_at, access_key_id)
        intent = _intend(session, wanted, space, now)
    return await _give(database, adapters, settings, address, wanted, space, intent, now)


def credential_hash(secret: str, session_token: str) -> bytes:
    """What is kept of a device's credentials, so that only who has all of them renews a key."""
    return hashlib.sha256(f"{secret}\0{session_token}".encode()).digest()


def room_id(owner_id: UUID, terminus_id: UUID | None) -> UUID:
    """What billing knows a device's room by, in place of a backup: a device that asks again gets it once."""
    return uuid5(owner_id, f"olares:{terminus_id or ''}")


async def _give(
    database: Database, adapters: Adapters, settings: Settings, address: OlaresAddress, wanted: _Wanted,
    space: OwnerSpace, intent: reservations.Intent, now: datetime,
) -> OlaresKey:  # fmt: skip
    """Ask billing and the issuer outside any transaction, as ``issue_key`` does."""
    try:
        restriction = await _ask_for_room(database, adapters, space, intent, now)
        if not space.prepared:
            await adapters.prepare(space.prefix)
        # No gate refuses uploads to another store: a key to it that may upload nothing is one to read.
        access = Access.READ if restriction is not None and adapters.vault is None else Access.WRITE
        issued = await adapters.issuer.issue(Place(space.prefix), access, wanted.expires_at)
        async with database.transaction() as session:
            await _record(session, adapters, wanted, issued, access, restriction, now)
            if adapters.vault is None:
                # No gate tells when a repository is made with this key.
                due_at = now + settings.measure_writing_every
                await queries.spaces.bring_discovery_forward(session, wanted.owner_id, due_at)
            if restriction is None:
                await reservations.bind(session, intent, issued.access_key_id)
    except ServiceError:
        await reservations.give_back(database, intent, now)
        raise
    return OlaresKey(address, space.prefix, issued)


def _intend(session: AsyncSession, wanted: _Wanted, space: OwnerSpace, now: datetime) -> reservations.Intent:
    room = RoomWanted(
        reservation_id=uuid4(),
        owner_id=wanted.owner_id,
        backup_id=room_id(wanted.owner_id, wanted.terminus_id),
        terminus_id=wanted.terminus_id,
        declared_bytes=None,
        expires_at=wanted.expires_at,
    )
    heard = Restriction(space.restriction) if space.restriction else None
    return reservations.intend(session, room, heard, now)


async def _ask_for_room(
    database: Database, adapters: Adapters, space: OwnerSpace, intent: reservations.Intent, now: datetime
) -> Restriction | None:
    """Why there is none; None when there is."""
    try:
        await reservations.reserve_and_heed(database, adapters.quota, intent, space.quota_number, now)
    except OverLimit:
        restriction = Restriction.OVER_LIMIT
    except Arrears:
        restriction = Restriction.ARREARS
    else:
        return None
    await reservations.give_back(database, intent, now)
    return restriction


async def _record(
    session: AsyncSession, adapters: Adapters, wanted: _Wanted, issued: IssuedKey, access: Access,
    restriction: Restriction | None, now: datetime,
) -> None:  # fmt: skip
    # Locked: whatever ends the session, or revokes the key that is renewed, either is seen here or sees this key.
    await queries.spaces.lock_space(session, wanted.owner_id)
    await _require_session(session, wanted.session_id)
    first_key_id = issued.access_key_id
    if wanted.renewed_id is not None:
        renewed = await session.get_one(StorageKey, wanted.renewed_id)
        if renewed.revoked_at is not None:
            raise _not_renewable()
        first_key_id = renewed.first_key_id or first_key_id
    (await session.get_one(OwnerSpace, wanted.owner_id)).prepared = True
    session.add(
        StorageKey(
            access_key_id=issued.access_key_id,
            owner_id=wanted.owner_id,
            terminus_id=wanted.terminus_id,
            access=access,
            issuer=adapters.issuer.name,
            issued_at=now,
            expires_at=issued.expires_at,
            session_id=wanted.session_id,
            credential_hash=credential_hash(issued.secret_access_key, issued.session_token),
            renewable_until=wanted.renewable_until,
            first_key_id=first_key_id,
            restriction=restriction,
        )
    )
    await session.flush()


async def _require_session(session: AsyncSession, session_id: UUID) -> None:
    if await sessions.has_ended(session, session_id):
        raise SignInNeeded("This connection to Space was ended. Connect to Space again.")


def _is_credential(key: StorageKey, presented: bytes) -> bool:
    return key.credential_hash is not None and hmac.compare_digest(key.credential_hash, presented)


def _lifetime(duration: timedelta, settings: Settings) -> timedelta:
    return min(max(duration, SHORTEST), settings.key_lifetime)


def _address(adapters: Adapters) -> OlaresAddress:
    address = adapters.issuer.olares_address()
    if address is None:
        raise AddressMissing("Olares devices cannot reach the store behind this Space: it is no Amazon S3 of its own.")
    return address


def _not_renewable() -> SignInNeeded:
    return SignInNeeded("These storage keys cannot be renewed. Connect to Space again, and ask for new ones.")
