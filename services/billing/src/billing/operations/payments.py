"""Money asked of a card: what is wanted is written down, then the provider is called, then what it says is recorded."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from billing.adapters import Adapters
from billing.domain.payments import (
    REASONS,
    FailureCode,
    PaymentState,
    PaymentTrigger,
    next_state,
)
from billing.domain.transitions import IllegalTransition
from billing.metrics import PAYMENTS_UNKNOWN
from billing.models import Account, Order, Payment, PaymentMethod, PaymentMove
from billing.operations import accounts, charging
from billing.operations.charging import LET_GO, PATIENCE, Turn
from billing.ports import Charge, ChargeWanted, PaymentProvider, Standing, Unanswered
from billing.queries.payments import UNCERTAIN
from shared.db import Database
from shared.events.billing import PaymentAuthorised, PaymentCaptured, PaymentFailed, PaymentVoided
from shared.outbox import publish

AT_ONCE = 10
LEASE = timedelta(minutes=1)
"""How long one worker has a payment to itself; longer than a call to the provider may take."""
ASK_AGAIN = tuple(timedelta(seconds=seconds) for seconds in (5, 15, 60, 300, 900, 3600))
"""After so many turns without a certain answer; the last one for ever."""
LOOK_AFTER = timedelta(hours=1)
"""How often the provider is asked about what is held: its word that a hold has ended may be lost."""

_MEANING: Mapping[tuple[PaymentState, Standing], PaymentTrigger] = MappingProxyType(
    {
        (PaymentState.AUTHORISING, Standing.AUTHORISED): PaymentTrigger.HOLD,
        (PaymentState.AUTHORISING, Standing.CAPTURED): PaymentTrigger.HOLD,
        (PaymentState.AUTHORISING, Standing.FAILED): PaymentTrigger.FAIL,
        (PaymentState.AUTHORISING, Standing.VOIDED): PaymentTrigger.RELEASE,
        (PaymentState.AUTHORISING, Standing.EXPIRED): PaymentTrigger.EXPIRE,
        (PaymentState.AUTHORISED, Standing.CAPTURED): PaymentTrigger.TAKE,
        (PaymentState.AUTHORISED, Standing.FAILED): PaymentTrigger.EXPIRE,
        (PaymentState.AUTHORISED, Standing.VOIDED): PaymentTrigger.RELEASE,
        (PaymentState.AUTHORISED, Standing.EXPIRED): PaymentTrigger.EXPIRE,
        (PaymentState.CAPTURING, Standing.CAPTURED): PaymentTrigger.TAKE,
        (PaymentState.CAPTURING, Standing.FAILED): PaymentTrigger.FAIL,
        (PaymentState.CAPTURING, Standing.VOIDED): PaymentTrigger.RELEASE,
        (PaymentState.CAPTURING, Standing.EXPIRED): PaymentTrigger.EXPIRE,
        (PaymentState.VOIDING, Standing.CAPTURED): PaymentTrigger.TAKE,
        (PaymentState.VOIDING, Standing.FAILED): PaymentTrigger.FAIL,
        (PaymentState.VOIDING, Standing.VOIDED): PaymentTrigger.RELEASE,
        (PaymentState.VOIDING, Standing.EXPIRED): PaymentTrigger.EXPIRE,
    }
)
"""What the provider's word moves; anything else is what we know already, an old word, or undecided."""

log = structlog.get_logger(__name__)


async def ask(
    session: AsyncSession,
    account: Account,
    *,
    purpose: str,
    method: PaymentMethod,
    amount_minor: int,
    description: str,
    order_id: UUID | None = None,
    invoice_id: UUID | None = None,
    now: datetime,
) -> Payment:
    """Write down that an amount is to be held on a card. Nothing is called; `work` does it. The account is locked.

    Raises:
        ValueError: If the method is another owner's or removed, or the amount is not positive.
        IntegrityError: If a payment of the same order or invoice may still come true.
    """
    if method.owner_id != account.owner_id or method.removed_at is not None:
        raise ValueError(f"payment method {method.id} is not one of this account's")
    if amount_minor <= 0:
        raise ValueError(f"a card is not charged {amount_minor}")
    payment = Payment(
        id=uuid4(),
        owner_id=account.owner_id,
        purpose=purpose,
        order_id=order_id,
        invoice_id=invoice_id,
        method_id=method.id,
        provider=method.provider,
        state=PaymentState.AUTHORISING,
        amount_minor=amount_minor,
        captured_minor=0,
        currency=account.currency,
        description=description,
        void_wanted=False,
        created_at=now,
        updated_at=now,
        ask_due_at=now,
        asked=0,
    )
    session.add(payment)
    await session.flush()
    return payment


