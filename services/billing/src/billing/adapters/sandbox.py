"""The sandbox: a payment provider of our own that moves no real money; its test cards are in `sandbox_cards`."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from standardwebhooks import Webhook

from billing.adapters import sandbox_webhooks
from billing.adapters.sandbox_cards import BY_NAME, TestCard, recognise, refusal
from billing.adapters.sandbox_models import SandboxCharge, SandboxMethod, SandboxRefund
from billing.adapters.sandbox_webhooks import Post
from billing.domain.payments import FailureCode
from billing.ports import (
    Card,
    Charge,
    ChargeRefused,
    ChargeWanted,
    Notice,
    Refund,
    RefundStanding,
    SavedMethod,
    Standing,
    Unanswered,
)
from shared.db import Database

SETTLED_AT_ONCE = 100


def real_time() -> datetime:
    return datetime.now(UTC)


class Sandbox:
    """Keeps its state in tables of its own, each answer in a transaction of its own, as a provider elsewhere would.

    Args:
        url: Of the database that has its tables.
        webhook_url: Where its webhooks are sent.
        clock: Tells when holds and cards expire and late answers are decided.
    """

    name = "sandbox"

    def __init__(
        self, url: str, webhook_secret: str, webhook_url: str, clock: Callable[[], datetime] = real_time
    ) -> None:
        self._database = Database(url, service="sandbox", pool_size=4)
        self._signer = Webhook(webhook_secret)
        self.webhook_url = webhook_url
        self.clock = clock

    async def aclose(self) -> None:
        await self._database.close()

    async def save_method(
        self, owner_id: UUID, customer: str | None, card: Card | None, token: str | None
    ) -> SavedMethod:
        if card is None or token is not None:
            raise refusal(FailureCode.WRONG_FORM)
        now = self.clock()
        recognised = recognise(card, now)
        method = SandboxMethod(
            token=f"card_{uuid4().hex}",
            owner_id=owner_id,
            card=recognised.name,
            brand=recognised.brand,
            last4=recognised.number[-4:],
            exp_month=card.exp_month,
            exp_year=card.exp_year,
            created_at=now,
        )
        async with self._database.transaction() as session:
            session.add(method)
        return SavedMethod(
            customer=customer or f"customer_{owner_id.hex}",
            token=method.token,
            brand=method.brand,
            last4=method.last4,
            exp_month=method.exp_month,
            exp_year=method.exp_year,
        )

    async def forget_method(self, method: SavedMethod) -> None:
        async with self._database.transaction() as session:
            row = await session.get(SandboxMethod, method.token, with_for_update=True)
            if row is not None and row.forgotten_at is None:
                row.forgotten_at = self.clock()

    async def authorise(self, wanted: ChargeWanted) -> Charge:
        now = self.clock()
        async with self._database.transaction() as session:
            charge = await _charge(session, wanted.payment_id)
            if charge is not None:
                _refuse_other_terms(charge, wanted)
                await _settle(session, charge, now, asked=True)
                return _known(charge)
            method = await session.get(SandboxMethod, wanted.method, with_for_update=True)
            card = BY_NAME[method.card] if method is not None else None
            lost = card is not None and method is not None and _loses_request(card, method, wanted.payment_id)
            if not lost:
                charge = await _open(session, wanted, method, now)
        if charge is None or (card is not None and card.loses_answer_of == "authorise"):
            raise Unanswered("the sandbox timed out, as this test card wants it")
        return _known(charge)

    async def capture(self, payment_id: UUID, reference: str, amount_minor: int) -> Charge:
        now = self.clock()
        async with self._database.transaction() as session:
            charge = await _known_charge(session, payment_id, reference)
            await _settle(session, charge, now)
            if charge.standing == Standing.CAPTURED and charge.captured_minor == amount_minor:
                return _known(charge)
            if charge.standing != Standing.AUTHORISED or not 0 < amount_minor <= charge.amount_minor:
                raise ChargeRefused(f"{amount_minor} cannot be captured: {_described(charge)}")
            charge.captured_minor = amount_minor
            card = await _move(session, charge, Standing.CAPTURED, now)
        if card.loses_answer_of == "capture":
            raise Unanswered("the sandbox timed out, as this test card wants it")
        return _known(charge)

    async def void(self, payment_id: UUID, reference: str) -> Charge:
        now = self.clock()
        async with self._database.transaction() as session:
            charge = await _known_charge(session, payment_id, reference)
            await _settle(session, charge, now)
            if charge.standing == Standing.VOIDED:
                return _known(charge)
            if charge.standing != Standing.AUTHORISED:
                raise ChargeRefused(f"there is nothing to release: {_described(charge)}")
            card = await _move(session, charge, Standing.VOIDED, now)
        if card.loses_answer_of == "void":
            raise Unanswered("the sandbox timed out, as this test card wants it")
        return _known(charge)

    async def refund(self, refund_id: UUID, reference: str, amount_minor: int) -> Refund:
        now = self.clock()
        async with self._database.transaction() as session:
            charge = await session.scalar(
                select(SandboxCharge).where(SandboxCharge.reference == reference).with_for_update()
            )
            if charge is None:
                raise ChargeRefused("the sandbox knows no such payment")
            card = BY_NAME[charge.card] if charge.card else None
            refund = await session.get(SandboxRefund, refund_id)
            if refund is not None:
                _ask_refund(refund, charge, amount_minor)
                return _given(refund)
            await _refuse_too_much(session, charge, amount_minor)
            refund = SandboxRefund(
                refund_id=refund_id,
                payment_id=charge.payment_id,
                reference=f"refund_{uuid4().hex}",
                standing=card.refunds if card else RefundStanding.REFUNDED,
                amount_minor=amount_minor,
                created_at=now,
            )
            session.add(refund)
            await _tell(session, charge, "payment.refunded", now)
        if card is not None and card.loses_answer_of == "refund":
            raise Unanswered("the sandbox timed out, as this test card wants it")
        return _given(refund)

    async def find(self, payment_id: UUID, customer: str | None, reference: str | None) -> Charge | None:
        async with self._database.transaction() as session:
            charge = await _charge(session, payment_id)
            if charge is None:
                return None
            await _settle(session, charge, self.clock(), asked=True)
            return _known(charge)

    def read_webhook(self, body: bytes, headers: dict[str, str], now: datetime) -> Notice:
        return sandbox_webhooks.read(self._signer, body, headers, now)

    async def deliver_webhooks(self, post: Post) -> int:
        """Let what is due happen, then send the webhooks that are due. Returns how many were tried."""
        await self._let_time_pass()
        return await sandbox_webhooks.send_due(self._database, self._signer, self.webhook_url, post, self.clock)

    async def _let_time_pass(self) -> None:
        now = self.clock()
        async with self._database.transaction() as session:
            due = await session.scalars(
                select(SandboxCharge)
                .where(
                    or_(
                        (SandboxCharge.standing == Standing.PENDING) & (SandboxCharge.decide_at <= now),
                        (SandboxCharge.standing == Standing.AUTHORISED) & (SandboxCharge.hold_until <= now),
                    )
                )
                # Cards are locked next: in one order, or two that do this would wait for each other.
                .order_by(SandboxCharge.token)
                .limit(SETTLED_AT_ONCE)
                .with_for_update(skip_locked=True)
            )
            for charge in due:
                await _settle(session, charge, now)


async def _charge(session: AsyncSession, payment_id: UUID) -> SandboxCharge | None:
    """The payment's row, or none yet; either way nobody else deals with this payment until we commit."""
    await session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(payment_id.hex, 0))))
    return await session.get(SandboxCharge, payment_id, with_for_update=True)


