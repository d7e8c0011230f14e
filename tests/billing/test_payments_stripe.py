"""Payments over Stripe's own protocol: whatever answer is lost, one intent is charged once."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from billing.adapters import Adapters
from billing.domain.payments import PaymentState
from billing.models import Account
from billing.operations import methods, payments
from tests.billing.support.books import assert_books_balance
from tests.billing.support.paying import Payments, paying
from tests.support.databases import Databases
from tests.support.payments import NUMBERS, PATHS, StripeWorld, stripe_world

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    # The stripe library gives httpx its forms under an argument that httpx has renamed.
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stripe(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[StripeWorld]:
    home: Path = tmp_path_factory.mktemp("localstripe")
    async with stripe_world(home) as stripe:
        yield stripe


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(databases: Databases) -> AsyncIterator[Payments]:
    async with paying(databases) as world:
        yield world


@pytest.mark.parametrize("lost", ["nothing", "drop authorise", "refuse authorise", "drop capture", "refuse capture"])
async def test_a_top_up_is_charged_once_whatever_is_lost(world: Payments, stripe: StripeWorld, lost: str) -> None:
    owner, adapters = uuid4(), Adapters(stripe.provider, None, httpx.AsyncClient())
    token = await stripe.server.make_card(NUMBERS["pays"])
    saved = await methods.save(stripe.provider, owner, None, None, token)
    async with world.database.transaction() as session:
        await methods.keep(session, owner, "stripe", saved, world.now)
    payment_id = await world.top_up(owner, 1500)
    if lost != "nothing":
        how, operation = lost.split()
        fault: Any = how
        stripe.proxy.will(fault, "POST", PATHS[operation])
    await payments.work(world.database, adapters, world.now, payment_id)
    uncertain = (await world.payment(payment_id)).state
    assert (uncertain == PaymentState.CAPTURED) == (lost == "nothing")
    world.now += timedelta(minutes=1)
    await payments.work(world.database, adapters, world.now, payment_id)
    payment = await world.payment(payment_id)
    assert (payment.state, payment.captured_minor) == (PaymentState.CAPTURED, 1500)
    assert [intent["amount_received"] for intent in await stripe.intents(payment_id)] == [1500]
    async with world.database.reading() as session:
        assert (await session.get_one(Account, owner)).balance_minor == 1500
        await assert_books_balance(session)
    await adapters.http.aclose()
