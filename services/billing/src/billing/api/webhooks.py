"""Webhooks of the payment provider: signed by it, and otherwise open to anybody."""

from datetime import UTC, datetime

from fastapi import APIRouter, Request

from billing.operations import webhooks
from billing.schemas.payments import WebhookTaken
from shared.db import Transactions
from shared.errors import PathNotFound
from shared.http import RuntimeOf

router = APIRouter(prefix="/api/v1/payments/webhooks", tags=["payments"])


@router.post("/{provider}", response_model=WebhookTaken)
async def take_webhook(
    provider: str, request: Request, transactions: Transactions, runtime: RuntimeOf
) -> dict[str, bool]:
    """For the payment provider. What it tells is not believed, only asked about; what comes again changes nothing."""
    adapter = runtime.adapters.provider
    if provider != adapter.name:
        raise PathNotFound("This server does not use that payment provider.")
    now = datetime.now(UTC)
    notice = webhooks.read(adapter, await request.body(), dict(request.headers), now)
    async with transactions.transaction() as tx:
        return {"new": await webhooks.take_in(tx, adapter.name, notice, now)}
