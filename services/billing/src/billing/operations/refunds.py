"""Money back to the card it came from; what cannot get there becomes balance."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from billing.adapters import Adapters
from billing.domain import ledger as movements
from billing.domain.payments import RefundState, RefundTrigger, next_refund_state
from billing.models import Account, CreditNote, Order, Payment, Refund
from billing.operations import accounts, ledger
from billing.operations.payments import AT_ONCE, LEASE, ask_again_after
from billing.ports import ChargeRefused, PaymentProvider, RefundStanding, Unanswered
from shared.db import Database
from shared.events.billing import PaymentRefunded
from shared.outbox import publish

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Turn:
    """A refund that one worker has to itself for a while."""

    refund_id: UUID
    owner_id: UUID
    reference: str
    amount_minor: int
    asked: int


async def ask(
    session: AsyncSession, account: Account, credit_note: CreditNote, payment: Payment, amount_minor: int, now: datetime
) -> Refund:
    """Write down that so much of a payment goes back to its card. Nothing is called; `work` does it.

    The account is locked, and the credit note has put the amount into the ledger as refundable.

    Raises:
        ValueError: If that is not positive, or more than was taken and is not given back or to be given back yet.
    """
    await session.refresh(payment, with_for_update=True)
    left = payment.captured_minor - await _given(session, payment.id)
    if not 0 < amount_minor <= left:
        raise ValueError(f"{amount_minor} cannot be given back of payment {payment.id}, of which {left} is left")
    refund = Refund(
        id=uuid4(),
        payment_id=payment.id,
        credit_note_id=credit_note.id,
        owner_id=account.owner_id,
        state=RefundState.WANTED,
        amount_minor=amount_minor,
        created_at=now,
        updated_at=now,
        ask_due_at=now,
        asked=0,
    )
    session.add(refund)
    await session.flush()
    return refund


async def work(database: Database, adapters: Adapters, now: datetime, owner_id: UUID | None = None) -> int:
    """Tell the provider about refunds that are due, of one owner when named; returns how many.

    A refund is told again, under its own id, until it is certain: the provider gives the same money back once.
    """
    turns = await _claim(database, adapters.provider.name, now, owner_id)
    done = await asyncio.gather(
        *(_turn(database, adapters.provider, turn, now) for turn in turns), return_exceptions=True
    )
    for failure in done:
        if failure is not None:
            raise failure
    return len(turns)


async def _turn(database: Database, provider: PaymentProvider, turn: Turn, now: datetime) -> None:
    try:
        answer = await provider.refund(turn.refund_id, turn.reference, turn.amount_minor)
        standing, reference = answer.standing, answer.reference
    except Unanswered as unanswered:
        log.warning("a refund is unknown", refund_id=str(turn.refund_id), reason=str(unanswered))
        standing, reference = RefundStanding.PENDING, None
    except ChargeRefused as refused:
        log.error("the payment provider refused a refund", refund_id=str(turn.refund_id), reason=str(refused))
        standing, reference = RefundStanding.FAILED, None
    if standing is RefundStanding.PENDING:
        await _ask_later(database, turn, reference, now)
    else:
        await _record(database, turn, standing, reference, now)


async def _ask_later(database: Database, turn: Turn, reference: str | None, now: datetime) -> None:
    due_at = now + ask_again_after(turn.asked + 1)
    async with database.transaction() as session:
        later = update(Refund).where(Refund.id == turn.refund_id, Refund.state == RefundState.WANTED)
        await session.execute(
            later.values(ask_due_at=due_at, reference=func.coalesce(reference, Refund.reference), updated_at=now)
        )


async def _record(
    database: Database, turn: Turn, standing: RefundStanding, reference: str | None, now: datetime
) -> None:
    async with database.transaction() as session:
        account = await accounts.lock(session, turn.owner_id, now)
        trigger = RefundTrigger.GIVE if standing is RefundStanding.REFUNDED else RefundTrigger.FAIL
        values = {"state": next_refund_state(RefundState.WANTED, trigger), "updated_at": now, "ask_due_at": None}
        moved = await session.scalar(
            update(Refund)
            .where(Refund.id == turn.refund_id, Refund.state == RefundState.WANTED)
            .values({**values, "asked": 0, "reference": func.coalesce(reference, Refund.reference)})
            .returning(Refund.payment_id)
            .execution_options(synchronize_session=False)
        )
        if moved is None:
            return
        payment = await session.get_one(Payment, moved)
        if trigger is RefundTrigger.GIVE:
            await _given_back(session, account, payment, turn, now)
        else:
            await _kept(session, account, payment, turn, now)


async def _given_back(session: AsyncSession, account: Account, payment: Payment, turn: Turn, now: datetime) -> None:
    movement = movements.refund(f"refund:{turn.refund_id}", turn.amount_minor)
    await ledger.post(session, account.owner_id, payment.currency, movement, now)
    order = await session.get(Order, payment.order_id) if payment.order_id else None
    publish(
        session,
        PaymentRefunded(
            owner_id=account.owner_id,
            payment_id=payment.id,
            quote_id=order.id if order else None,
            restore_id=order.restore_id if order else None,
            amount_minor=turn.amount_minor,
            currency=payment.currency,
            occurred_at=now,
        ),
    )


async def _kept(session: AsyncSession, account: Account, payment: Payment, turn: Turn, now: datetime) -> None:
    movement = movements.refund_failed(f"refund:{turn.refund_id}", turn.amount_minor)
    if await ledger.post(session, account.owner_id, payment.currency, movement, now):
        account.balance_minor += turn.amount_minor


async def _given(session: AsyncSession, payment_id: UUID) -> int:
    given = select(func.coalesce(func.sum(Refund.amount_minor), 0)).where(
        Refund.payment_id == payment_id, Refund.state != RefundState.FAILED
    )
    return int(await session.scalar(given) or 0)


async def _claim(database: Database, provider: str, now: datetime, owner_id: UUID | None) -> list[Turn]:
    due = (
        select(Refund, Payment.reference)
        .join(Payment, Payment.id == Refund.payment_id)
        .where(Refund.ask_due_at <= now, Payment.provider == provider, Payment.reference.is_not(None))
        .order_by(Refund.ask_due_at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True, of=Refund)
    )
    if owner_id is not None:
        due = due.where(Refund.owner_id == owner_id)
    turns = []
    async with database.transaction() as session:
        for refund, reference in (await session.execute(due)).all():
            assert reference is not None
            turns.append(Turn(refund.id, refund.owner_id, reference, refund.amount_minor, refund.asked))
            refund.asked += 1
            refund.ask_due_at = now + LEASE
    return turns
