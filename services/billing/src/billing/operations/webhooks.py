"""What a payment provider tells by itself: kept once, and never believed, only asked about."""

from datetime import datetime

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from billing.errors import WebhookNotGenuine
from billing.metrics import WEBHOOKS_REFUSED
from billing.models import Payment, WebhookEvent
from billing.ports import Notice, PaymentProvider, WebhookRefused


def read(provider: PaymentProvider, body: bytes, headers: dict[str, str], now: datetime) -> Notice:
    """The notice a webhook holds.

    Raises:
        WebhookNotGenuine: If it is not the provider's, or was not sent just now.
    """
    try:
        return provider.read_webhook(body, headers, now)
    except WebhookRefused as refused:
        WEBHOOKS_REFUSED.labels(provider.name).inc()
        raise WebhookNotGenuine("This webhook has no valid signature of the payment provider, or is old.") from refused


async def take_in(session: AsyncSession, provider: str, notice: Notice, now: datetime) -> bool:
    """Keep a webhook and have its payment asked about; False when it came before. Every kind is kept."""
    kept = (
        insert(WebhookEvent)
        .values(
            provider=provider,
            event_id=notice.event_id,
            kind=notice.kind,
            payment_id=notice.payment_id,
            received_at=now,
        )
        .on_conflict_do_nothing()
        .returning(WebhookEvent.event_id)
    )
    if await session.scalar(kept) is None:
        return False
    about = update(Payment).where(Payment.id == notice.payment_id, Payment.provider == provider)
    await session.execute(about.values(ask_due_at=now))
    return True
