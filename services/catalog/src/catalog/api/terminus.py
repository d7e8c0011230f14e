"""Home clouds of an owner."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from catalog import queries
from catalog.api.callers import Reader, Writer
from catalog.models import Terminus
from catalog.operations import terminus as operations
from catalog.schemas import TerminusCreate, TerminusDetail, TerminusRead
from shared.db import ReadTx, Tx
from shared.idempotency import OnceOnly
from shared.paging import Page, Paging, cached_json, page_of

router = APIRouter(prefix="/api/v1/terminus", tags=["terminus"])


@router.post("", response_model=TerminusRead, status_code=201, responses={200: {"model": TerminusRead}})
async def register_terminus(wanted: TerminusCreate, caller: Writer, tx: Tx, once: OnceOnly) -> Response:
    """Register a home cloud; 200 with the existing one when you have one of that name already."""

    async def answer() -> tuple[int, dict[str, Any]]:
        terminus, is_new = await operations.register_terminus(tx, caller, wanted, datetime.now(UTC))
        return (201 if is_new else 200), _read(terminus)

    return await once(tx, answer, TerminusRead)


@router.get("", response_model=Page[TerminusRead])
async def list_terminus(
    request: Request,
    caller: Reader,
    tx: ReadTx,
    paging: Paging,
    name: Annotated[str | None, Query(max_length=255, description="Exactly this name.")] = None,
) -> Response:
    """Your home clouds, oldest first."""
    rows = await queries.terminus.list_terminus(
        tx, caller.owner_id, name=name, after=paging.after(datetime, UUID), limit=paging.limit
    )
    return cached_json(request, page_of([row._asdict() for row in rows], paging.limit, ("created_at", "terminus_id")))


@router.get("/{terminus_id}", response_model=TerminusDetail)
async def get_terminus(terminus_id: UUID, caller: Reader, tx: ReadTx) -> dict[str, Any]:
    """One home cloud, with what its Olares device last told of its load."""
    terminus = await operations.get_terminus(tx, caller.owner_id, terminus_id)
    return {**_read(terminus), "metrics": terminus.metrics, "metrics_at": terminus.metrics_at}


def _read(terminus: Terminus) -> dict[str, Any]:
    return {
        "terminus_id": terminus.id,
        "name": terminus.name,
        "cluster_id": terminus.cluster_id,
        "version": terminus.version,
        "created_at": terminus.created_at,
        "last_seen_at": terminus.last_seen_at,
    }
