"""Billing over HTTP for a whole module of tests: each takes owners of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx

from billing import jobs
from billing.app import service
from billing.settings import Settings
from tests.support.databases import PLACEHOLDER, Databases
from tests.support.running import OPERATOR, Running, running
from tests.support.tokens import ORIGIN, Owner, TokenIssuer

SECRET = "whsec_c2FuZGJveCB3ZWJob29rIHNlY3JldCBmb3IgdGVzdHM="
REQUIRED: dict[str, Any] = {"quote_key": "7a" * 32, "webhook_secret": SECRET}
GOOD = "4242 4242 4242 4242"


@asynccontextmanager
async def serving(databases: Databases, issuer: TokenIssuer, **settings_given: Any) -> AsyncIterator[Running]:
    url = await databases.clone(service, **REQUIRED)
    settings = Settings(
        database_url=url,
        broker_url=PLACEHOLDER,
        origin=ORIGIN,
        jwks_url=issuer.jwks_url,
        internal_credentials={"operator": OPERATOR},
        **REQUIRED | settings_given,
    )
    async with running(service, settings) as billing:
        await jobs.load_price_book(billing.runtime, datetime.now(UTC))
        yield billing
    await databases.drop(url)


def card(number: str = GOOD, **other: Any) -> dict[str, Any]:
    """The body that adds a card."""
    return {"card": {"number": number, "exp_month": 12, "exp_year": 2040, "cvc": "123", **other}}


async def add_card(billing: Running, issuer: TokenIssuer, owner: Owner, number: str = GOOD) -> dict[str, Any]:
    answer = await billing.api.post("/api/v1/payment-methods", json=card(number), headers=issuer.headers(owner))
    assert answer.status_code == 201, answer.text
    added: dict[str, Any] = answer.json()
    return added


async def top_up(
    billing: Running, issuer: TokenIssuer, owner: Owner, amount_minor: int = 1500, **headers: str
) -> httpx.Response:
    return await billing.api.post(
        "/api/v1/balance/top-ups",
        json={"amount": {"amount_minor": amount_minor, "currency": "USD"}},
        headers={**issuer.headers(owner), **headers},
    )