async def take(session: AsyncSession, payment: Payment, amount_minor: int, now: datetime) -> None:
    """Have so much of what is held taken, and the rest released; when it is not known to be held yet, once it is.

    Asking again for the same is fine. The account is locked.

    Raises:
        ValueError: If the amount is not positive, or more than was asked for.
        IllegalTransition: If it is let go or over, or another amount of it was taken.
    """
    if not 0 < amount_minor <= payment.amount_minor:
        raise ValueError(f"{amount_minor} cannot be taken of {payment.amount_minor}")
    await _lock(session, payment)
    state = PaymentState(payment.state)
    if state in (PaymentState.CAPTURING, PaymentState.CAPTURED) and payment.capture_minor == amount_minor:
        return
    if state is PaymentState.AUTHORISING and not payment.void_wanted:
        payment.capture_minor = amount_minor
        await session.flush()
        return
    await _move(session, payment, PaymentTrigger.CAPTURE, now, capture_minor=amount_minor, ask_due_at=now)


async def release(session: AsyncSession, payment: Payment, now: datetime) -> None:
    """Have what is held let go; when it is not known to be held yet, once it is. Nothing when it is over already.

    The account is locked.

    Raises:
        IllegalTransition: If it is taken, or being taken.
    """
    await _lock(session, payment)
    state = PaymentState(payment.state)
    if state in (PaymentState.FAILED, PaymentState.VOIDING, PaymentState.VOIDED, PaymentState.EXPIRED):
        return
    if state is PaymentState.AUTHORISING:
        payment.void_wanted = True
        payment.capture_minor = None
        payment.ask_due_at = now
        await session.flush()
        return
    await _move(session, payment, PaymentTrigger.VOID, now, ask_due_at=now, void_wanted=True)


async def work(database: Database, adapters: Adapters, now: datetime, payment_id: UUID | None = None) -> int:
    """Call or ask the provider about payments that are due, or about one of them if it is; returns how many.

    Each payment goes on until nothing is due about it at once: a hold that is to be taken is taken in the same turn.
    It is safe to be called by several at once, and to die anywhere: what was begun is asked about later.
    """
    turns = await _claim(database, adapters.provider.name, now, payment_id)
    done = await asyncio.gather(
        *(_go_on(database, adapters.provider, turn, now) for turn in turns), return_exceptions=True
    )
    # One that cannot be recorded does not keep the others from it.
    for failure in done:
        if failure is not None:
            raise failure
    return len(turns)


async def apply(session: AsyncSession, payment: Payment, charge: Charge, now: datetime) -> None:
    """Record what the provider says about a payment, and let what follows from it follow."""
    account = await accounts.lock(session, payment.owner_id, now)
    await _lock(session, payment)
    trigger = _MEANING.get((PaymentState(payment.state), charge.standing))
    if trigger is None:
        _nothing_new(payment, charge, now)
        await session.flush()
    elif trigger is PaymentTrigger.HOLD:
        await _hold(session, account, payment, charge, now)
        if charge.standing is not Standing.AUTHORISED:
            await apply(session, payment, charge, now)
    else:
        code = _code(payment, trigger, charge)
        known = {"captured_minor": charge.captured_minor, "reference": charge.reference}
        await _end(session, account, payment, trigger, now, code=code, **known)


