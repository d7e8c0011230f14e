"""HTTP comes in here."""

from datetime import UTC, datetime
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from sse_starlette import EventSourceResponse

from restore import operations, queries, timeline
from restore.adapters import RestoreRuntime
from restore.domain import guide
from restore.domain.lifecycle import State
from restore.domain.ticket import digest
from restore.errors import RestoreNotFound, TooManyAttempts
from restore.schemas import (
    RedeemRequest,
    ReportRequest,
    RestoreRead,
    TicketIssued,
    TicketRedeemed,
    TicketRequest,
    TimelineEntryRead,
)
from shared.auth import Caller, Scope, require
from shared.db import ReadTx, Transactions, Tx
from shared.http import RuntimeOf
from shared.idempotency import OnceOnly
from shared.paging import Page, Paging, cached_json, page_of

EVENT_STREAM = "text/event-stream"
NO_STORE = {"Cache-Control": "no-store"}
MAX_NUMBER = 2**62

Reader = Annotated[Caller, Depends(require(Scope.RESTORES_READ))]
Writer = Annotated[Caller, Depends(require(Scope.RESTORES_WRITE))]


def _restore_runtime(runtime: RuntimeOf) -> RestoreRuntime:
    found: RestoreRuntime = runtime
    return found


RestoreRuntimeOf = Annotated[RestoreRuntime, Depends(_restore_runtime)]

router = APIRouter(prefix="/api/v1")


@router.post("/tickets", status_code=201, response_model=TicketIssued, tags=["tickets"])
async def issue_ticket(
    body: TicketRequest, caller: Writer, once: OnceOnly, database: Transactions, runtime: RestoreRuntimeOf
) -> Response:
    """A one-time ticket that restores a snapshot to a machine of the owner's, and a guide that says how.

    For the owner of the backup, with the scope `restores:write`. Creates a restore, which expires with its ticket
    after an hour unless the ticket is redeemed.
    """
    async with database.reading() as session:
        before = await once.answered(session)
    if before is not None:
        before.headers.update(NO_STORE)
        return before
    # A read of catalog's and nothing more, so there is no intent to commit before it.
    snapshot = await runtime.adapters.catalog.find_snapshot(
        caller.owner_id, backup_id=body.backup_id, snapshot_id=body.snapshot_id
    )
    origin = runtime.settings.issuer

    async def answer() -> tuple[int, dict[str, Any]]:
        issued = await operations.issue_ticket(session, caller.owner_id, snapshot, datetime.now(UTC))
        return 201, {
            "ticket": issued.ticket,
            "expires_at": issued.expires_at,
            "restore_id": issued.restore_id,
            "snapshot": snapshot,
            "command": guide.restore_command(issued.ticket, origin),
            "guide": guide.steps(issued.ticket, origin),
            "plain_restic": {
                "environment": guide.ENVIRONMENT,
                "commands": guide.plain_restic(str(issued.restore_id), snapshot.restic_id, origin),
            },
        }

    async with database.transaction() as session:
        response = await once(session, answer, TicketIssued)
    response.headers.update(NO_STORE)
    return response


@router.post("/tickets/redeem", response_model=TicketRedeemed, tags=["tickets"])
async def redeem_ticket(
    body: RedeemRequest, request: Request, response: Response, database: Transactions, runtime: RestoreRuntimeOf
) -> dict[str, Any]:
    """Exchange a ticket for keys that read its one repository, and for the repository's key files.

    For whoever holds the ticket; no sign-in. The first redemption binds the ticket to `redeemer_secret`: the same
    secret may redeem again until 24 hours after its last word, any other is answered 410. Limited per client address.
    """
    now = datetime.now(UTC)
    async with database.transaction() as session:
        wait = await operations.admit_redeemer(
            session, _address(request), runtime.settings.redeem_attempts_per_minute, now
        )
    if wait is not None:
        raise TooManyAttempts("Too many attempts from your address. Wait a moment.", retry_after_seconds=wait)
    redeemed = await operations.redeem_ticket(
        database,
        runtime.adapters.catalog,
        ticket_hash=digest(body.ticket.get_secret_value()),
        redeemer_hash=digest(body.redeemer_secret.get_secret_value()),
        now=now,
    )
    response.headers.update(NO_STORE)
    restore = redeemed.restore
    return {
        "restore_id": restore.id,
        "backup_name": restore.backup_name,
        "snapshot": {
            "snapshot_id": restore.snapshot_id,
            "restic_id": restore.restic_id,
            "taken_at": restore.snapshot_taken_at,
            "size_processed_bytes": restore.size_processed_bytes,
        },
        **redeemed.keys.model_dump(),
    }


