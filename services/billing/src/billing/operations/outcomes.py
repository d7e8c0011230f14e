"""What follows from what became of a payment, by what it was for."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain.payments import PaymentState
from billing.models import Account, Payment
from billing.operations import invoices, orders, payments, top_ups

Outcome = Callable[[AsyncSession, Account, Payment, datetime], Awaitable[None]]


@dataclass(frozen=True)
class Outcomes:
    """Each is called in the transaction that records it, with the account and the payment locked."""

    held: Outcome
    taken: Outcome
    failed: Outcome
    let_go: Outcome


async def follow(session: AsyncSession, account: Account, payment: Payment, now: datetime) -> None:
    """Let what follows from the payment's state follow."""
    outcomes = BY_PURPOSE[payment.purpose]
    if payment.state == PaymentState.AUTHORISED:
        await outcomes.held(session, account, payment, now)
    elif payment.state == PaymentState.CAPTURED:
        await outcomes.taken(session, account, payment, now)
    elif payment.void_wanted:
        await outcomes.let_go(session, account, payment, now)
    else:
        await outcomes.failed(session, account, payment, now)


async def _take(session: AsyncSession, _: Account, payment: Payment, now: datetime) -> None:
    await payments.take(session, payment, payment.capture_minor or payment.amount_minor, now)


BY_PURPOSE: Mapping[str, Outcomes] = MappingProxyType(
    {
        "order": Outcomes(orders.on_held, orders.on_taken, orders.on_failed, orders.on_let_go),
        "invoice": Outcomes(_take, invoices.on_paid, invoices.on_failed, invoices.on_failed),
        "top_up": Outcomes(_take, top_ups.on_paid, top_ups.on_failed, top_ups.on_failed),
    }
)