async def _known_charge(session: AsyncSession, payment_id: UUID, reference: str) -> SandboxCharge:
    charge = await _charge(session, payment_id)
    if charge is None or charge.reference != reference:
        raise ChargeRefused("the sandbox knows no such payment")
    return charge


def _refuse_other_terms(charge: SandboxCharge, wanted: ChargeWanted) -> None:
    if (charge.amount_minor, charge.currency, charge.token) != (wanted.amount_minor, wanted.currency, wanted.method):
        raise ChargeRefused("this payment was asked for with another amount, currency or card before")


def _loses_request(card: TestCard, method: SandboxMethod, payment_id: UUID) -> bool:
    """Whether this request does not get through; the card remembers the payment it lost last."""
    if card.loses_request == "never" or (card.loses_request == "first" and method.lost_payment_id == payment_id):
        return False
    method.lost_payment_id = payment_id
    return True


async def _open(
    session: AsyncSession, wanted: ChargeWanted, method: SandboxMethod | None, now: datetime
) -> SandboxCharge:
    usable = method is not None and method.forgotten_at is None and method.owner_id == wanted.owner_id
    card = BY_NAME[method.card] if method is not None and usable else None
    charge = SandboxCharge(
        payment_id=wanted.payment_id,
        reference=f"charge_{uuid4().hex}",
        token=wanted.method,
        card=card.name if card else None,
        standing=Standing.PENDING,
        amount_minor=wanted.amount_minor,
        captured_minor=0,
        currency=wanted.currency,
        decide_at=now + card.decides_after if card and card.decides_after else now,
        created_at=now,
        updated_at=now,
    )
    session.add(charge)
    await _settle(session, charge, now)
    return charge


