"""Whatever happens to an owner's bills, in whatever order: the books balance after every step."""

import random
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import pytest

from billing.domain.invoices import InvoiceState
from billing.domain.ledger import Account as LedgerAccount
from billing.errors import InvoiceFinal, InvoiceNotPayable, PaymentMethodNeeded
from billing.models import CreditNote, Invoice, Payment, Refund
from billing.operations import collect, credit_notes, invoices, methods
from tests.billing.support.books import trial_balance
from tests.billing.support.invoicing import give, issued
from tests.billing.support.world import World

STEPS = 30
CARDS = (
    "visa",
    "declines",
    "recovers_after_1",
    "authorise_answer_lost",
    "capture_answer_lost",
    "refund_failed",
    "late",
)


class Life:
    """An owner to whom one thing after another happens, chosen by chance."""

    def __init__(self, world: World, chance: random.Random) -> None:
        self.world, self.chance = world, chance

    def steps(self) -> dict[Callable[[], Awaitable[None]], int]:
        """Each with how often it comes."""
        return {
            self.is_billed: 6,
            self.is_given_money: 2,
            self.takes_another_card: 2,
            self.lets_time_pass: 6,
            self.pays_by_hand: 3,
            self.is_credited: 4,
            self.is_let_off: 1,
        }

    async def is_billed(self) -> None:
        amounts = [self.chance.choice((1, 45, 99, 100, 730, 4900)) for _ in range(self.chance.randint(1, 3))]
        await issued(self.world.database, self.world.owner_id, *amounts, now=self.world.now)

    async def is_given_money(self) -> None:
        promotional, balance = self.chance.choice(((200, 0), (0, 350), (60, 60)))
        await give(
            self.world.database, self.world.owner_id, promotional=promotional, balance=balance, now=self.world.now
        )

    async def takes_another_card(self) -> None:
        method_id = await self.world.add_card(self.chance.choice(CARDS))
        async with self.world.database.transaction() as session:
            await methods.make_default(session, self.world.owner_id, method_id, self.world.now)

    async def lets_time_pass(self) -> None:
        await self.world.travel(timedelta(hours=self.chance.choice((1, 30, 80, 200))))

    async def pays_by_hand(self) -> None:
        if (chosen := await self.some_invoice()) is None:
            return
        try:
            async with self.world.database.transaction() as session:
                account, invoice = await invoices.lock_by_id(session, chosen.id, self.world.now)
                await collect.pay_now(session, account, invoice, None, self.world.now)
        except (InvoiceNotPayable, PaymentMethodNeeded):
            pass
        if self.chance.random() < 0.5:
            await self.world.work()

    async def is_credited(self) -> None:
        chosen = await self.some_invoice()
        if chosen is None or chosen.state == InvoiceState.VOID:
            return
        net, keep = self.chance.choice((1, 50, 400, 9999)), self.chance.choice((0, 0, 30, 9999))
        async with self.world.database.transaction() as session:
            account, invoice = await invoices.lock_by_id(session, chosen.id, self.world.now)
            await credit_notes.credit(
                session, account, invoice, net, "By chance", str(uuid4()), self.world.now, keep_as_balance_minor=keep
            )

    async def is_let_off(self) -> None:
        if (chosen := await self.some_invoice()) is None:
            return
        end = self.chance.choice((invoices.void, invoices.give_up))
        try:
            async with self.world.database.transaction() as session:
                await end(session, *await invoices.lock_by_id(session, chosen.id, self.world.now), self.world.now)
        except InvoiceFinal:
            pass

    async def some_invoice(self) -> Invoice | None:
        found = await self.world.invoices()
        return self.chance.choice(found) if found else None


@pytest.mark.parametrize("seed", [0, 1, 3, 9])
async def test_the_books_balance_after_every_step_of_any_life(world: World, seed: int) -> None:
    life = Life(world, random.Random(seed))
    steps = life.steps()
    for _ in range(STEPS):
        await life.chance.choices(list(steps), list(steps.values()))[0]()
        await world.check_books()
    await world.travel(timedelta(days=40))
    await world.check_books()
    await assert_all_is_paid_for(world)


async def assert_all_is_paid_for(world: World) -> None:
    """What cards gave, less what went back, is what invoices say was paid by card, and what is balance."""
    every = await world.invoices()
    taken = sum(payment.captured_minor for payment in await world.every(Payment))
    refunds = [each for each in await world.every(Refund) if each.state == "refunded"]
    async with world.database.reading() as session:
        books = await trial_balance(session)
    card = books.get((str(world.owner_id), LedgerAccount.CARD), 0)
    assert card == taken - sum(each.amount_minor for each in refunds)
    paid = sum(each.card_minor + each.balance_minor for each in every)
    notes: list[CreditNote] = await world.credit_notes()
    back = sum(note.to_card_minor + note.to_balance_minor for note in notes)
    assert card == paid - back + (await world.account()).balance_minor
    assert all(note.total_minor > 0 for note in notes)
