"""Payments and the balance over HTTP: who may ask, what is refused, and that a repeated request charges once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from billing.adapters.sandbox_cards import BY_NAME
from billing.domain import ledger as movements
from billing.operations import accounts, ledger
from shared.auth import Scope
from tests.billing.support.serving import add_card, serving, top_up
from tests.support.databases import Databases
from tests.support.running import Running
from tests.support.tokens import Owner, TokenIssuer

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOP_UPS = "/api/v1/balance/top-ups"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def billing(databases: Databases, issuer: TokenIssuer) -> AsyncIterator[Running]:
    async with serving(databases, issuer) as billing:
        yield billing


@pytest.fixture
def owner() -> Owner:
    return Owner()


async def get(billing: Running, issuer: TokenIssuer, owner: Owner, path: str, **query: Any) -> dict[str, Any]:
    answer = await billing.api.get(path, params=query, headers=issuer.headers(owner))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def usd(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "USD"}


async def test_nobody_knew_of_this_owner_yet(billing: Running, issuer: TokenIssuer, owner: Owner) -> None:
    nothing = {"balance": usd(0), "promotional": usd(0), "standing": "current", "next_charge_at": None}
    assert await get(billing, issuer, owner, "/api/v1/balance") == nothing
    for path in ("/api/v1/payments", "/api/v1/balance/history"):
        assert await get(billing, issuer, owner, path) == {"items": [], "next_cursor": None}


async def test_paying_in_raises_the_balance_and_is_in_its_history(
    billing: Running, issuer: TokenIssuer, owner: Owner
) -> None:
    await add_card(billing, issuer, owner)
    answer = await top_up(billing, issuer, owner, 1500)
    paid = answer.json()
    assert (answer.status_code, paid["state"], paid["captured"]) == (202, "captured", usd(1500))
    assert (paid["purpose"], paid["method"]) == ("top_up", {"brand": "visa", "last4": "4242"})
    assert (await get(billing, issuer, owner, "/api/v1/balance"))["balance"] == usd(1500)
    (change,) = (await get(billing, issuer, owner, "/api/v1/balance/history"))["items"]
    assert (change["text"], change["balance"], change["promotional"]) == ("Paid in by card", usd(1500), usd(0))
    assert await get(billing, issuer, owner, f"/api/v1/payments/{paid['payment_id']}") == paid


async def test_promotional_balance_is_told_apart(billing: Running, issuer: TokenIssuer, owner: Owner) -> None:
    async with billing.runtime.database.transaction() as session:
        account = await accounts.lock(session, owner.owner_id, datetime.now(UTC))
        grant = movements.grant(f"grant:{uuid4()}", 300, "A present")
        await ledger.post(session, owner.owner_id, "USD", grant, datetime.now(UTC))
        account.promotional_minor += 300
    balance = await get(billing, issuer, owner, "/api/v1/balance")
    assert (balance["balance"], balance["promotional"]) == (usd(0), usd(300))
    (change,) = (await get(billing, issuer, owner, "/api/v1/balance/history"))["items"]
    assert (change["text"], change["balance"], change["promotional"]) == ("A present", usd(0), usd(300))


async def test_a_repeated_request_charges_once_and_tells_how_it_stands_by_now(
    billing: Running, issuer: TokenIssuer, owner: Owner
) -> None:
    await add_card(billing, issuer, owner)
    key = {"Idempotency-Key": str(uuid4())}
    first, second = [(await top_up(billing, issuer, owner, 1500, **key)).json() for _ in range(2)]
    assert first == second
    assert len((await get(billing, issuer, owner, "/api/v1/payments"))["items"]) == 1
    other = await top_up(billing, issuer, owner, 1600, **key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_two_requests_with_one_key_at_once_charge_once(
    billing: Running, issuer: TokenIssuer, owner: Owner
) -> None:
    """Forced: the account is locked until both are under way."""
    await add_card(billing, issuer, owner)
    key = {"Idempotency-Key": str(uuid4())}
    async with billing.runtime.database.transaction() as session:
        await accounts.lock(session, owner.owner_id, datetime.now(UTC))
        both = [asyncio.create_task(top_up(billing, issuer, owner, 1500, **key)) for _ in range(2)]
        # One of them has begun and waits; the other is told so.
        await asyncio.wait(both, timeout=30, return_when=asyncio.FIRST_COMPLETED)
    answers = [await task for task in both]
    assert sorted(answer.status_code for answer in answers) == [202, 409]
    assert (await get(billing, issuer, owner, "/api/v1/balance"))["balance"] == usd(1500)


async def test_a_charge_that_is_not_known_yet_says_so(billing: Running, issuer: TokenIssuer, owner: Owner) -> None:
    await add_card(billing, issuer, owner, BY_NAME["unreachable"].number)
    answer = await top_up(billing, issuer, owner)
    assert (answer.status_code, answer.json()["state"], answer.json()["code"]) == (202, "authorising", None)
    assert "not answered yet" in answer.json()["reason"]


async def test_a_declined_charge_says_why(billing: Running, issuer: TokenIssuer, owner: Owner) -> None:
    await add_card(billing, issuer, owner, BY_NAME["declines"].number)
    paid = (await top_up(billing, issuer, owner)).json()
    assert (paid["state"], paid["code"]) == ("failed", "card_declined")
    assert "declined by its bank" in paid["reason"]
    assert (await get(billing, issuer, owner, "/api/v1/balance"))["balance"] == usd(0)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"amount": usd(99)}, 422, "amount_too_small"),
        ({"amount": usd(0)}, 422, "amount_too_small"),
        ({"amount": usd(-500)}, 422, "request_invalid"),
        ({"amount": usd(10**12)}, 422, "request_invalid"),
        ({"amount": {"amount_minor": 10.5, "currency": "USD"}}, 422, "request_invalid"),
        ({"amount": {"amount_minor": "1000", "currency": "USD"}}, 422, "request_invalid"),
        ({"amount": {"amount_minor": True, "currency": "USD"}}, 422, "request_invalid"),
        ({"amount": {"amount_minor": 1000, "currency": "EUR"}}, 422, "currency_wrong"),
        ({"amount": {"amount_minor": 1000, "currency": "dollars"}}, 422, "request_invalid"),
        ({"amount": {"amount_minor": 1000}}, 422, "request_invalid"),
        ({"amount": usd(1000), "method": "best"}, 422, "request_invalid"),
        ({"amount": usd(1000), "payment_method_id": str(uuid4())}, 404, "payment_method_not_found"),
        ({}, 422, "request_invalid"),
    ],
)
async def test_an_amount_that_makes_no_sense_is_refused(
    billing: Running, issuer: TokenIssuer, owner: Owner, body: dict[str, Any], status: int, code: str
) -> None:
    await add_card(billing, issuer, owner)
    answer = await billing.api.post(TOP_UPS, json=body, headers=issuer.headers(owner))
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await get(billing, issuer, owner, "/api/v1/payments"))["items"] == []


async def test_without_a_card_there_is_nothing_to_charge(billing: Running, issuer: TokenIssuer, owner: Owner) -> None:
    answer = await top_up(billing, issuer, owner)
    assert (answer.status_code, answer.json()["code"]) == (409, "payment_method_needed")


async def test_another_owners_card_and_payment_are_not_found(
    billing: Running, issuer: TokenIssuer, owner: Owner
) -> None:
    other = Owner()
    theirs = await add_card(billing, issuer, other)
    await add_card(billing, issuer, owner)
    body = {"amount": usd(1000), "payment_method_id": theirs["payment_method_id"]}
    answer = await billing.api.post(TOP_UPS, json=body, headers=issuer.headers(owner))
    assert (answer.status_code, answer.json()["code"]) == (404, "payment_method_not_found")
    paid = (await top_up(billing, issuer, other)).json()
    path = f"/api/v1/payments/{paid['payment_id']}"
    assert (await billing.api.get(path, headers=issuer.headers(owner))).json()["code"] == "payment_not_found"
    assert (await get(billing, issuer, owner, "/api/v1/payments"))["items"] == []
    assert (await get(billing, issuer, owner, "/api/v1/balance/history"))["items"] == []


async def test_a_named_card_is_charged_instead_of_the_default(
    billing: Running, issuer: TokenIssuer, owner: Owner
) -> None:
    await add_card(billing, issuer, owner)
    other = await add_card(billing, issuer, owner, "5555555555554444")
    body = {"amount": usd(1000), "payment_method_id": other["payment_method_id"]}
    paid = (await billing.api.post(TOP_UPS, json=body, headers=issuer.headers(owner))).json()
    assert paid["method"] == {"brand": "mastercard", "last4": "4444"}


@pytest.mark.parametrize("path", ["/api/v1/payments", "/api/v1/balance/history"])
async def test_lists_go_newest_first_page_by_page(
    billing: Running, issuer: TokenIssuer, owner: Owner, path: str
) -> None:
    await add_card(billing, issuer, owner)
    for amount in (1100, 1200, 1300):
        await top_up(billing, issuer, owner, amount)
    amounts, cursor = [], None
    while True:
        page = await get(billing, issuer, owner, path, limit=2, **({"cursor": cursor} if cursor else {}))
        amounts += [(item.get("amount") or item["balance"])["amount_minor"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert amounts == [1300, 1200, 1100]
    answer = await billing.api.get(path, params={"cursor": "made-up"}, headers=issuer.headers(owner))
    assert (answer.status_code, answer.json()["code"]) == (422, "cursor_invalid")


async def test_an_unchanged_list_need_not_be_sent_again(billing: Running, issuer: TokenIssuer, owner: Owner) -> None:
    first = await billing.api.get("/api/v1/payments", headers=issuer.headers(owner))
    headers = {**issuer.headers(owner), "If-None-Match": first.headers["ETag"]}
    assert (await billing.api.get("/api/v1/payments", headers=headers)).status_code == 304


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/api/v1/payments"),
        ("GET", f"/api/v1/payments/{UUID(int=1)}"),
        ("GET", "/api/v1/balance"),
        ("GET", "/api/v1/balance/history"),
        ("POST", TOP_UPS),
    ],
)
async def test_each_path_wants_its_scope(
    billing: Running, issuer: TokenIssuer, owner: Owner, verb: str, path: str
) -> None:
    body = {"amount": usd(1000)} if verb == "POST" else None
    other = Scope.ACCOUNT_WRITE if verb == "GET" else Scope.ACCOUNT_READ
    assert (await billing.api.request(verb, path, json=body)).status_code == 401
    answer = await billing.api.request(verb, path, json=body, headers=issuer.headers(owner, other))
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
