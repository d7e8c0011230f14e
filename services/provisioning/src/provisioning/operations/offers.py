"""What can be had now, and whether something particular can."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from provisioning.domain import offer_words as words
from provisioning.domain import offers as domain
from provisioning.errors import OfferUnavailable, OfferUnknown
from provisioning.queries import offers as queries


async def offered(session: AsyncSession, offers: domain.Offers, now: datetime) -> Sequence[domain.Offered]:
    """Every plan as it can be had now, in the order of the file."""
    return domain.offered(offers, await queries.prices(session), await queries.words(session), now)


async def check_offer(
    session: AsyncSession, offers: domain.Offers, provider: str, region: str, plan: str, now: datetime
) -> domain.Offered:
    """The plan, which can be had now.

    Raises:
        OfferUnknown: If there is no such provider, region or plan.
        OfferUnavailable: If it cannot be had just now. Either says what can be had instead.
    """
    if offers.find(provider, region, plan) is None:
        raise OfferUnknown(words.unknown(offers, provider, region, plan))
    known = await offered(session, offers, now)
    (wanted,) = [each for each in known if each.key == (provider, region, plan)]
    if wanted.because is not None:
        raise OfferUnavailable(words.unavailable(wanted, known), because=wanted.because)
    return wanted
