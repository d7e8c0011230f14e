"""Tickets, and what the clients that redeem them ask."""

from datetime import UTC, datetime
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from restore.api.callers import NO_STORE, RestoreRuntimeOf, Writer
from restore.domain import guide
from restore.domain.ticket import digest
from restore.errors import TooManyAttempts
from restore.operations import tickets as operations
from restore.operations.progress import Progress
from restore.schemas.tickets import RedeemRequest, ReportRequest, TicketIssued, TicketRedeemed, TicketRequest
from shared.db import Transactions, Tx
from shared.idempotency import OnceOnly

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
            "guide": guide.steps(issued.ticket, origin, snapshot.backup_url),
            "backup_url": snapshot.backup_url,
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
        progress=Progress(body.bytes_restored, body.files_restored, body.total_bytes, body.warnings),
        reason=body.reason,
        now=datetime.now(UTC),
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
