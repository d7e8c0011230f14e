"""Payment methods: added, chosen, removed and forgotten; a card's number stays nowhere."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import inspect, select, text

from billing.adapters.sandbox_cards import BY_NAME
from billing.adapters.sandbox_models import SandboxMethod
from billing.errors import CardRefused
from billing.models import PaymentMethod
from billing.operations import accounts, methods
from billing.ports import SavedMethod, Unanswered
from shared.auth import Scope
from tests.billing.support.serving import GOOD, add_card, card, serving
from tests.support.databases import Databases
from tests.support.running import Running
from tests.support.tokens import Owner, TokenIssuer

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/api/v1/payment-methods"
DIGITS = GOOD.replace(" ", "")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def billing(databases: Databases, issuer: TokenIssuer) -> AsyncIterator[Running]:
    async with serving(databases, issuer) as billing:
        yield billing


@pytest.fixture
def owner() -> Owner:
    return Owner()


async def listed(billing: Running, issuer: TokenIssuer, owner: Owner) -> list[dict[str, Any]]:
    answer = await billing.api.get(PATH, headers=issuer.headers(owner))
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_the_first_card_is_the_default_and_later_ones_are_not(
    billing: Running, issuer: TokenIssuer, owner: Owner
) -> None:
    first = await add_card(billing, issuer, owner)
    second = await add_card(billing, issuer, owner, "5555555555554444")
    assert (first["brand"], first["last4"], first["is_default"]) == ("visa", "4242", True)
    assert (second["brand"], second["last4"], second["is_default"]) == ("mastercard", "4444", False)
    assert [item["payment_method_id"] for item in await listed(billing, issuer, owner)] == [
        second["payment_method_id"],
        first["payment_method_id"],
    ]


async def test_the_sandbox_takes_a_card_as_it_is_typed(billing: Running, issuer: TokenIssuer, owner: Owner) -> None:
    answer = await billing.api.get(f"{PATH}/form", headers=issuer.headers(owner))
    assert answer.json() == {"provider": "sandbox", "publishable_key": None}
    assert (await billing.api.get(f"{PATH}/form")).status_code == 401


async def test_with_stripe_a_card_is_given_in_stripes_own_form(
    databases: Databases, issuer: TokenIssuer, owner: Owner
) -> None:
    keys = {"stripe_api_key": "sk_test_1", "stripe_webhook_secret": "whsec_1", "stripe_publishable_key": "pk_test_1"}
    async with serving(databases, issuer, provider="stripe", **keys) as billing:
        answer = await billing.api.get(f"{PATH}/form", headers=issuer.headers(owner))
    assert answer.json() == {"provider": "stripe", "publishable_key": "pk_test_1"}


async def test_a_list_goes_on_where_its_page_ended(billing: Running, issuer: TokenIssuer, owner: Owner) -> None:
    added = [(await add_card(billing, issuer, owner))["payment_method_id"] for _ in range(3)]
    page = (await billing.api.get(PATH, params={"limit": 2}, headers=issuer.headers(owner))).json()
    rest = await billing.api.get(
        PATH, params={"limit": 2, "cursor": page["next_cursor"]}, headers=issuer.headers(owner)
    )
    assert [item["payment_method_id"] for item in [*page["items"], *rest.json()["items"]]] == added[::-1]
    assert rest.json()["next_cursor"] is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (card("4242 4242 4242 4241"), "incorrect_number"),
        (card("4242 4242 4242 424x"), "incorrect_number"),
        (card("٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢"), "incorrect_number"),
        (card("4111 1111 1111 1111"), "not_a_test_card"),
        (card(exp_year=2020), "expired_card"),
        (card(exp_year=2999), "invalid_expiry"),
        (card(cvc="1234"), "incorrect_cvc"),
        (card(BY_NAME["refused"].number), "card_declined"),
        ({"token": "pm_1PqXabcd"}, "wrong_form"),
    ],
)
async def test_a_card_that_makes_no_sense_is_refused_with_a_reason(
    billing: Running, issuer: TokenIssuer, owner: Owner, body: dict[str, Any], reason: str
) -> None:
    answer = await billing.api.post(PATH, json=body, headers=issuer.headers(owner))
    assert (answer.status_code, answer.json()["code"], answer.json()["reason"]) == (422, "card_refused", reason)
    assert await listed(billing, issuer, owner) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {**card(), "token": "pm_1PqXabcd"},
        {**card(), "default": True},
        card(exp_month=13),
        card(exp_month="12"),
        card(number="4242"),
        {"card": {**card()["card"], "number": 4242424242424242}},
        card(cvc="12"),
        {"token": "pm_1; DROP TABLE"},
    ],
)
async def test_a_request_of_another_form_is_refused_without_repeating_it(
    billing: Running, issuer: TokenIssuer, owner: Owner, body: dict[str, Any]
) -> None:
    answer = await billing.api.post(PATH, json=body, headers=issuer.headers(owner))
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert "4242" not in answer.text


async def test_a_cards_number_is_in_no_table_no_log_and_no_answer(
    billing: Running, issuer: TokenIssuer, owner: Owner, caplog: pytest.LogCaptureFixture, capsys: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    headers = {**issuer.headers(owner), "Idempotency-Key": str(uuid4())}
    added = await billing.api.post(PATH, json=card(), headers=headers)
    refused = await billing.api.post(PATH, json=card(cvc="987654"), headers=issuer.headers(owner))
    again = await billing.api.post(PATH, json=card(cvc="9876"), headers=issuer.headers(owner))
    assert [answer.status_code for answer in (added, refused, again)] == [201, 422, 422]
    kept = await everything_kept(billing)
    printed = capsys.readouterr()
    seen = [added.text, refused.text, again.text, caplog.text, printed.out, printed.err, kept]
    for secret in (DIGITS, GOOD, '"987654"', '"9876"'):
        assert not [place for place in seen if secret in place], f"{secret} was kept or told"
    assert added.json()["payment_method_id"] in kept, "the tables were not read"


async def test_what_is_kept_of_a_repeated_request_cannot_be_compared_with_guesses(
    billing: Running, issuer: TokenIssuer, owner: Owner
) -> None:
    """Two requests that are the same in all but their keys leave nothing in common."""
    for _ in range(2):
        headers = {**issuer.headers(owner), "Idempotency-Key": str(uuid4())}
        await billing.api.post(PATH, json=card(), headers=headers)
    async with billing.runtime.database.reading() as session:
        hashes = list(await session.scalars(text("SELECT request_hash FROM idempotent_responses")))
    assert len(hashes) == len(set(hashes)) >= 2


async def test_the_same_key_adds_one_card_and_another_body_is_refused(
    billing: Running, issuer: TokenIssuer, owner: Owner
) -> None:
    headers = {**issuer.headers(owner), "Idempotency-Key": str(uuid4())}
    first, second = [await billing.api.post(PATH, json=card(), headers=headers) for _ in range(2)]
    assert first.status_code == 201
    assert first.json() == second.json()
    assert len(await listed(billing, issuer, owner)) == 1
    other = await billing.api.post(PATH, json=card("5555555555554444"), headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_of_two_cards_added_at_once_one_is_the_default(billing: Running, owner: Owner) -> None:
    """The race is forced: the second is kept while the first one's transaction is open."""
    database, now = billing.runtime.database, datetime.now(UTC)

    async def keep() -> None:
        async with database.transaction() as session:
            await methods.keep(session, owner.owner_id, "sandbox", saved(), now)

    async with database.transaction() as session:
        await accounts.lock(session, owner.owner_id, now)
    async with database.transaction() as session:
        await methods.keep(session, owner.owner_id, "sandbox", saved(), now)
        contender = asyncio.create_task(keep())
        await asyncio.sleep(0.1)
        assert not contender.done()
    await contender
    async with database.reading() as session:
        found = await session.scalars(select(PaymentMethod).where(PaymentMethod.owner_id == owner.owner_id))
        assert sorted(method.is_default for method in found) == [False, True]


