"""Backup tasks of an owner."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from catalog import queries
from catalog.api.callers import Deleter, Reader, Unlocker, Writer
from catalog.domain.lifecycle import State
from catalog.domain.snapshots import Status
from catalog.operations import backups as operations
from catalog.operations.storage_keys import read_key_files
from catalog.queries.backup_list import Sort, kind_of, place_of
from catalog.schemas import BackupCreate, BackupRead, KeyFiles, SnapshotRead, SnapshotReport, UsageRead
from shared.db import ReadTx, Transactions, Tx
from shared.http import RuntimeOf
from shared.idempotency import OnceOnly
from shared.paging import CursorInvalid, Page, PageParams, Paging, cached_json, encode_cursor, page_of

router = APIRouter(prefix="/api/v1/backups", tags=["backups"])


@router.post("", response_model=BackupRead, status_code=201)
async def register_backup(wanted: BackupCreate, caller: Writer, tx: Tx, once: OnceOnly) -> Response:
    """Make a backup task; its repository comes into being with the first backup. Without a Terminus it is of your only
    one, if you have exactly one.
    """

    async def answer() -> tuple[int, dict[str, Any]]:
        row = await operations.register_backup(tx, caller, wanted, datetime.now(UTC))
        return 201, dict(row._mapping)

    return await once(tx, answer, BackupRead)


@router.get("", response_model=Page[BackupRead])
async def list_backups(
    request: Request,
    caller: Reader,
    tx: ReadTx,
    paging: Paging,
    name: Annotated[str | None, Query(max_length=255, description="Exactly this name.")] = None,
    search: Annotated[
        str | None,
        Query(
            max_length=255,
            pattern=r"^[^\x00]*$",
            description="A part of the name, of the path or app, or of the Terminus' name, in any case.",
        ),
    ] = None,
    terminus_id: UUID | None = None,
    state: Annotated[State | None, Query(description="All but deleted ones when absent.")] = None,
    overdue: bool | None = None,
    sort: Annotated[Sort, Query(description="With a dash, the newest or largest first.")] = Sort.NEWEST,
) -> Response:
    """Your backups, newest first: initial creation time, most recent snapshot time, overall storage usage."""
    rows = await queries.backup_list.list_backups(
        tx,
        caller.owner_id,
        datetime.now(UTC),
        name=name,
        search=search or None,
        terminus_id=terminus_id,
        state=state,
        overdue=overdue,
        sort=sort,
        after=_after(paging, sort),
        limit=paging.limit,
    )
    page = page_of([row._asdict() for row in rows], paging.limit, ())
    if page["next_cursor"] is not None:
        last = rows[paging.limit - 1]
        page["next_cursor"] = encode_cursor([sort, place_of(last, sort), last.backup_id])
    return cached_json(request, page)


@router.post("/discover", status_code=202, response_model=None)
async def discover_backups(caller: Writer, tx: Tx) -> Response:
    """Look through your store soon for repositories that nobody registered, such as those of olares-cli."""
    now = datetime.now(UTC)
    await queries.spaces.ensure_space(tx, caller.owner_id, caller.did, now)
    space = await queries.spaces.find_space(tx, caller.owner_id)
    assert space is not None
    space.discover_due_at = min(space.discover_due_at, now)
    return Response(status_code=202)


@router.get("/{backup_id}", response_model=BackupRead)
async def get_backup(backup_id: UUID, caller: Reader, tx: ReadTx) -> dict[str, Any]:
    """One backup."""
    row = await operations.get_backup(tx, caller.owner_id, backup_id, datetime.now(UTC))
    return dict(row._mapping)


@router.delete("/{backup_id}", response_model=BackupRead, status_code=202)
async def delete_backup(backup_id: UUID, caller: Deleter, tx: Tx, runtime: RuntimeOf) -> dict[str, Any]:
    """Schedule the deletion of a backup and all its snapshots; until `delete_due_at` it can be undone."""
    row = await operations.delete_backup(
        tx, caller.owner_id, backup_id, runtime.settings.deletion_grace, datetime.now(UTC)
    )
    return dict(row._mapping)


@router.post("/{backup_id}/undelete", response_model=BackupRead)
async def undelete_backup(backup_id: UUID, caller: Deleter, tx: Tx) -> dict[str, Any]:
    """Undo a deletion whose grace is not over."""
    row = await operations.undelete_backup(tx, caller.owner_id, backup_id, datetime.now(UTC))
    return dict(row._mapping)


@router.post("/{backup_id}/snapshots", response_model=SnapshotRead, status_code=202)
async def report_snapshot(backup_id: UUID, report: SnapshotReport, caller: Writer, tx: Tx) -> dict[str, Any]:
    """Report a snapshot just made; it is pending until its object has been seen in the store."""
    row = await operations.report_snapshot(tx, caller.owner_id, backup_id, report, datetime.now(UTC))
    return dict(row._mapping)


@router.get("/{backup_id}/snapshots", response_model=Page[SnapshotRead])
async def list_snapshots(
    request: Request,
    backup_id: UUID,
    caller: Reader,
    tx: ReadTx,
    paging: Paging,
    status: Annotated[list[Status], Query(description="Repeat it for several.")] = [Status.SUCCESSFUL],  # noqa: B006
) -> Response:
    """A backup's snapshots, newest first; the successful ones unless another status is asked for."""
    await operations.get_backup(tx, caller.owner_id, backup_id, datetime.now(UTC))
    rows = await queries.snapshots.list_snapshots(
        tx, backup_id, statuses=status, after=paging.after(datetime, UUID), limit=paging.limit
    )
    return cached_json(request, page_of([row._asdict() for row in rows], paging.limit, ("taken_at", "snapshot_id")))


