"""Paying into the balance by card."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from billing.domain import ledger as movements
from billing.domain.invoices import LEAST_CHARGE_MINOR
from billing.errors import AmountTooSmall, CurrencyWrong
from billing.models import Account, Payment
from billing.operations import accounts, ledger, methods, payments


async def ask(
    session: AsyncSession, owner_id: UUID, amount_minor: int, currency: str, method_id: UUID | None, now: datetime
) -> Payment:
    """Have an amount charged to a card, the default one when none is named; it is balance once it was taken.

    Raises:
        CurrencyWrong: If the account is kept in another currency.
        AmountTooSmall: If a card is not charged for so little.
        PaymentMethodNotFound: If the owner has no such card.
        PaymentMethodNeeded: If none is named and there is no default one.
    """
    account = await accounts.lock(session, owner_id, now)
    if currency != account.currency:
        raise CurrencyWrong(f"Your account is kept in {account.currency}. Name the amount in {account.currency}.")
    if amount_minor < LEAST_CHARGE_MINOR:
        raise AmountTooSmall(
            f"A card is charged {LEAST_CHARGE_MINOR} or more, in hundredths of {currency}. Name a larger amount.",
            least_minor=LEAST_CHARGE_MINOR,
        )
    return await payments.ask(
        session,
        account,
        purpose="top_up",
        method=await methods.choose(session, owner_id, method_id),
        amount_minor=amount_minor,
        description="Paid into the balance",
        now=now,
    )


async def on_paid(session: AsyncSession, account: Account, payment: Payment, now: datetime) -> None:
    """The card was charged."""
    movement = movements.top_up(f"payment:{payment.id}", payment.captured_minor)
    if await ledger.post(session, account.owner_id, payment.currency, movement, now):
        account.balance_minor += payment.captured_minor


async def on_failed(session: AsyncSession, account: Account, payment: Payment, now: datetime) -> None:
    """The card was not charged: nothing was promised, and the payment says why."""