async def test_there_are_at_most_ten_cards(billing: Running, issuer: TokenIssuer, owner: Owner) -> None:
    async with billing.runtime.database.transaction() as session:
        for _ in range(methods.MOST):
            await methods.keep(session, owner.owner_id, "sandbox", saved(), datetime.now(UTC))
    answer = await billing.api.post(PATH, json=card(), headers=issuer.headers(owner))
    assert (answer.status_code, answer.json()["code"]) == (409, "payment_method_limit")


async def test_a_token_that_is_another_owners_card_is_refused(billing: Running, owner: Owner) -> None:
    known = saved()
    async with billing.runtime.database.transaction() as session:
        await methods.keep(session, uuid4(), "sandbox", known, datetime.now(UTC))
    with pytest.raises(CardRefused):
        async with billing.runtime.database.transaction() as session:
            await methods.keep(session, owner.owner_id, "sandbox", known, datetime.now(UTC))


async def test_another_card_can_be_made_the_default(billing: Running, issuer: TokenIssuer, owner: Owner) -> None:
    await add_card(billing, issuer, owner)
    second = await add_card(billing, issuer, owner)
    path = f"{PATH}/{second['payment_method_id']}/default"
    answer = await billing.api.put(path, headers=issuer.headers(owner))
    assert (answer.status_code, answer.json()["is_default"]) == (200, True)
    assert [item["is_default"] for item in await listed(billing, issuer, owner)] == [True, False]


async def test_the_newest_other_card_follows_a_default_that_is_removed(
    billing: Running, issuer: TokenIssuer, owner: Owner
) -> None:
    first, second, third = [await add_card(billing, issuer, owner) for _ in range(3)]
    for removed, default in ((first, third), (third, second)):
        path = f"{PATH}/{removed['payment_method_id']}"
        assert (await billing.api.delete(path, headers=issuer.headers(owner))).status_code == 204
        defaults = [item["payment_method_id"] for item in await listed(billing, issuer, owner) if item["is_default"]]
        assert defaults == [default["payment_method_id"]]


