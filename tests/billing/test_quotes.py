"""Quotes: every line, signed, good for a day or until prices change, and confirmed as they are or not at all."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from joserfc import jws
from joserfc.jwk import KeySet
from sqlalchemy import update

from billing.domain.prices import GB
from billing.errors import QuoteExpired
from billing.models import Account, Order, Quote
from billing.operations import orders, price_books, quotes
from shared.db import Database
from tests.billing.support.asking import Asking
from tests.billing.support.price_lists import packaged, use, with_version
from tests.billing.support.world import World
from tests.support.running import Running
from tests.support.tokens import TokenIssuer


@pytest.fixture
def asking(billing: Running, world: World, issuer: TokenIssuer) -> Asking:
    world.now = datetime.now(UTC)
    return Asking(billing, issuer, world.owner_id)


async def live_in(database: Database, world: World, country: str) -> None:
    async with database.transaction() as session:
        await session.execute(update(Account).where(Account.owner_id == world.owner_id).values(country=country))


def lines(found: list[dict[str, Any]]) -> list[tuple[str, str, str, str, int]]:
    return [
        (each["kind"], each["quantity"], each["unit"], each["unit_price"], each["amount"]["amount_minor"])
        for each in found
    ]


async def test_a_quote_has_every_line_and_says_what_comes_after(world: World, asking: Asking) -> None:
    await use(world.database, packaged(tax='DE: "0.19"'))
    await world.measure(uuid4(), 110)
    await live_in(world.database, world, "DE")
    quote = await asking.quote(restore_bytes=1200 * GB)
    first, *traffic, tax = lines(quote["lines"])
    assert first == ("instance", "1", "month", "29.00", 2900)
    assert traffic == [
        ("restore_traffic", "924", "GB", "0.08", 7392),
        ("restore_traffic", "176", "GB", "0.07", 1232),
    ]
    net = 2900 + 7392 + 1232
    assert tax[0::4] == ("tax", round(net * 19 / 100))
    assert quote["total"] == {"amount_minor": net + tax[4], "currency": "USD"}
    assert quote["applied"]["card"]["amount_minor"] == quote["total"]["amount_minor"]
    assert [line[0::4] for line in lines(quote["next_month"]["lines"])] == [("instance", 2900), ("backup_storage", 800)]
    assert quote["next_month"]["total"]["amount_minor"] == 3700 + 703
    assert "29.00 USD" in quote["if_given_up"]
    assert quote["state"] == "open"
    again = await asking.get(f"/quotes/{quote['quote_id']}")
    assert again.json() == quote


async def test_a_quote_says_from_where_it_would_be_paid(world: World, asking: Asking) -> None:
    await asking.internal("POST", f"/owners/{world.owner_id}/credits", credit(1000))
    applied = (await asking.quote())["applied"]
    assert {name: each["amount_minor"] for name, each in applied.items()} == {
        "promotional": 1000, "balance": 0, "card": 1900,
    }  # fmt: skip


def credit(amount: int) -> dict[str, Any]:
    money = {"amount_minor": amount, "currency": "USD"}
    return {"grant_id": str(uuid4()), "amount": money, "reason": "A present"}


async def test_anybody_can_verify_a_quote_with_the_published_key(asking: Asking, billing: Running) -> None:
    quote = await asking.quote(restore_bytes=150 * GB)
    published = (await billing.api.get("/api/v1/quotes/keys.json")).json()
    assert all("d" not in key for key in published["keys"])
    read = jws.deserialize_compact(quote["token"], KeySet.import_key_set(published), algorithms=["Ed25519"])
    terms = json.loads(read.payload)
    assert terms["quote_id"] == quote["quote_id"]
    assert terms["owner_id"] == str(asking.owner_id)
    assert terms["total_minor"] == quote["total"]["amount_minor"] == 2900 + 400
    assert [line["amount_minor"] for line in terms["lines"]] == [line[4] for line in lines(quote["lines"])]
    assert datetime.fromisoformat(terms["expires_at"]) == datetime.fromisoformat(quote["expires_at"])


async def test_what_is_confirmed_is_what_was_quoted(world: World, asking: Asking) -> None:
    await world.add_card()
    quote, other = await asking.quote(), await asking.quote(plan="large")
    head, body, signature = quote["token"].split(".")
    for token in ("", "x", other["token"], f"{head}.{body[:-2]}AA.{signature}", quote["token"] + "A"):
        answer = await asking.post(f"/quotes/{quote['quote_id']}/confirm", {"token": token})
        assert (answer.status_code, answer.json()["code"]) == (422, "quote_token_wrong")
    stranger = Asking(asking.billing, asking.issuer, uuid4())
    taken = await stranger.post(f"/quotes/{quote['quote_id']}/confirm", {"token": quote["token"]})
    assert (taken.status_code, taken.json()["code"]) == (404, "quote_not_found")
    assert (await stranger.get(f"/quotes/{quote['quote_id']}")).status_code == 404
    assert await world.every(Order) == []


async def test_a_quote_is_confirmed_once_over_http_and_can_be_let_go_again(world: World, asking: Asking) -> None:
    await world.add_card()
    quote = await asking.quote()
    path, body = f"/quotes/{quote['quote_id']}/confirm", {"token": quote["token"]}
    first = await asking.post(path, body, key="the first one")
    assert (first.status_code, first.json().get("state")) == (202, "held"), first.text
    assert (await asking.post(path, body, key="the first one")).json() == first.json()
    another_body = {**body, "payment_method_id": str(uuid4())}
    assert (await asking.post(path, another_body, key="the first one")).status_code == 422
    assert (await asking.post(path, body)).json()["payment_id"] == first.json()["payment_id"]
    assert (await asking.get(f"/quotes/{quote['quote_id']}")).json()["state"] == "confirmed"
    [listed] = (await asking.get("/orders")).json()["items"]
    assert listed == (await asking.get(f"/orders/{quote['quote_id']}")).json()
    for _ in range(2):
        cancelled = await asking.post(f"/orders/{quote['quote_id']}/cancel", None)
        assert (cancelled.status_code, cancelled.json()["state"], cancelled.json()["due_at"]) == (200, "released", None)
    stranger = Asking(asking.billing, asking.issuer, uuid4())
    for answer in (
        await stranger.get(f"/orders/{quote['quote_id']}"),
        await stranger.post(f"/orders/{quote['quote_id']}/cancel", None),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "order_not_found")


async def test_a_quote_expires_after_a_day(world: World, asking: Asking) -> None:
    await world.add_card()
    world.now = datetime(2026, 5, 1, tzinfo=UTC)
    late, soon = await world.quote(), await world.quote()
    world.now += timedelta(hours=24) - timedelta(seconds=1)
    assert (await world.confirm(soon)).id == soon
    world.now += timedelta(seconds=1)
    with pytest.raises(QuoteExpired):
        await world.confirm(late)
    assert (await world.confirm(soon)).id == soon
    answer = await asking.get(f"/quotes/{late}")
    assert answer.json()["state"] == "expired"
    refused = await asking.post(f"/quotes/{late}/confirm", {"token": answer.json()["token"]})
    assert (refused.status_code, refused.json()["code"]) == (410, "quote_expired")


async def test_a_quote_holds_no_longer_than_its_prices(world: World) -> None:
    await world.add_card()
    change = world.now + timedelta(hours=3)
    await use(world.database, with_version("dearer", change, {'"29.00"': '"39.00"'}))
    quote_id = await world.quote()
    [quote] = await world.every(Quote)
    assert quote.expires_at == change
    world.now = change
    with pytest.raises(QuoteExpired):
        await world.confirm(quote_id)
    assert (await world.every(Quote))[0].total_minor == 2900
    await world.quote()
    assert sorted(each.total_minor for each in await world.every(Quote)) == [2900, 3900]


async def test_a_quote_does_not_outlive_prices_that_change_sooner_than_was_known(world: World) -> None:
    await world.add_card()
    early, late = await world.quote(), await world.quote()
    change = world.now + timedelta(hours=1)
    async with world.database.transaction() as session:
        dearer = with_version("dearer", change, {'"29.00"': '"39.00"'})
        assert await price_books.load(session, dearer, "dearer.yaml", world.now + timedelta(microseconds=11))
    world.now = change - timedelta(seconds=1)
    assert (await world.confirm(early)).id == early
    world.now = change
    with pytest.raises(QuoteExpired):
        await world.confirm(late)


@pytest.mark.parametrize(
    "wrong",
    [
        {"restore_bytes": -1},
        {"restore_bytes": 1.5},
        {"restore_bytes": 1.0},
        {"restore_bytes": "1"},
        {"restore_bytes": True},
        {"restore_bytes": 2**60},
        {"instance_name": ""},
        {"instance_name": "a\nb"},
        {"instance_name": "a" * 101},
        {"provider": "LOCAL"},
        {"plan": None},
        {"monthly_minor": 1},
        {"currency": "EUR"},
    ],
    ids=str,
)
async def test_what_makes_no_sense_is_not_quoted(asking: Asking, wrong: dict[str, Any]) -> None:
    body = {"provider": "local", "region": "local", "plan": "small", **wrong}
    assert (await asking.post("/quotes", body)).status_code == 422


async def test_quotes_are_asked_for_by_who_may_and_of_what_there_is(world: World, asking: Asking) -> None:
    body = {"provider": "local", "region": "local", "plan": "small"}
    for other in ({"provider": "mars"}, {"region": "moon"}, {"plan": "huge"}):
        answer = await asking.post("/quotes", {**body, **other})
        assert (answer.status_code, answer.json()["code"]) == (422, "place_unknown")
    assert (await asking.post("/quotes", body, "account:read")).status_code == 403
    assert (await asking.get("/orders", "account:write")).status_code == 403
    assert (await asking.billing.api.post("/api/v1/quotes", json=body)).status_code == 401
    wanted = {**body, "owner_id": str(world.owner_id), "restore_id": str(uuid4())}
    for credential, status in (("catalog-secret", 401), ("restore-secret", 201)):
        assert (await asking.internal("POST", "/quotes", wanted, credential)).status_code == status
    [quote] = await world.every(Quote)
    assert str(quote.restore_id) == wanted["restore_id"]


def for_restore(world: World, **wanted: Any) -> dict[str, Any]:
    body = {"provider": "local", "region": "local", "plan": "small", "instance_name": "home", "restore_bytes": 7}
    return {**body, "owner_id": str(world.owner_id), "restore_id": str(uuid4()), **wanted}


async def quoted(asking: Asking, wanted: dict[str, Any]) -> dict[str, Any]:
    answer = await asking.internal("POST", "/quotes", wanted, "restore-secret")
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_restore_that_asks_again_is_given_the_same_quote(world: World, asking: Asking) -> None:
    wanted = for_restore(world)
    first = await quoted(asking, wanted)
    assert await quoted(asking, wanted) == first
    changes: tuple[dict[str, Any], ...] = (
        {"plan": "large"}, {"restore_bytes": 8}, {"instance_name": "other"}, {"restore_id": str(uuid4())},
        {"owner_id": str(uuid4())},
    )  # fmt: skip
    others = [(await quoted(asking, wanted | change))["quote_id"] for change in changes]
    assert len({first["quote_id"], *others}) == 6


async def test_two_questions_of_one_restore_at_once_make_one_quote(world: World) -> None:
    wanted = quotes.Wanted("local", "local", "small", 7, "home", uuid4())

    async def second() -> UUID:
        async with world.database.transaction() as session:
            return (await quotes.make_once(session, world.owner_id, wanted, "7a" * 32, world.now)).id

    async with world.database.transaction() as session:
        first = await quotes.make_once(session, world.owner_id, wanted, "7a" * 32, world.now)
        contender = asyncio.create_task(second())
        await asyncio.sleep(0.1)
        assert not contender.done()
    assert await contender == first.id


@pytest.mark.parametrize("end", ["expired", "prices changed", "released", "called off"])
async def test_a_quote_of_which_nothing_can_come_any_more_is_not_given_again(world: World, end: str) -> None:
    await world.add_card()
    wanted = quotes.Wanted("local", "local", "small", 7, "home", uuid4())

    async def ask() -> UUID:
        async with world.database.transaction() as session:
            return (await quotes.make_once(session, world.owner_id, wanted, "7a" * 32, world.now)).id

    first = await ask()
    if end == "expired":
        world.now += timedelta(hours=24)
    elif end == "prices changed":
        await use(world.database, with_version("dearer", world.now + timedelta(hours=1), {'"29.00"': '"39.00"'}))
        world.now += timedelta(hours=1)
    else:
        if end == "released":
            await world.confirm(first)
            assert await ask() == first
        async with world.database.transaction() as session:
            await orders.void(session, world.owner_id, first, world.now)
    # Of two quotes the later one counts.
    world.now += timedelta(seconds=1)
    second = await ask()
    assert second != first
    assert await ask() == second


async def test_what_a_restore_orders_is_neither_confirmed_nor_cancelled_beside_it(world: World, asking: Asking) -> None:
    await world.add_card()
    quote = await quoted(asking, for_restore(world))
    confirmed = await asking.post(f"/quotes/{quote['quote_id']}/confirm", {"token": quote["token"]})
    assert (confirmed.status_code, confirmed.json()["code"]) == (409, "order_of_restore")
    assert await world.every(Order) == []
    await world.confirm(UUID(quote["quote_id"]))
    cancelled = await asking.post(f"/orders/{quote['quote_id']}/cancel", None)
    [order] = await world.every(Order)
    assert (cancelled.status_code, cancelled.json()["code"], order.state) == (409, "order_of_restore", "held")
    assert cancelled.json()["restore_id"] == str(order.restore_id)
    async with world.database.transaction() as session:
        await orders.void(session, world.owner_id, order.id, world.now)
    let_go = await asking.post(f"/orders/{quote['quote_id']}/cancel", None)
    assert (let_go.status_code, let_go.json()["state"]) == (200, "released")


async def test_a_free_quote_needs_no_money(world: World, asking: Asking) -> None:
    await use(world.database, packaged(**{'"29.00"': '"0"'}))
    quote = await asking.quote()
    assert (quote["lines"], quote["total"]["amount_minor"]) == ([], 0)
    answer = await asking.post(f"/quotes/{quote['quote_id']}/confirm", {"token": quote["token"]})
    assert (answer.status_code, answer.json()["state"], answer.json()["payment_id"]) == (202, "held", None)
