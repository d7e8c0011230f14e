"""What must hold in every state of the world, and at its end."""

from restore.domain.axes import Compute, Payment
from restore.domain.order import State
from tests.restore.model.world import LIVE, Broken, World

TAKEN = {State.COMPLETED: "full", State.RETURNED: "part"}
ORDERS = {
    Payment.NONE: ("none",),
    Payment.REFUSED: ("none", "failed"),
    Payment.RELEASED: ("released", "failed"),
    Payment.CAPTURED: ("full", "part"),
    Payment.BILLED: ("full", "part"),
}


def check(world: World) -> None:
    """Raises Broken."""
    _machine(world)
    if world.is_over:
        _end(world)
        if is_quiet(world):
            _belief(world)


def is_quiet(world: World) -> bool:
    """Everything that was asked or told has arrived, and nobody has anything left to do."""
    return world.billing.is_quiet and world.cloud.is_quiet and not world.is_confirming


def _machine(world: World) -> None:
    if world.asked == "full" and world.saga.compute is Compute.UNWANTED:
        raise Broken("a machine that is paid for is to go")
    if world.asked == "full" and ("return" in world.cloud.asks or world.cloud.machine == "ending"):
        raise Broken("a machine that is paid for ends")


def _end(world: World) -> None:
    if world.asked != TAKEN.get(world.saga.state, ""):
        raise Broken(f"a restore is {world.saga.state}, and {world.asked or 'nothing'} was to be taken")
    if world.saga.state is not State.COMPLETED and world.cloud.machine in LIVE:
        raise Broken(f"a restore is {world.saga.state}, and its machine is {world.cloud.machine}")


def _belief(world: World) -> None:
    billing, saga = world.billing, world.saga
    if billing.card != "free":
        raise Broken(f"a restore is {saga.state}, and the money is {billing.card}")
    if billing.order not in ORDERS.get(saga.payment, ()):
        raise Broken(f"the money is believed to be {saga.payment}, and the order is {billing.order}")
    if billing.order in ("full", "part") and billing.order != world.asked:
        raise Broken("something else was taken than what was asked for")
    if saga.payment is Payment.BILLED and billing.took == "card":
        raise Broken("it is believed to be invoiced, and the card was charged")
    has_machine = saga.compute not in (Compute.NONE, Compute.GONE)
    if has_machine is not (world.cloud.machine in LIVE):
        raise Broken(f"the machine is believed to be {saga.compute}, and is {world.cloud.machine}")
