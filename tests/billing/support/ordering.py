"""What tests of orders begin with, and what they look at."""

from uuid import UUID, uuid4

from sqlalchemy import select

from billing.adapters.sandbox_models import SandboxCharge
from billing.domain import ledger as movements
from billing.models import Order
from billing.operations import accounts, ledger, top_ups
from tests.billing.support.world import World


async def give(world: World, *, promotional: int = 0, balance: int = 0) -> None:
    """Promotional balance, and balance paid in by a card that works."""
    if balance:
        async with world.database.transaction() as session:
            await top_ups.ask(session, world.owner_id, balance, "USD", None, world.now)
        await world.work()
    async with world.database.transaction() as session:
        account = await accounts.lock(session, world.owner_id, world.now)
        grant = movements.grant(f"grant:{uuid4()}", promotional, "A present")
        if await ledger.post(session, world.owner_id, "USD", grant, world.now):
            account.promotional_minor += promotional


async def order_of(world: World, order_id: UUID) -> Order:
    [order] = [each for each in await world.every(Order) if each.id == order_id]
    assert isinstance(order, Order)
    return order


async def charges(world: World) -> list[tuple[str, int, int]]:
    """What the bank knows: how each charge stands, its amount, and what was taken of it."""
    async with world.database.reading() as session:
        found = await session.scalars(
            select(SandboxCharge).order_by(SandboxCharge.created_at, SandboxCharge.amount_minor)
        )
        return [(str(each.standing), each.amount_minor, each.captured_minor) for each in found]