async def measure_unknown(database: Database) -> None:
    """Set the gauge of payments of which it is not known what has become of them."""
    async with database.reading() as session:
        unknown = select(func.count()).where(Payment.asked > 0, Payment.state.in_(UNCERTAIN))
        PAYMENTS_UNKNOWN.set(await session.scalar(unknown) or 0)


async def _lock(session: AsyncSession, payment: Payment) -> None:
    """The payment as it stands, and nobody moves it until we commit; the account was locked before."""
    await session.refresh(payment, with_for_update=True)


async def _move(session: AsyncSession, payment: Payment, trigger: PaymentTrigger, now: datetime, **values: Any) -> None:
    """Compare-and-set the state by the table and note it; what is due next is ``values``' ``ask_due_at``, else nothing.

    Raises:
        IllegalTransition: If the table has no such move.
    """
    source = PaymentState(payment.state)
    target = next_state(source, trigger)
    moved = await session.scalar(
        update(Payment)
        .where(Payment.id == payment.id, Payment.state == source)
        .values({"state": target, "updated_at": now, "asked": 0, "ask_due_at": None, **values})
        .returning(Payment.id)
        .execution_options(synchronize_session=False)
    )
    if moved is None:
        raise IllegalTransition("a payment", source, trigger)
    session.add(PaymentMove(payment_id=payment.id, source=source, trigger=trigger, target=target, moved_at=now))
    await session.refresh(payment)


async def _hold(session: AsyncSession, account: Account, payment: Payment, charge: Charge, now: datetime) -> None:
    look_at = now + LOOK_AFTER
    await _move(session, payment, PaymentTrigger.HOLD, now, reference=charge.reference, ask_due_at=look_at)
    if payment.void_wanted:
        await _move(session, payment, PaymentTrigger.VOID, now, ask_due_at=now)
        return
    publish(session, PaymentAuthorised(**await _told(session, payment, now)))
    await _tell(session, account, payment, now)
    if payment.state == PaymentState.AUTHORISED and payment.capture_minor is not None:
        await take(session, payment, payment.capture_minor, now)


async def _end(
    session: AsyncSession, account: Account, payment: Payment, trigger: PaymentTrigger, now: datetime, **values: Any
) -> None:
    await _move(session, payment, trigger, now, **values)
    told = await _told(session, payment, now)
    if payment.state == PaymentState.CAPTURED:
        publish(session, PaymentCaptured(**{**told, "amount_minor": payment.captured_minor}))
    elif payment.void_wanted:
        publish(session, PaymentVoided(**told))
    else:
        code = FailureCode(payment.code or FailureCode.PROCESSING_ERROR)
        publish(session, PaymentFailed(**told, code=code.value, reason=REASONS[code]))
    await _tell(session, account, payment, now)


async def _tell(session: AsyncSession, account: Account, payment: Payment, now: datetime) -> None:
    # Imported here: what follows from a payment asks for money in its turn, and so imports this module.
    from billing.operations import outcomes

    await outcomes.follow(session, account, payment, now)
    await session.flush()


def _code(payment: Payment, trigger: PaymentTrigger, charge: Charge) -> str | None:
    if trigger is PaymentTrigger.FAIL:
        return charge.code or FailureCode.PROCESSING_ERROR
    # What is released without our wanting it is as little use as what has expired.
    lost = trigger is PaymentTrigger.EXPIRE or (trigger is PaymentTrigger.RELEASE and not payment.void_wanted)
    return FailureCode.HOLD_EXPIRED if lost else None


def _nothing_new(payment: Payment, charge: Charge, now: datetime) -> None:
    """The provider's word moves nothing: ask again when that is to be expected, and mind what should not be."""
    state = PaymentState(payment.state)
    if state in UNCERTAIN:
        payment.ask_due_at = now + ask_again_after(payment.asked)
        return
    if state in LET_GO and charge.standing is Standing.AUTHORISED:
        # It came true after we had given it up: the next turn lets it go, or later ones if that does not help.
        payment.reference = charge.reference
        payment.ask_due_at = now + ask_again_after(payment.asked) if payment.asked > 1 else now
        return
    payment.asked = 0
    payment.ask_due_at = now + LOOK_AFTER if state is PaymentState.AUTHORISED else None
    if state in LET_GO and charge.standing is Standing.CAPTURED:
        log.error("money was taken for a payment that is over", payment_id=str(payment.id), state=state)


