"""What can be had: of the file, prices and drivers' words together; over HTTP, and for whoever orders something."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import event

from provisioning.domain.offer_words import unavailable, unknown
from provisioning.domain.offers import (
    OLD,
    Because,
    Key,
    Plan,
    Price,
    State,
    Word,
    offered,
    unavailable_because,
)
from provisioning.errors import OfferUnavailable, OfferUnknown
from provisioning.operations import availability
from provisioning.operations.offers import check_offer
from tests.provisioning.shelves import GB, SINCE, priced, shelf, take
from tests.provisioning.support import World
from tests.support.running import Running

NOW = SINCE
MINUTE = timedelta(minutes=1)
PLAN = Plan("small", "Small", 2, 4 * GB, 40 * GB, "S")
PRICE = Price(2900, "USD", "2026-01", 100 * GB, 200 * GB)
SMALL = ("local", "local", "small")
SHELF = shelf(local={"here": ["small", "large"]}, aws={"east": ["small"], "west": ["small", "huge"]})
KEYS = [(provider.provider, region.region, plan.plan) for provider, region, plan in SHELF.plans()]


@pytest.mark.parametrize(
    ("price", "set_sold_out", "state", "refused"),
    list(product([PRICE, None], [False, True], [None, *State], [None, -MINUTE, timedelta(0), MINUTE])),
)
def test_a_plan_can_be_had_when_nothing_speaks_against_it(
    price: Price | None, set_sold_out: bool, state: State | None, refused: timedelta | None
) -> None:
    word = Word(state, NOW, None if refused is None else NOW + refused) if state is not None else None
    found = unavailable_because(replace(PLAN, sold_out=set_sold_out), price, word, NOW)
    if price is None:
        assert found is Because.NO_PRICE
    elif state is State.UNUSABLE:
        assert found is Because.UNUSABLE
    elif set_sold_out or state is State.SOLD_OUT or (state is not None and refused == MINUTE):
        assert found is Because.SOLD_OUT
    else:
        assert found is None


def test_an_old_word_still_counts_and_is_marked() -> None:
    words = {key: Word(State.SOLD_OUT, NOW) for key in KEYS[1:]}
    prices = dict.fromkeys(KEYS, PRICE)
    fresh = offered(SHELF, prices, words, NOW + OLD)
    old = offered(SHELF, prices, words, NOW + OLD + timedelta(microseconds=1))
    assert [each.key for each in fresh] == [each.key for each in old] == KEYS
    assert {each.because for each in old[1:]} == {Because.SOLD_OUT}
    assert [each.unconfirmed_since for each in fresh] == [None] * len(KEYS)
    assert [each.unconfirmed_since for each in old] == [None] + [NOW] * (len(KEYS) - 1)


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        (("gcp", "east", "small"), "There is no provider gcp. Choose another provider: local, aws."),
        (("", "east", "small"), "There is no provider of that name. Choose another provider: local, aws."),
        (("a\x00b", "east", "small"), "There is no provider of that name. Choose another provider: local, aws."),
        (("x" * 500, "east", "small"), "There is no provider of that name. Choose another provider: local, aws."),
        (("aws", "here", "small"), "Aws has no region here. Choose another region: east, west."),
        (("aws", "east", "huge"), "Aws, East City has no plan huge. Choose another plan: small."),
        (("aws", "west", "<b>"), "Aws, West City has no plan of that name. Choose another plan: small, huge."),
        ((None, "mars", None), "There is no region mars. Choose another region: here, east, west."),
        (("local", "mars", None), "Local has no region mars. Choose another region: here."),
    ],
)
def test_what_does_not_exist_is_answered_with_what_does(place: tuple[str, str, str], sentence: str) -> None:
    assert unknown(SHELF, *place) == sentence


def test_very_many_choices_are_counted() -> None:
    many = shelf(aws={f"r{number}": ["small"] for number in range(14)})
    assert unknown(many, "aws", "mars").endswith(" r9, r10, r11 and 2 more.")


def said(wanted: Key, because: dict[Key, Because]) -> str:
    """What is said of a plan when these cannot be had."""
    prices = {key: PRICE for key in KEYS if because.get(key) is not Because.NO_PRICE}
    states = {Because.SOLD_OUT: State.SOLD_OUT, Because.UNUSABLE: State.UNUSABLE}
    words = {key: Word(states[why], NOW) for key, why in because.items() if why in states}
    found = offered(SHELF, prices, words, NOW)
    return unavailable(found[KEYS.index(wanted)], found)


def test_what_cannot_be_had_is_answered_with_what_can() -> None:
    small, large, east = ("local", "here", "small"), ("local", "here", "large"), ("aws", "east", "small")
    assert said(small, {small: Because.SOLD_OUT}) == (
        "The plan Small is sold out at Local, Here City just now. What can be had there: large."
    )
    assert said(east, {east: Because.SOLD_OUT}) == (
        "The plan Small is sold out at Aws, East City just now. "
        "What can be had elsewhere: local/here/small, local/here/large, aws/west/small, aws/west/huge."
    )
    assert said(small, dict.fromkeys((small, large), Because.UNUSABLE)) == (
        "The plan Small at Local, Here City cannot be had until its operator has mended something. "
        "What can be had elsewhere: aws/east/small, aws/west/small, aws/west/huge."
    )
    assert said(small, dict.fromkeys(KEYS, Because.NO_PRICE)) == (
        "The plan Small at Local, Here City has no price and is not sold. "
        "Nothing else can be had either. Ask who runs this Space."
    )
    assert said(small, dict.fromkeys(KEYS, Because.SOLD_OUT)) == (
        "The plan Small is sold out at Local, Here City just now. "
        "Nothing else can be had either. Try again in some minutes."
    )


async def get(provisioning: Running, query: str = "", **headers: str) -> Any:
    return await provisioning.api.get(f"/api/v1/offers{query}", headers=headers)


async def plans(provisioning: Running) -> dict[str, dict[str, Any]]:
    """Plans by name, of the one place in the packaged offers."""
    answer = (await get(provisioning)).json()
    (provider,) = answer["providers"]
    (region,) = provider["regions"]
    return {plan["plan"]: plan for plan in region["plans"]}


async def test_offers_are_shown_to_anybody_in_three_steps(provisioning: Running, world: World) -> None:
    await take(world.database, priced(provisioning.runtime.adapters.offers))
    answer = await get(provisioning)
    assert answer.status_code == 200
    (provider,) = answer.json()["providers"]
    assert (provider["provider"], provider["name"]) == ("local", "This machine")
    (region,) = provider["regions"]
    assert (region["region"], region["name"]) == ("local", "This machine")
    assert [plan["plan"] for plan in region["plans"]] == ["small", "medium", "large"]
    assert region["plans"][0] == {
        "plan": "small",
        "name": "Small",
        "vcpu": 2,
        "memory_bytes": 4 * GB,
        "disk_bytes": 40 * GB,
        "monthly_price": {"amount_minor": 2900, "currency": "USD"},
        "price_version": "2026-01",
        "included_traffic_bytes": 100 * GB,
        "included_storage_bytes": 200 * GB,
        "available": True,
        "unavailable_because": None,
        "unconfirmed_since": None,
    }


async def test_without_prices_everything_is_shown_and_nothing_can_be_had(provisioning: Running) -> None:
    shown = await plans(provisioning)
    assert {(plan["available"], plan["unavailable_because"]) for plan in shown.values()} == {(False, "no_price")}
    assert {plan["monthly_price"] for plan in shown.values()} == {None}


async def test_what_a_driver_says_is_seen(provisioning: Running, world: World) -> None:
    offers = provisioning.runtime.adapters.offers
    await take(world.database, priced(offers))
    world.cloud.sold_out_sizes = frozenset({"medium"})
    await availability.survey(world.database, {"local": world.cloud}, offers, world.now)
    shown = await plans(provisioning)
    assert {name: plan["unavailable_because"] for name, plan in shown.items()} == {
        "small": None,
        "medium": "sold_out",
        "large": None,
    }
    assert [name for name, plan in shown.items() if plan["available"]] == ["small", "large"]


async def test_an_old_word_is_marked(provisioning: Running, world: World) -> None:
    offers = provisioning.runtime.adapters.offers
    await availability.survey(world.database, {"local": world.cloud}, offers, world.now - timedelta(hours=1))
    shown = await plans(provisioning)
    assert {plan["unconfirmed_since"] is not None for plan in shown.values()} == {True}


async def test_who_has_the_answer_already_is_told_so_until_something_changes(
    provisioning: Running, world: World
) -> None:
    first = await get(provisioning)
    again = await get(provisioning, **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    offers = provisioning.runtime.adapters.offers
    await availability.survey(world.database, {"local": world.cloud}, offers, world.now)
    assert (await get(provisioning, **{"If-None-Match": first.headers["ETag"]})).status_code == 304
    await take(world.database, priced(offers))
    assert (await get(provisioning, **{"If-None-Match": first.headers["ETag"]})).status_code == 200


@pytest.mark.parametrize("query", ["?provider=local", "?region=local", "?provider=local&region=local"])
async def test_a_part_can_be_asked_for(provisioning: Running, query: str) -> None:
    assert (await get(provisioning, query)).json() == (await get(provisioning)).json()


@pytest.mark.parametrize(
    ("query", "code", "detail"),
    [
        ("?provider=gcp", "offer_unknown", "There is no provider gcp. Choose another provider: local."),
        ("?region=mars", "offer_unknown", "There is no region mars. Choose another region: local."),
        ("?provider=local&region=mars", "offer_unknown", "This machine has no region mars."),
        ("?provider=", "offer_unknown", "There is no provider of that name."),
        ("?provider=%00", "offer_unknown", "There is no provider of that name."),
        (f"?provider={'x' * 65}", "request_invalid", "query.provider"),
    ],
)
async def test_an_unknown_place_is_answered_with_those_there_are(
    provisioning: Running, query: str, code: str, detail: str
) -> None:
    answer = await get(provisioning, query)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert detail in answer.json()["detail"]


async def test_offers_cost_two_queries(provisioning: Running, world: World) -> None:
    await take(world.database, priced(provisioning.runtime.adapters.offers))
    statements: list[str] = []
    engine = world.database.engine.sync_engine

    def count(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", count)
    assert (await get(provisioning)).status_code == 200
    event.remove(engine, "before_cursor_execute", count)
    assert len(statements) == 2, statements


async def test_what_can_be_had_is_found(provisioning: Running, world: World) -> None:
    offers = provisioning.runtime.adapters.offers
    await take(world.database, priced(offers))
    async with world.database.reading() as session:
        found = await check_offer(session, offers, *SMALL, world.now)
    assert found.key == SMALL
    assert (found.provider.name, found.plan.size, found.because) == ("This machine", "small", None)
    assert found.price is not None
    assert found.price.monthly_minor == 2900


@pytest.mark.parametrize("place", [("aws", "local", "small"), ("local", "mars", "small"), ("local", "local", "huge")])
async def test_what_is_unknown_is_refused(provisioning: Running, world: World, place: tuple[str, str, str]) -> None:
    async with world.database.reading() as session:
        with pytest.raises(OfferUnknown, match=r"Choose another"):
            await check_offer(session, provisioning.runtime.adapters.offers, *place, world.now)


async def test_what_is_sold_out_is_refused_until_it_is_to_be_had_again(provisioning: Running, world: World) -> None:
    offers = provisioning.runtime.adapters.offers
    await take(world.database, priced(offers))
    until = world.now + timedelta(minutes=15)
    async with world.database.transaction() as session:
        await availability.mark_sold_out(session, *SMALL, until)
    async with world.database.reading() as session:
        with pytest.raises(OfferUnavailable, match=r"sold out.*can be had there: medium, large\.$") as caught:
            await check_offer(session, offers, *SMALL, until - timedelta(microseconds=1))
        assert caught.value.members == {"because": "sold_out"}
        assert (await check_offer(session, offers, *SMALL, until)).because is None


async def test_what_has_no_price_is_refused(provisioning: Running, world: World) -> None:
    async with world.database.reading() as session:
        with pytest.raises(OfferUnavailable, match=r"has no price and is not sold\. .* Ask who runs this Space\.$"):
            await check_offer(session, provisioning.runtime.adapters.offers, *SMALL, world.now)
