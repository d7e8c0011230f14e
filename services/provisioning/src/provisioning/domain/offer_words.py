"""What cannot be had, and what can be had instead, in sentences an owner understands."""

import re
from collections.abc import Iterable, Sequence

from provisioning.domain.offers import Because, Offered, Offers

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_LISTED = 12
"""More choices than that are counted, not named."""


def unknown(offers: Offers, provider: str | None, region: str | None, plan: str | None = None) -> str:
    """What of a provider, region and plan does not exist, and which there are. At least one of them does not."""
    at = offers.providers.get(provider) if provider is not None else None
    if provider is not None and at is None:
        return f"There is no provider {_named(provider)}. {_choose('provider', offers.providers)}"
    if at is None:
        places = dict.fromkeys(name for each in offers.providers.values() for name in each.regions)
        return f"There is no region {_named(region)}. {_choose('region', places)}"
    place = at.regions.get(region or "")
    if place is None:
        return f"{at.name} has no region {_named(region)}. {_choose('region', at.regions)}"
    return f"{at.name}, {place.name} has no plan {_named(plan)}. {_choose('plan', place.plans)}"


def unavailable(wanted: Offered, all_offered: Sequence[Offered]) -> str:
    """Why a plan cannot be had just now, and what can."""
    return f"{_why(wanted)} {_instead(wanted, all_offered)}"


def _why(wanted: Offered) -> str:
    place = f"{wanted.provider.name}, {wanted.region.name}"
    match wanted.because:
        case Because.SOLD_OUT:
            return f"The plan {wanted.plan.name} is sold out at {place} just now."
        case Because.NO_PRICE:
            return f"The plan {wanted.plan.name} at {place} has no price and is not sold."
        case _:
            return f"The plan {wanted.plan.name} at {place} cannot be had until its operator has mended something."


def _instead(wanted: Offered, all_offered: Sequence[Offered]) -> str:
    others = [each for each in all_offered if each.because is None]
    here = [each for each in others if each.key[:2] == wanted.key[:2]]
    if here:
        return f"What can be had there: {_listed(each.plan.plan for each in here)}."
    if others:
        return f"What can be had elsewhere: {_listed('/'.join(each.key) for each in others)}."
    if wanted.because is Because.SOLD_OUT:
        return "Nothing else can be had either. Try again in some minutes."
    return "Nothing else can be had either. Ask who runs this Space."


def _named(text: str | None) -> str:
    """What a caller sent, where it can stand in a sentence."""
    return text if text and _NAME.fullmatch(text) else "of that name"


def _choose(what: str, names: Iterable[str]) -> str:
    return f"Choose another {what}: {_listed(names)}."


def _listed(names: Iterable[str]) -> str:
    known = list(names)
    more = len(known) - _LISTED
    return ", ".join(known[:_LISTED]) + (f" and {more} more" if more > 0 else "")
