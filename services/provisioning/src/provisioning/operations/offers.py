"""What can be had now, and whether something particular can."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from provisioning.domain import offer_words as words
from provisioning.domain import offers as domain
from provisioning.errors import OfferUnavailable, OfferUnknown
from provisioning.queries import offers as queries


@dataclass(frozen=True, slots=True)
class FoundPlan:
    """A plan in its place, whether it can be had now or not."""

    provider: domain.Provider
    region: domain.Region
    plan: domain.Plan


async def offered(session: AsyncSession, offers: domain.Offers, now: datetime) -> Sequence[domain.Offered]:
    """Every plan as it can be had now, in the order of the file."""
    return domain.offered(offers, await queries.prices(session), await queries.words(session), now)


def find_offer(offers: domain.Offers, provider: str, region: str, plan: str) -> FoundPlan:
    """Raises OfferUnknown."""
    found = offers.find(provider, region, plan)
    if found is None:
        raise OfferUnknown(words.unknown(offers, provider, region, plan))
    return FoundPlan(*found)


async def check_offer(
    session: AsyncSession, offers: domain.Offers, provider: str, region: str, plan: str, now: datetime
) -> domain.Offered:
    """The plan, which can be had now.

    Raises:
        OfferUnknown: If there is no such provider, region or plan.
        OfferUnavailable: If it cannot be had just now. Either says what can be had instead.
    """
    find_offer(offers, provider, region, plan)
    known = await offered(session, offers, now)
    (wanted,) = [each for each in known if each.key == (provider, region, plan)]
    if wanted.because is not None:
        raise OfferUnavailable(words.unavailable(wanted, known), because=wanted.because)
    return wanted