async def test_a_removed_card_is_gone_and_the_provider_forgets_it(
    billing: Running, issuer: TokenIssuer, owner: Owner
) -> None:
    added = await add_card(billing, issuer, owner)
    path = f"{PATH}/{added['payment_method_id']}"
    answers = [(await billing.api.delete(path, headers=issuer.headers(owner))).status_code for _ in range(2)]
    assert answers == [204, 404]
    method = await row_of(billing, added)
    assert (method.forget_due_at is not None, method.forgotten_at) == (True, None)
    await forget(billing, datetime.now(UTC))
    method = await row_of(billing, added)
    assert (method.forget_due_at, method.forgotten_at is not None) == (None, True)
    async with billing.runtime.database.reading() as session:
        assert (await session.get_one(SandboxMethod, method.token)).forgotten_at is not None


async def test_a_provider_that_does_not_answer_is_told_again_to_forget(
    billing: Running, issuer: TokenIssuer, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = await add_card(billing, issuer, owner)
    await billing.api.delete(f"{PATH}/{added['payment_method_id']}", headers=issuer.headers(owner))

    async def silent(method: SavedMethod) -> None:
        raise Unanswered("as the test wants it")

    now = datetime.now(UTC)
    with monkeypatch.context() as context:
        context.setattr(billing.runtime.adapters.provider, "forget_method", silent)
        await forget(billing, now)
    await forget(billing, now)
    assert (await row_of(billing, added)).forgotten_at is None
    await forget(billing, now + methods.FORGET_AGAIN)
    assert (await row_of(billing, added)).forgotten_at is not None


async def test_a_card_cannot_be_added_while_the_provider_does_not_answer(
    billing: Running, issuer: TokenIssuer, owner: Owner, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*_: object) -> SavedMethod:
        raise Unanswered("as the test wants it")

    monkeypatch.setattr(billing.runtime.adapters.provider, "save_method", silent)
    answer = await billing.api.post(PATH, json=card(), headers=issuer.headers(owner))
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_unavailable")
    assert answer.headers["Retry-After"] == "5"


async def test_a_card_that_is_being_charged_cannot_be_removed(
    billing: Running, issuer: TokenIssuer, owner: Owner
) -> None:
    added = await add_card(billing, issuer, owner, BY_NAME["unreachable"].number)
    body = {"amount": {"amount_minor": 1000, "currency": "USD"}}
    await billing.api.post("/api/v1/balance/top-ups", json=body, headers=issuer.headers(owner))
    answer = await billing.api.delete(f"{PATH}/{added['payment_method_id']}", headers=issuer.headers(owner))
    assert (answer.status_code, answer.json()["code"]) == (409, "payment_method_in_use")


async def test_another_owners_card_is_not_found(billing: Running, issuer: TokenIssuer, owner: Owner) -> None:
    added = await add_card(billing, issuer, Owner())
    path, headers = f"{PATH}/{added['payment_method_id']}", issuer.headers(owner)
    assert (await billing.api.delete(path, headers=headers)).status_code == 404
    assert (await billing.api.put(f"{path}/default", headers=headers)).status_code == 404
    assert await listed(billing, issuer, owner) == []


@pytest.mark.parametrize(
    ("verb", "path"),
    [("GET", PATH), ("POST", PATH), ("PUT", f"{PATH}/{UUID(int=1)}/default"), ("DELETE", f"{PATH}/{UUID(int=1)}")],
)
async def test_each_path_wants_its_scope(
    billing: Running, issuer: TokenIssuer, owner: Owner, verb: str, path: str
) -> None:
    body = card() if verb == "POST" else None
    other = Scope.ACCOUNT_WRITE if verb == "GET" else Scope.ACCOUNT_READ
    assert (await billing.api.request(verb, path, json=body)).status_code == 401
    answer = await billing.api.request(verb, path, json=body, headers=issuer.headers(owner, other, Scope.BACKUPS_WRITE))
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


def saved() -> SavedMethod:
    return SavedMethod("customer_1", f"card_{uuid4().hex}", "visa", "4242", 12, 2040)


async def forget(billing: Running, now: datetime) -> None:
    while await methods.forget_due(billing.runtime.database, billing.runtime.adapters, now):
        pass


async def row_of(billing: Running, added: dict[str, Any]) -> PaymentMethod:
    async with billing.runtime.database.reading() as session:
        found: PaymentMethod = await session.get_one(PaymentMethod, UUID(added["payment_method_id"]))
    return found


async def everything_kept(billing: Running) -> str:
    """Every row of every table, as text."""
    async with billing.runtime.database.engine.connect() as connection:
        tables = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        rows = [await connection.execute(text(f'SELECT t::text FROM "{table}" t')) for table in tables]
        return "\n".join(str(row[0]) for result in rows for row in result)
