"""Payments: what was asked of an owner's cards."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from billing.api.callers import Reader
from billing.errors import PaymentNotFound
from billing.queries import payments as queries
from billing.schemas.payments import PaymentRead
from shared.db import ReadTx
from shared.paging import Page, Paging, cached_json, page_of

router = APIRouter(prefix="/api/v1/payments", tags=["payments"])


@router.get("", response_model=Page[PaymentRead])
async def list_payments(request: Request, caller: Reader, tx: ReadTx, paging: Paging) -> Response:
    """Your payments, newest first."""
    rows = await queries.list_payments(tx, caller.owner_id, after=paging.after(datetime, UUID), limit=paging.limit)
    return cached_json(request, page_of(rows, paging.limit, ("created_at", "payment_id")))


@router.get("/{payment_id}", response_model=PaymentRead)
async def get_payment(payment_id: UUID, caller: Reader, tx: ReadTx) -> dict[str, Any]:
    """One payment."""
    found = await queries.read_payment(tx, caller.owner_id, payment_id)
    if found is None:
        raise PaymentNotFound("You have no payment of that id. GET /api/v1/payments lists yours.")
    return found
