"""Every step that the world around a restore may take, from any of its states.

A step is fair when it happens in the end: a message arrives, a bank or a provider answers, time goes by. What owners,
agents and accidents do is not: nothing may depend on it.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from restore.domain.axes import GONE
from restore.domain.facts import Fact
from restore.domain.order import CANCELLED_BY, LIMITS, State
from tests.restore.model.world import LISTENING, LIVE, PLACES, Agent, Billing, Broken, Cloud, World, hear

Step = tuple[str, bool, World]
"""A name, whether it is fair, and where it leads."""

WORKING_PHASES = ("offered", "wrong", "right", "validating")


def steps(world: World) -> Iterator[Step]:
    yield from _time(world)
    yield from _owner(world)
    yield from _words_of_billing(world)
    for name, is_fair, billing in _billing(world.billing):
        yield name, is_fair, world.but(billing=billing)
    yield from _words_of_provisioning(world)
    for name, is_fair, cloud in _provisioning(world.cloud):
        yield name, is_fair, world.but(cloud=cloud)
    if world.cloud.machine == "up":
        enrolled = world.cloud.tell(Fact.AGENT_ENROLLED, "enrolled")
        yield "the agent enrols", False, world.but(cloud=enrolled)
    if world.cloud.machine in PLACES and world.saga.state in LISTENING:
        yield from _agent(world)


def _time(world: World) -> Iterator[Step]:
    state = world.saga.state
    if state in LIMITS:
        yield "time is over", True, hear(world, Fact.TIME_OVER)
    if state in (State.UNDOING, State.CAPTURING):
        yield "asked often", False, hear(world, Fact.ASKED_OFTEN)
    if state is State.NEEDS_OPERATOR:
        yield "an operator lets it go on", True, hear(world, Fact.REDRIVEN)
    if not world.is_over:
        yield "the backup is deleted", False, hear(world, Fact.BACKUP_DELETED)


def _owner(world: World) -> Iterator[Step]:
    state, cloud = world.saga.state, world.cloud
    if state is State.QUOTING:
        yield "a quote", False, hear(world, Fact.QUOTED)
        yield "no quote", False, hear(world, Fact.QUOTE_REFUSED)
    if state is State.QUOTED and not world.is_confirming:
        yield from _confirm(world)
    if world.is_confirming:
        yield from _reserve(replace(world, is_confirming=False))
    if state in CANCELLED_BY:
        yield "the owner cancels", False, hear(world, Fact.CANCELLED)
    if state is State.AWAITING_PASSWORD and world.agent == Agent("offered"):
        for password in ("right", "wrong"):
            sealed = world.but(agent=Agent("offered", password))
            yield f"a {password} password", False, hear(sealed, Fact.PASSWORD_SEALED)
    if cloud.machine in ("reserved", "queued"):
        over = world.but(cloud=cloud.tell(Fact.MACHINE_TAKEN_BACK, "over"))
        yield "the owner returns what is not made yet", False, over
    if cloud.machine in ("up", "enrolled"):
        yield "the owner returns the machine", False, world.but(cloud=replace(cloud, machine="taken_back"))


def _confirm(world: World) -> Iterator[Step]:
    """The intent to keep a name is written down, under an id of its own; then provisioning is called."""
    confirming = replace(world, is_confirming=True)
    if world.saga.compute in GONE:
        if world.cloud.machine in LIVE:
            raise Broken("another name is reserved while a machine exists")
        confirming = hear(confirming.but(cloud=Cloud()), Fact.NAME_RESERVED)
    yield "the owner confirms", False, confirming


def _reserve(world: World) -> Iterator[Step]:
    """What comes of that call."""
    yield "the name is refused", True, world
    if world.cloud.machine == "over":
        yield "the reserved is over", True, hear(world, Fact.MACHINE_LOST)
        return
    kept = world
    if world.cloud.machine == "none":
        kept = world.but(cloud=replace(world.cloud, machine="reserved"))
        yield "the name is kept, and the caller dies", False, kept
    yield "the name is kept", True, hear(kept, Fact.CONFIRMED)


def _words_of_billing(world: World) -> Iterator[Step]:
    billing = world.billing
    if billing.words:
        word, *rest = billing.words
        heard = replace(billing, words=tuple(rest), heard=billing.heard | {word})
        yield f"told {word}", True, hear(world.but(billing=heard), word)
    for word in billing.heard:
        yield f"told {word} again", False, hear(world, word)


@cache
def _billing(billing: Billing) -> tuple[tuple[str, bool, Billing], ...]:
    return tuple(_of_billing(billing))


def _of_billing(billing: Billing) -> Iterator[tuple[str, bool, Billing]]:
    for ask in billing.asks:
        yield from _billing_asked(billing, ask, replace(billing, asks=billing.asks - {ask}))
    yield from _order(billing)
    yield from _card(billing)


def _billing_asked(billing: Billing, ask: str, rest: Billing) -> Iterator[tuple[str, bool, Billing]]:
    order = billing.order
    match ask, order:
        case "hold", "none" | "failed":
            yield "an order is placed", True, replace(rest, order="placed", card="asking")
            yield "an order is refused", True, rest.tell(Fact.MONEY_NOT_HELD)
        case "hold", "released":
            yield "what was called off is refused", True, rest.tell(Fact.MONEY_NOT_HELD)
        case "hold", _:
            yield "an order is known", True, rest
        case "release", "placed":
            yield "the order is released", True, replace(rest, order="released")
        case "release", "held":
            yield "the order is released", True, replace(rest, order="released", card="letting_go")
            yield "a release is not heard", False, rest
        case "release", "failed":
            yield "the order is released", True, replace(rest, order="released")
        case "release", "none":
            # One that was refused, or whose word is still on its way, will not be placed any more.
            yield "the quote is called off", True, rest.tell(Fact.MONEY_RELEASED, order="released")
        case "release", _:
            yield "nothing is released", True, rest
        case (("full" | "part"), "held"):
            yield "what is held is taken", True, replace(rest, order=ask, card="taking", took="card")
            yield "too little for a card", True, replace(rest, order=ask, card="letting_go", took="invoice")
        case (("full" | "part"), "failed" | "released"):
            # What is let go of is told first or later; the invoice stands by itself.
            yield "it is invoiced", True, rest.tell(Fact.MONEY_BILLED, order=ask, took="invoice")
        case (("full" | "part"), "full" | "part"):
            yield "it is fulfilled already", True, rest
        case _:
            # Not known yet: the message comes again.
            pass


def _order(billing: Billing) -> Iterator[tuple[str, bool, Billing]]:
    if billing.order == "placed":
        yield "a day is over", True, replace(billing, order="released")
    if billing.order == "held":
        yield "a day is over", True, replace(billing, order="released", card="letting_go")


def _card(billing: Billing) -> Iterator[tuple[str, bool, Billing]]:
    placed = billing.order == "placed"
    match billing.card:
        case "asking" if placed:
            yield "the card holds", True, billing.tell(Fact.MONEY_HELD, order="held", card="held")
            yield "the card declines", True, billing.tell(Fact.MONEY_NOT_HELD, order="failed", card="free")
        case "asking":
            yield "the card holds in vain", True, replace(billing, card="letting_go")
            yield "the card declines in vain", True, billing.tell(Fact.MONEY_RELEASED, card="free")
            yield "the card is charged by hand", False, billing.tell(Fact.MONEY_CAPTURED, card="free")
        case "held":
            yield "the hold is lost", False, billing.tell(Fact.MONEY_NOT_HELD, order="failed", card="free")
            yield "the card is charged by hand", False, billing.tell(Fact.MONEY_CAPTURED, order="failed", card="free")
        case "letting_go":
            yield "the card is free", True, billing.tell(Fact.MONEY_RELEASED, card="free")
            if billing.order == "released":
                yield "the card is charged by hand", False, billing.tell(Fact.MONEY_CAPTURED, card="free")
        case "taking":
            yield "the card is charged", True, billing.tell(Fact.MONEY_CAPTURED, card="free")
            yield "the card fails", True, billing.tell(Fact.MONEY_NOT_HELD, card="free", took="invoice")


def _words_of_provisioning(world: World) -> Iterator[Step]:
    """In any order."""
    for word in world.cloud.words:
        heard = world.but(cloud=replace(world.cloud, words=world.cloud.words - {word}))
        yield f"told {word}", True, hear(heard, word)
        yield f"told {word}, which comes again", False, hear(world, word)


@cache
def _provisioning(cloud: Cloud) -> tuple[tuple[str, bool, Cloud], ...]:
    return tuple(_of_provisioning(cloud))


def _of_provisioning(cloud: Cloud) -> Iterator[tuple[str, bool, Cloud]]:
    for ask in cloud.asks:
        yield from _provisioning_asked(cloud, ask, replace(cloud, asks=cloud.asks - {ask}))
    match cloud.machine:
        case "reserved":
            yield "the name is free again", True, cloud.tell(Fact.MACHINE_LOST, "over")
        case "queued":
            yield "a machine is up", True, cloud.tell(Fact.MACHINE_RUNNING, "up")
            yield "no machine can be had", True, cloud.tell(Fact.MACHINE_LOST, "over")
            yield "no machine will be had", True, cloud.tell(Fact.MACHINE_REFUSED, "over")
        case "up" | "enrolled":
            yield "the machine is lost", False, cloud.tell(Fact.MACHINE_LOST, "over")
        case "ending":
            yield "the machine is gone", True, cloud.tell(Fact.MACHINE_LOST, "over")
        case "taken_back":
            yield "the machine is gone", True, cloud.tell(Fact.MACHINE_TAKEN_BACK, "over")


def _provisioning_asked(cloud: Cloud, ask: str, rest: Cloud) -> Iterator[tuple[str, bool, Cloud]]:
    match ask, cloud.machine:
        case "want", "none" | "reserved":
            yield "a machine is queued", True, replace(rest, machine="queued")
        case "return", "none" | "reserved" | "queued":
            yield "it is called off", True, rest.tell(Fact.MACHINE_LOST, "over")
        case "return", "up" | "enrolled":
            yield "its end begins", True, replace(rest, machine="ending")
        case _:
            yield "it is known", True, rest
    if ask == "return":
        yield "a return is not heard", False, rest


def _agent(world: World) -> Iterator[Step]:
    agent = world.agent
    if agent.phase in WORKING_PHASES:
        yield "the agent is restarted", False, world.but(agent=Agent("idle", agent.sealed))
    if agent.phase in ("idle", "wrong"):
        offered = replace(world, agent=Agent("offered"), was_ready=True)
        yield "the agent offers a key", False, hear(offered, Fact.KEY_OFFERED)
    for phase in _next_phases(agent):
        yield f"the agent: {phase}", False, world.but(agent=replace(agent, phase=phase))
    for fact in _reports(agent):
        yield f"the agent reports {fact}", False, hear(world, fact)


def _next_phases(agent: Agent) -> tuple[str, ...]:
    match agent.phase:
        case "offered" if agent.sealed != "nothing":
            return (agent.sealed,)
        case "right":
            return ("validating", "failed")
        case "validating":
            return ("usable", "failed")
    return ()


def _reports(agent: Agent) -> tuple[Fact, ...]:
    """What it may say now: its word of the moment, or an earlier one of this round again."""
    match agent.phase:
        case "wrong":
            return (Fact.PASSWORD_WRONG, Fact.PASSWORDS_OVER)
        case "right":
            return (Fact.PASSWORD_RIGHT,)
        case "validating":
            return (Fact.PASSWORD_RIGHT, Fact.DATA_VALIDATING)
        case "usable":
            return (Fact.PASSWORD_RIGHT, Fact.DATA_VALIDATING, Fact.DATA_USABLE)
        case "failed":
            return (Fact.PASSWORD_RIGHT, Fact.DATA_VALIDATING, Fact.DATA_FAILED)
    return ()