@router.post("/restores/{restore_id}/reports", status_code=204, tags=["restores"])
async def report_progress(restore_id: UUID, body: ReportRequest, tx: Tx) -> None:
    """Say how far a restore has come, or how it ended.

    For the client that redeemed the restore's ticket: `redeemer_secret` is the credential, a wrong one is answered
    404. Repeating a report or sending it late does no harm. 410 `restore_ended` means: stop, the owner cancelled it.
    """
    await operations.record_report(
        tx,
        restore_id,
        redeemer_hash=digest(body.redeemer_secret.get_secret_value()),
        state=body.state,
        progress=operations.Progress(body.bytes_restored, body.files_restored, body.total_bytes, body.warnings),
        reason=body.reason,
        now=datetime.now(UTC),
    )


@router.get("/restores", response_model=Page[RestoreRead], tags=["restores"])
async def list_restores(
    request: Request,
    caller: Reader,
    paging: Paging,
    tx: ReadTx,
    state: Annotated[State | None, Query(description="Only those in this state.")] = None,
    backup_id: Annotated[UUID | None, Query(description="Only those of this backup.")] = None,
) -> Response:
    """The owner's restores, newest first. For the owner, with the scope `restores:read`."""
    rows = await queries.list_restores(
        tx,
        caller.owner_id,
        state=state,
        backup_id=backup_id,
        after=paging.after(datetime, UUID),
        limit=paging.limit,
    )
    page = page_of([dict(row) for row in rows], paging.limit, ("created_at", "restore_id"))
    return cached_json(request, page)


@router.get("/restores/{restore_id}", response_model=RestoreRead, tags=["restores"])
async def read_restore(restore_id: UUID, caller: Reader, tx: ReadTx) -> dict[str, Any]:
    """One restore. For its owner, with the scope `restores:read`; to others it is 404."""
    found = await queries.show(tx, caller.owner_id, restore_id)
    if found is None:
        raise RestoreNotFound("You have no such restore.")
    return dict(found)


@router.post("/restores/{restore_id}/cancel", response_model=RestoreRead, tags=["restores"])
async def cancel_restore(restore_id: UUID, caller: Writer, tx: Tx) -> dict[str, Any]:
    """Call a restore off and end its keys; 409 once it is completed or expired.

    For its owner, with the scope `restores:write`. Files that were already written stay where they are.
    """
    await operations.cancel_restore(tx, caller.owner_id, restore_id, datetime.now(UTC))
    return await read_restore(restore_id, caller, tx)


@router.get(
    "/restores/{restore_id}/timeline",
    response_model=Page[TimelineEntryRead],
    responses={
        200: {
            "description": "A page, or a stream when `Accept` asks for one: events `moved`, `progress` and "
            "`keys_issued`, each with its number as `id` and an entry as `data`, then `end` once the restore is over.",
            "content": {EVENT_STREAM: {"schema": {"type": "string"}}},
        }
    },
    tags=["restores"],
)
async def read_timeline(
    request: Request,
    restore_id: UUID,
    caller: Reader,
    paging: Paging,
    database: Transactions,
    runtime: RestoreRuntimeOf,
    accept: Annotated[str, Header(description=f"`{EVENT_STREAM}` to follow it live.")] = "application/json",
    last_event_id: Annotated[int, Header(ge=0, le=MAX_NUMBER, description="Go on after this entry.")] = 0,
) -> Response:
    """What happened to a restore, oldest first: a page, or a stream of server-sent events.

    For its owner, with the scope `restores:read`; to others it is 404. A stream ends when the restore is over, or
    after ten minutes; come back with `Last-Event-ID` to miss nothing.
    """
    async with database.reading() as session:
        if await queries.show(session, caller.owner_id, restore_id) is None:
            raise RestoreNotFound("You have no such restore.")
        if EVENT_STREAM not in accept:
            after = paging.after(int) or (0,)
            rows = await queries.timeline(session, restore_id, after=after[0], limit=paging.limit)
            content = page_of([dict(row) for row in rows], paging.limit, ("number",))
            return cached_json(request, content)
    runtime.adapters.streams.check(caller.owner_id)
    return EventSourceResponse(
        timeline.follow(
            database,
            runtime.adapters.streams,
            caller.owner_id,
            restore_id,
            after=last_event_id,
            stopping=runtime.stopping,
        ),
        ping=timeline.PING_SECONDS,
        send_timeout=timeline.SEND_SECONDS,
    )


def _address(request: Request) -> str:
    """Whom to count attempts for: an IPv4 address, or the network that one IPv6 customer has."""
    host = request.client.host if request.client else "unknown"
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    return host if address.ipv4_mapped else str(ip_network((address, 64), strict=False))