async def _settle(session: AsyncSession, charge: SandboxCharge, now: datetime, *, asked: bool = False) -> None:
    """What time, or being asked again, has made of a charge."""
    card = BY_NAME[charge.card] if charge.card else None
    if charge.standing == Standing.PENDING:
        due = charge.decide_at is not None and charge.decide_at <= now
        if due or (asked and card is not None and card.decides_when_asked):
            await _decide(session, charge, card, now)
    if charge.standing == Standing.AUTHORISED and charge.hold_until is not None and charge.hold_until <= now:
        await _move(session, charge, Standing.EXPIRED, now)


async def _decide(session: AsyncSession, charge: SandboxCharge, card: TestCard | None, now: datetime) -> None:
    method = await session.get(SandboxMethod, charge.token, with_for_update=True)
    if card is None or method is None:
        charge.code = FailureCode.METHOD_UNKNOWN
    elif (code := _bank_says(card, method, now)) is not None:
        charge.code = code
        method.declines += 1
    else:
        charge.hold_until = now + card.hold_life
    await _move(session, charge, Standing.FAILED if charge.code else Standing.AUTHORISED, now)


def _bank_says(card: TestCard, method: SandboxMethod, now: datetime) -> FailureCode | None:
    if (method.exp_year, method.exp_month) < (now.year, now.month):
        return FailureCode.EXPIRED_CARD
    return card.failure(method.declines)


async def _move(session: AsyncSession, charge: SandboxCharge, standing: Standing, now: datetime) -> TestCard:
    charge.standing = standing
    charge.updated_at = now
    return await _tell(session, charge, f"payment.{standing}", now)


async def _tell(session: AsyncSession, charge: SandboxCharge, kind: str, now: datetime) -> TestCard:
    card = BY_NAME[charge.card or "visa"]
    sandbox_webhooks.queue(session, charge, card, kind, now)
    if card.webhooks == "reversed" and kind not in ("payment.authorised", "payment.failed"):
        await session.flush()
        await sandbox_webhooks.overtake(session, charge.payment_id, now)
    return card


def _ask_refund(refund: SandboxRefund, charge: SandboxCharge, amount_minor: int) -> None:
    if (refund.payment_id, refund.amount_minor) != (charge.payment_id, amount_minor):
        raise ChargeRefused("this refund was asked for with another amount or payment before")
    if refund.standing == RefundStanding.PENDING:
        refund.standing = RefundStanding.REFUNDED


async def _refuse_too_much(session: AsyncSession, charge: SandboxCharge, amount_minor: int) -> None:
    given = await session.scalar(
        select(func.coalesce(func.sum(SandboxRefund.amount_minor), 0)).where(
            SandboxRefund.payment_id == charge.payment_id, SandboxRefund.standing != RefundStanding.FAILED
        )
    )
    if charge.standing != Standing.CAPTURED or not 0 < amount_minor <= charge.captured_minor - int(given or 0):
        raise ChargeRefused(f"{amount_minor} cannot be refunded, with {given} refunded before: {_described(charge)}")


def _described(charge: SandboxCharge) -> str:
    return f"it is {charge.standing}, of {charge.amount_minor}, captured {charge.captured_minor}"


def _known(charge: SandboxCharge) -> Charge:
    return Charge(
        reference=charge.reference,
        standing=Standing(charge.standing),
        amount_minor=charge.amount_minor,
        captured_minor=charge.captured_minor,
        currency=charge.currency,
        code=charge.code,
    )


def _given(refund: SandboxRefund) -> Refund:
    return Refund(refund.reference, RefundStanding(refund.standing), refund.amount_minor)
