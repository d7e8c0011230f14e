"""What an owner was told about their bills."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Request, Response

from billing.api.callers import Reader
from billing.queries import documents as queries
from billing.schemas.invoices import NoticeRead
from shared.db import ReadTx
from shared.paging import Page, Paging, cached_json, page_of

router = APIRouter(prefix="/api/v1/notices", tags=["invoices"])


@router.get("", response_model=Page[NoticeRead])
async def list_notices(request: Request, caller: Reader, tx: ReadTx, paging: Paging) -> Response:
    """Invoices issued, charges that failed and what follows, newest first."""
    rows = await queries.list_notices(tx, caller.owner_id, after=paging.after(datetime, UUID), limit=paging.limit)
    return cached_json(request, page_of(rows, paging.limit, ("created_at", "notice_id")))
