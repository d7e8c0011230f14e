"""One turn at the payment provider about one payment: ask how it stands, and do what is to be done."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from billing.domain.payments import TERMINAL, PaymentState
from billing.ports import Charge, ChargeRefused, ChargeWanted, PaymentProvider, Standing, Unanswered

PATIENCE = timedelta(days=1)
"""How long a payment that the provider never heard of is asked for again."""
SETTLED = timedelta(minutes=10)
"""After so long no request of ours can still be on its way to the provider."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Turn:
    """A payment that one worker has to itself for a while, as it stood when that began.

    Args:
        asked: Turns before this one since the last certain answer: above 0, what is to be done may have been done.
        tried_at: When the provider may have been told to hold the money, before this turn.
        may_hold: Whether this turn may tell it so; it was written down as ``tried_at`` if it may.
    """

    wanted: ChargeWanted
    state: PaymentState
    reference: str | None
    capture_minor: int | None
    void_wanted: bool
    asked: int
    tried_at: datetime | None
    may_hold: bool

    @property
    def payment_id(self) -> UUID:
        return self.wanted.payment_id


async def ask(provider: PaymentProvider, turn: Turn, now: datetime) -> Charge | None:
    """How the payment stands with its provider after this turn; None when nothing is there and nothing will come of it.

    Money is never held or taken in a second way: whatever was begun is asked about before it is done again, under the
    same ids.

    Raises:
        Unanswered: If nothing certain came back; what was to be done may have been done.
    """
    if turn.state is PaymentState.AUTHORISING and turn.void_wanted and turn.tried_at is None:
        return None
    if turn.state in _BEGUN_BY_US and turn.asked == 0:
        return await _checked(provider, turn, await _do(provider, turn, turn.reference))
    found = await _find(provider, turn, turn.reference)
    if found is None:
        return await _unheard(provider, turn, now)
    if _stands_still(turn.state, found.standing):
        return await _checked(provider, turn, await _do(provider, turn, found.reference))
    return found


_BEGUN_BY_US = frozenset({PaymentState.AUTHORISING, PaymentState.CAPTURING, PaymentState.VOIDING})
LET_GO = frozenset({PaymentState.VOIDING, PaymentState.FAILED, PaymentState.VOIDED, PaymentState.EXPIRED})
"""Money of these must not stay held: not even of one that we gave up and that came true after all."""


def _stands_still(state: PaymentState, standing: Standing) -> bool:
    return standing is Standing.AUTHORISED and (state is PaymentState.CAPTURING or state in LET_GO)


async def _do(provider: PaymentProvider, turn: Turn, reference: str | None) -> Charge | None:
    """What the state calls for; None when the provider refused it: then it has to be asked how the payment stands."""
    try:
        if turn.state is PaymentState.AUTHORISING:
            return await provider.authorise(turn.wanted)
        if reference is None:
            raise ValueError(f"payment {turn.payment_id} is {turn.state} without a reference of its provider")
        if turn.state is PaymentState.CAPTURING:
            return await provider.capture(turn.payment_id, reference, turn.capture_minor or turn.wanted.amount_minor)
        return await provider.void(turn.payment_id, reference)
    except ChargeRefused as refused:
        log.warning("the payment provider refused", payment_id=str(turn.payment_id), reason=str(refused))
        return None


async def _checked(provider: PaymentProvider, turn: Turn, charge: Charge | None) -> Charge:
    if charge is None:
        charge = await _find(provider, turn, turn.reference)
    if charge is None:
        raise Unanswered("the provider refused a payment and does not know it")
    return _ours(turn, charge)


async def _find(provider: PaymentProvider, turn: Turn, reference: str | None) -> Charge | None:
    found = await provider.find(turn.payment_id, turn.wanted.customer, reference)
    return None if found is None else _ours(turn, found)


def _ours(turn: Turn, charge: Charge) -> Charge:
    """The charge, if it is what we asked for; another amount or currency is nothing to act upon."""
    if (charge.amount_minor, charge.currency) != (turn.wanted.amount_minor, turn.wanted.currency):
        log.error("the payment provider speaks of another amount", payment_id=str(turn.payment_id))
        raise Unanswered("the provider speaks of another amount or currency than we asked for")
    return charge


async def _unheard(provider: PaymentProvider, turn: Turn, now: datetime) -> Charge | None:
    """The provider never heard of it: it is told again, or, when nobody wants it any more, given up.

    Only when the last request is too old to arrive after all: a hold that nobody knows of would stay for days.
    """
    if turn.state in TERMINAL:
        return None
    if turn.state is not PaymentState.AUTHORISING:
        log.error("the payment provider has forgotten a payment", payment_id=str(turn.payment_id))
        raise Unanswered("the provider does not know a payment any more")
    if turn.may_hold:
        return await _checked(provider, turn, await _do(provider, turn, None))
    if turn.tried_at is not None and now - turn.tried_at < SETTLED:
        raise Unanswered("the provider never heard of it, but a request may still be on its way")
    return None
