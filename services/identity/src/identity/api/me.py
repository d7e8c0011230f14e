"""The signed-in owner: sessions and devices."""

from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from identity import queries
from identity.dependencies import (
    AccountReader,
    AccountWriter,
    AnyCaller,
    Now,
    limit_per_owner,
    not_stored,
)
from identity.models import Owner
from identity.operations import devices, names, sessions
from identity.schemas import DeviceRead, EnrolmentRead, MeRead, OlaresNameWrite, OwnerRead, SessionRead
from shared.db import ReadTx, Tx
from shared.idempotency import OnceOnly
from shared.paging import Page, Paging, cached_json, page_of

router = APIRouter(prefix="/api/v1/me", tags=["me"])


@router.get("", response_model=MeRead)
async def get_me(caller: AnyCaller, tx: ReadTx) -> dict[str, object]:
    """Who is signed in, and by what. For any token."""
    owner = await tx.get_one(Owner, caller.owner_id)
    return {
        "owner_id": owner.owner_id,
        "did": owner.did,
        "olares_name": owner.olares_name,
        "name_is_provisional": owner.name_is_provisional,
        "created_at": owner.created_at,
        "scopes": sorted(caller.scopes),
        "session_id": caller.session_id,
    }


@router.put(
    "/olares-name", response_model=OwnerRead, dependencies=[Depends(limit_per_owner(lambda limits: limits.names))]
)
async def settle_olares_name(body: OlaresNameWrite, caller: AccountWriter, tx: Tx, now: Now) -> Owner:
    """Give oneself an Olares name in place of a provisional one, which LarePass brought. Once. Scope `account:write`.

    The access token says the name from the next refresh on. Errors: `olares_name_settled`, `olares_name_taken` (409),
    `session_ended` (401).
    """
    return await names.settle(tx, caller, body.olares_name, now)


@router.get("/sessions", response_model=Page[SessionRead])
async def list_sessions(request: Request, caller: AccountReader, page: Paging, tx: ReadTx, now: Now) -> Response:
    """The sessions that have not ended, newest first. Scope `account:read`."""
    rows = await queries.sessions.list_sessions(tx, caller.owner_id, caller.session_id, page, now)
    return cached_json(request, page_of(rows, page.limit, ("created_at", "session_id")))


@router.delete("/sessions/{session_id}", status_code=204)
async def end_session(session_id: UUID, caller: AccountWriter, tx: Tx, now: Now) -> None:
    """End a session, one's own too. Scope `account:write`.

    It cannot be refreshed from now on; an access token of it goes on working for its remaining minutes, ten at most.
    An Olares device's token works until the other services have heard of it, which takes seconds.
    """
    await sessions.end_session(tx, caller, session_id, now)


@router.get("/devices", response_model=Page[DeviceRead])
async def list_devices(request: Request, caller: AccountReader, page: Paging, tx: ReadTx) -> Response:
    """The devices that may sign in, newest first. Scope `account:read`."""
    rows = await queries.devices.list_devices(tx, caller.owner_id, page)
    return cached_json(request, page_of(rows, page.limit, ("created_at", "device_id")))


@router.post(
    "/devices/enrolments",
    response_model=EnrolmentRead,
    status_code=201,
    dependencies=[Depends(limit_per_owner(lambda limits: limits.codes))],
)
async def offer_enrolment(caller: AccountWriter, once: OnceOnly, tx: Tx, now: Now) -> Response:
    """A code by which one more device joins: good for ten minutes, once. Scope `account:write`."""

    async def answer() -> tuple[int, devices.EnrolmentCode]:
        return 201, await devices.offer_enrolment(tx, caller, now)

    return not_stored(await once(tx, answer, EnrolmentRead))


@router.delete("/devices/{device_id}", status_code=204)
async def remove_device(device_id: UUID, caller: AccountWriter, tx: Tx, now: Now) -> None:
    """Keep a device from signing in. Scope `account:write`.

    Its sessions end, and the API tokens and enrolment codes it made are revoked; access tokens already given out go
    on working for their remaining minutes, ten at most. The last device cannot be removed: `last_device` (409).
    """
    await devices.remove_device(tx, caller, device_id, now)
