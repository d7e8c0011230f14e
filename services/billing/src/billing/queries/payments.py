"""Payments as their owner sees them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.payments import REASONS, FailureCode, PaymentState, RefundState
from billing.models import Payment, PaymentMethod, Refund

UNCERTAIN = frozenset({PaymentState.AUTHORISING, PaymentState.CAPTURING, PaymentState.VOIDING})
UNKNOWN_YET = "The payment provider has not answered yet. We ask again until it does; nothing is charged twice."

_REFUNDED = (
    select(func.coalesce(func.sum(Refund.amount_minor), 0))
    .where(Refund.payment_id == Payment.id, Refund.state == RefundState.REFUNDED)
    .correlate(Payment)
    .scalar_subquery()
)
_COLUMNS = select(
    Payment.id.label("payment_id"),
    Payment.state,
    Payment.amount_minor,
    Payment.captured_minor,
    _REFUNDED.label("refunded_minor"),
    Payment.currency,
    PaymentMethod.brand,
    PaymentMethod.last4,
    Payment.purpose,
    Payment.invoice_id,
    Payment.code,
    Payment.asked,
    Payment.created_at,
).join(PaymentMethod, PaymentMethod.id == Payment.method_id)


async def list_payments(
    session: AsyncSession, owner_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[dict[str, Any]]:
    """An owner's payments, newest first; one more than the limit when there are more."""
    query = _COLUMNS.where(Payment.owner_id == owner_id)
    if after is not None:
        query = query.where(tuple_(Payment.created_at, Payment.id) < after)
    query = query.order_by(Payment.created_at.desc(), Payment.id.desc()).limit(limit + 1)
    return _shown((await (await session.connection()).execute(query)).all())


async def read_payment(session: AsyncSession, owner_id: UUID, payment_id: UUID) -> dict[str, Any] | None:
    """The owner's payment, or None; another owner's is None too."""
    query = _COLUMNS.where(Payment.owner_id == owner_id, Payment.id == payment_id)
    return next(iter(_shown((await session.execute(query)).all())), None)


async def list_of_invoice(session: AsyncSession, invoice_id: UUID) -> list[dict[str, Any]]:
    """The payments that an invoice was to be paid with, the first one first."""
    query = _COLUMNS.where(Payment.invoice_id == invoice_id).order_by(Payment.created_at, Payment.id)
    return _shown((await session.execute(query)).all())


def _shown(rows: Sequence[Any]) -> list[dict[str, Any]]:
    return [
        {
            "payment_id": row.payment_id,
            "state": row.state,
            "amount": {"amount_minor": row.amount_minor, "currency": row.currency},
            "captured": {"amount_minor": row.captured_minor, "currency": row.currency},
            "refunded": {"amount_minor": int(row.refunded_minor), "currency": row.currency},
            "method": {"brand": row.brand, "last4": row.last4},
            "purpose": row.purpose,
            "invoice_id": row.invoice_id,
            "code": row.code,
            "reason": _reason(row),
            "created_at": row.created_at,
        }
        for row in rows
    ]


def _reason(row: Any) -> str | None:
    if row.code is not None:
        return REASONS[FailureCode(row.code)]
    return UNKNOWN_YET if row.state in UNCERTAIN and row.asked else None
