"""What billing tells of a restore's order."""

from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from restore.domain.facts import Fact
from restore.domain.order import State
from restore.operations import saga
from restore.operations.saga import Said
from shared.events.billing import (
    OrderFulfilled,
    PaymentAuthorised,
    PaymentCaptured,
    PaymentFailed,
    PaymentVoided,
)

Word = PaymentAuthorised | PaymentFailed | PaymentCaptured | PaymentVoided | OrderFulfilled

log = structlog.get_logger(__name__)


async def hear(session: AsyncSession, event: Word, now: datetime) -> None:
    """Heed what became of a restore's money; what is of no restore, or of another quote, is not for here."""
    if event.restore_id is None or event.quote_id is None:
        return
    cloud = await saga.lock(session, event.restore_id)
    if cloud is None or cloud.rest.quote_id != event.quote_id:
        log.warning("word of the money of no such restore", restore_id=str(event.restore_id), word=event.name)
        return
    said = None
    match event:
        case PaymentAuthorised():
            fact = Fact.MONEY_HELD
        case PaymentFailed():
            fact, said = Fact.MONEY_NOT_HELD, Said(event.code, event.reason)
        case PaymentCaptured():
            fact, said = Fact.MONEY_CAPTURED, _TAKEN_EARLY
        case PaymentVoided():
            fact, said = Fact.MONEY_RELEASED, _RELEASED
        case OrderFulfilled():
            if event.is_held:
                # The word of that payment follows.
                return
            fact = Fact.MONEY_BILLED
    # What ends an order before it begins has to be explained; what settles one that is done has not.
    is_end = cloud.saga.state is State.AUTHORISING
    await saga.heed(session, cloud, fact, now, said if is_end or isinstance(event, PaymentFailed) else None)


_TAKEN_EARLY = Said(
    "taken_early", "The card was charged before its time: that is in your balance now. Order again to pay from it."
)
_RELEASED = Said("hold_released", "What was held for the order was released. Order again; nothing was charged.")
