"""Payments: asked, held, taken, let go; what is not known is asked about and never charged twice."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from billing.domain.payments import PaymentState
from billing.models import Account
from tests.billing.support.books import assert_books_balance
from tests.billing.support.paying import Payments, assert_provider_agrees, moves, paying, told
from tests.support.databases import Databases


@pytest.fixture
async def world(databases: Databases) -> AsyncIterator[Payments]:
    async with paying(databases) as world:
        yield world


async def test_a_top_up_is_charged_in_one_turn_and_becomes_balance(world: Payments) -> None:
    owner = uuid4()
    await world.card(owner)
    payment_id = await world.top_up(owner, 1500)
    assert await world.work(payment_id) == 1
    payment = await world.payment(payment_id)
    assert (payment.state, payment.captured_minor, payment.ask_due_at) == (PaymentState.CAPTURED, 1500, None)
    assert await moves(world, payment_id) == ["authorised", "capturing", "captured"]
    assert await told(world, payment_id) == ["billing.payment.authorised.v1", "billing.payment.captured.v1"]
    async with world.database.reading() as session:
        assert (await session.get_one(Account, owner)).balance_minor == 1500
        await assert_books_balance(session)
    await assert_provider_agrees(world)
