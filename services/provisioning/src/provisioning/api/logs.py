"""Instances' logs, as their owners read and follow them."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from sse_starlette import EventSourceResponse

from provisioning import streams
from provisioning.operations.returning import not_found
from provisioning.queries import logs as queries
from provisioning.schemas.logs import LogLineRead
from shared.auth import Caller, Scope, require
from shared.db import Transactions
from shared.http import RuntimeOf
from shared.paging import Page, Paging, cached_json, page_of

EVENT_STREAM = "text/event-stream"
MAX_NUMBER = 2**62
MAX_TAIL = 1000

Reader = Annotated[Caller, Depends(require(Scope.INSTANCES_READ))]

router = APIRouter(prefix="/api/v1/instances/{instance_id}", tags=["instances"])


@router.get(
    "/log",
    response_model=Page[LogLineRead],
    responses={
        200: {
            "description": "A page, or a stream when `Accept` asks for one: events `line`, each with its number as "
            "`id` and a line as `data`, then `end` once the instance is over.",
            "content": {EVENT_STREAM: {"schema": {"type": "string"}}},
        }
    },
)
async def read_log(
    request: Request,
    instance_id: UUID,
    caller: Reader,
    paging: Paging,
    database: Transactions,
    runtime: RuntimeOf,
    tail: Annotated[
        int | None, Query(ge=1, le=MAX_TAIL, description="The last so many lines, or following from there on.")
    ] = None,
    accept: Annotated[str, Header(description=f"`{EVENT_STREAM}` to follow it live.")] = "application/json",
    last_event_id: Annotated[
        int | None, Header(ge=0, le=MAX_NUMBER, description="Go on after this line; goes before `tail`.")
    ] = None,
) -> Response:
    """The log of an instance, oldest first: a page, the last lines, or a stream of server-sent events.

    For its owner, with the scope `instances:read`; to others it is 404. It is kept for 30 days after the instance's
    end. A stream ends when the instance is over, or after ten minutes; come back with `Last-Event-ID` to miss nothing.
    """
    async with database.reading() as session:
        head = await queries.head(session, caller.owner_id, instance_id)
        if head is None:
            raise not_found()
        first = 0 if tail is None else max(0, head.last_line - tail)
        if EVENT_STREAM not in accept:
            after, limit = paging.after(int), paging.limit
            if after is None:
                after, limit = (first,), tail or limit
            rows = await queries.lines(session, instance_id, after=after[0], limit=limit)
            return cached_json(request, page_of([dict(row) for row in rows], limit, ("number",)))
    runtime.adapters.streams.check(caller.owner_id)
    return EventSourceResponse(
        streams.follow(
            database,
            runtime.adapters.streams,
            caller.owner_id,
            instance_id,
            after=first if last_event_id is None else last_event_id,
            stopping=runtime.stopping,
        ),
        ping=streams.PING_SECONDS,
        send_timeout=streams.SEND_SECONDS,
    )