@router.get("/{backup_id}/usage", response_model=Page[UsageRead])
async def list_usage(
    request: Request,
    backup_id: UUID,
    caller: Reader,
    tx: ReadTx,
    paging: Paging,
    points: Annotated[
        int | None,
        Query(
            ge=1,
            le=1000,
            description="For a chart: its whole time in one page of at most so many levels, each the last one of an "
            "equal part of that time. `limit` and `cursor` do not matter then.",
        ),
    ] = None,
) -> Response:
    """Storage usage since the backup was created, oldest first: each level holds until the next."""
    await operations.get_backup(tx, caller.owner_id, backup_id, datetime.now(UTC))
    if points is not None:
        rows = await queries.measurements.sample_usage(tx, backup_id, points)
        return cached_json(request, {"items": [row._asdict() for row in rows], "next_cursor": None})
    after = paging.after(datetime)
    rows = await queries.measurements.list_usage(tx, backup_id, after=after[0] if after else None, limit=paging.limit)
    return cached_json(request, page_of([row._asdict() for row in rows], paging.limit, ("measured_at",)))


@router.get("/{backup_id}/key-files", response_model=KeyFiles)
async def get_key_files(
    backup_id: UUID, caller: Unlocker, transactions: Transactions, runtime: RuntimeOf, response: Response
) -> dict[str, Any]:
    """restic's key files of a backup, for checking a password where it was typed. Each reading is noted."""
    response.headers["Cache-Control"] = "no-store"
    files = await read_key_files(
        transactions,
        runtime.adapters,
        caller.owner_id,
        backup_id,
        f"session:{caller.session_id}",
        datetime.now(UTC),
    )
    return {"key_files": files}


def _after(paging: PageParams, sort: Sort) -> tuple[datetime | int | str, UUID] | None:
    """Where the page before ended; a cursor of another order is none of this one's."""
    after = paging.after(str, kind_of(sort), UUID)
    if after is None:
        return None
    if after[0] != sort:
        raise CursorInvalid("This cursor is of another order. Start again without a cursor.")
    return after[1], after[2]