def ask_again_after(asked: int) -> timedelta:
    """How long to wait after so many turns (1 or more) without a certain answer."""
    return ASK_AGAIN[min(max(asked, 1), len(ASK_AGAIN)) - 1]


async def _told(session: AsyncSession, payment: Payment, now: datetime) -> dict[str, Any]:
    """What all events about payments say."""
    order = await session.get(Order, payment.order_id) if payment.order_id else None
    return {
        "owner_id": payment.owner_id,
        "payment_id": payment.id,
        "quote_id": order.id if order else None,
        "restore_id": order.restore_id if order else None,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "occurred_at": now,
    }


async def _claim(database: Database, provider: str, now: datetime, payment_id: UUID | None) -> Sequence[Turn]:
    """Due payments that nobody else has, ours until the lease ends: committed before the provider is called."""
    due = (
        select(Payment, PaymentMethod)
        .join(PaymentMethod, PaymentMethod.id == Payment.method_id)
        .where(Payment.ask_due_at <= now, Payment.provider == provider)
        .order_by(Payment.ask_due_at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True, of=Payment)
    )
    if payment_id is not None:
        due = due.where(Payment.id == payment_id)
    async with database.transaction() as session:
        return [_begin(payment, method, now) for payment, method in (await session.execute(due)).all()]


def _begin(payment: Payment, method: PaymentMethod, now: datetime) -> Turn:
    state = PaymentState(payment.state)
    wanted = state is PaymentState.AUTHORISING and not payment.void_wanted
    may_hold = wanted and (payment.tried_at is None or now - payment.created_at < PATIENCE)
    turn = Turn(
        wanted=ChargeWanted(
            payment_id=payment.id,
            owner_id=payment.owner_id,
            customer=method.customer,
            method=method.token,
            amount_minor=payment.amount_minor,
            currency=payment.currency,
            description=payment.description,
        ),
        state=state,
        reference=payment.reference,
        capture_minor=payment.capture_minor,
        void_wanted=payment.void_wanted,
        asked=payment.asked,
        tried_at=payment.tried_at,
        may_hold=may_hold,
    )
    payment.asked += 1
    payment.ask_due_at = now + LEASE
    if may_hold:
        payment.tried_at = now
    return turn


async def _go_on(database: Database, provider: PaymentProvider, turn: Turn | None, now: datetime) -> None:
    while turn is not None:
        try:
            charge = await charging.ask(provider, turn, now)
        except Unanswered as unanswered:
            log.warning("a payment is unknown", payment_id=str(turn.payment_id), reason=str(unanswered))
            await _ask_later(database, turn, now)
            return
        await _record(database, turn, charge, now)
        turn = next(iter(await _claim(database, provider.name, now, turn.payment_id)), None)


async def _ask_later(database: Database, turn: Turn, now: datetime) -> None:
    async with database.transaction() as session:
        # Not when a webhook, or somebody who wants it let go, has asked for another turn meanwhile.
        later = update(Payment).where(Payment.id == turn.payment_id, Payment.ask_due_at == now + LEASE)
        await session.execute(later.values(ask_due_at=now + ask_again_after(turn.asked + 1)))


async def _record(database: Database, turn: Turn, charge: Charge | None, now: datetime) -> None:
    async with database.transaction() as session:
        account = await accounts.lock(session, turn.wanted.owner_id, now)
        payment = await session.get_one(Payment, turn.payment_id)
        if charge is not None:
            await apply(session, payment, charge, now)
            return
        await _lock(session, payment)
        if payment.state != PaymentState.AUTHORISING:
            payment.ask_due_at = None
        elif payment.void_wanted:
            await _end(session, account, payment, PaymentTrigger.RELEASE, now)
        else:
            await _end(session, account, payment, PaymentTrigger.FAIL, now, code=FailureCode.UNANSWERED)
