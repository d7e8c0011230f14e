"""Restores, wherever they go to."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from sse_starlette import EventSourceResponse

from restore import queries, timeline
from restore.api import shown
from restore.api.callers import Reader, RestoreRuntimeOf, Writer
from restore.errors import RestoreNotFound
from restore.operations import cancelling, tickets
from restore.schemas.restores import AnyState, RestoreDetail, RestoreRead, TimelineEntryRead
from shared.db import ReadTx, Transactions, Tx
from shared.paging import Page, Paging, cached_json, page_of

EVENT_STREAM = "text/event-stream"
MAX_NUMBER = 2**62

router = APIRouter(prefix="/api/v1")


@router.get("/restores", response_model=Page[RestoreRead], tags=["restores"])
async def list_restores(
    request: Request,
    caller: Reader,
    paging: Paging,
    tx: ReadTx,
    target: Annotated[Literal["local", "cloud"] | None, Query(description="Only those to there.")] = None,
    state: Annotated[AnyState | None, Query(description="Only those in this state.")] = None,
    live: Annotated[
        bool | None, Query(description="Only those that are not over, or only those that are; a failed one is over.")
    ] = None,
    backup_id: Annotated[UUID | None, Query(description="Only those of this backup.")] = None,
) -> Response:
    """The owner's restores, newest first. For the owner, with the scope `restores:read`."""
    rows = await queries.list_restores(
        tx,
        caller.owner_id,
        state=state,
        target=target,
        live=live,
        backup_id=backup_id,
        after=paging.after(datetime, UUID),
        limit=paging.limit,
    )
    now = datetime.now(UTC)
    page = page_of([shown.in_list(row, now) for row in rows], paging.limit, ("created_at", "restore_id"))
    return cached_json(request, page)


@router.get("/restores/{restore_id}", response_model=RestoreDetail, tags=["restores"])
async def read_restore(restore_id: UUID, caller: Reader, tx: ReadTx) -> dict[str, Any]:
    """One restore. For its owner, with the scope `restores:read`; to others it is 404."""
    return await shown.detail_of(tx, caller.owner_id, restore_id)


@router.post("/restores/{restore_id}/cancel", response_model=RestoreDetail, tags=["restores"])
async def cancel_restore(restore_id: UUID, caller: Writer, tx: Tx) -> dict[str, Any]:
    """Call a restore off; 409 once it is over, or a machine in the cloud writes its files.

    For its owner, with the scope `restores:write`. To local: its keys end, and files that were written stay. To the
    cloud: its machine is returned and what is held for it released; while it waits for a password this is to give up,
    and the time that the machine ran is charged as the quote said.
    """
    now = datetime.now(UTC)
    if await queries.target_of(tx, caller.owner_id, restore_id) == "cloud":
        await cancelling.cancel(tx, caller.owner_id, restore_id, now)
    else:
        await tickets.cancel_restore(tx, caller.owner_id, restore_id, now)
    await tx.flush()
    return await shown.detail_of(tx, caller.owner_id, restore_id)


@router.get(
    "/restores/{restore_id}/timeline",
    response_model=Page[TimelineEntryRead],
    responses={
        200: {
            "description": "A page, or a stream when `Accept` asks for one: events named as the entry's kind, "
            "each with its number as `id` and an entry as `data`, then `end` once the restore is over.",
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
