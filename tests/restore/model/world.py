"""The world around one restore: what is true of its money and its machine, what is on its way, and what the saga knows.

The truth is kept apart from the saga: no step reads the saga to know what became of money or machine.
"""

from dataclasses import dataclass, replace
from functools import cache

from restore.domain.axes import Compute, Payment
from restore.domain.facts import Effect, Fact
from restore.domain.order import State
from restore.domain.saga import Saga, Step, heed

LIVE = frozenset({"queued", "up", "enrolled", "ending", "taken_back"})
"""A machine exists, or may be made at any moment."""
PLACES = frozenset({"enrolled", "ending", "taken_back"})
"""A machine exists, and its agent may be heard."""
TERMINAL = frozenset({State.COMPLETED, State.FAILED, State.CANCELLED, State.EXPIRED, State.RETURNED})
LISTENING = frozenset(
    {
        State.PROVISIONING,
        State.INSTALLING,
        State.AWAITING_PASSWORD,
        State.VERIFYING_PASSWORD,
        State.RESTORING,
        State.VALIDATING,
    }
)
"""The agent's calls are answered."""
PASSWORD_STATES = frozenset({State.AWAITING_PASSWORD, State.VERIFYING_PASSWORD})


class Broken(AssertionError):
    """What must never be has come to be."""


@dataclass(frozen=True, slots=True)
class Billing:
    """The order and its money.

    ``order``: none, placed, held, failed, released, full or part (fulfilled so). ``card``: free, asking, held,
    letting_go, taking. ``asks``: what the saga asked and billing has not heard. ``words``: what it told and the saga
    has not heard, in order; ``heard``: what the saga was told of this try, which may come again.
    """

    order: str = "none"
    card: str = "free"
    took: str = "nothing"
    asks: frozenset[str] = frozenset()
    words: tuple[Fact, ...] = ()
    heard: frozenset[Fact] = frozenset()

    def tell(self, *words: Fact, **changes: str) -> "Billing":
        return replace(self, words=self.words + words, **changes)  # type: ignore[arg-type]

    @property
    def is_quiet(self) -> bool:
        return not self.asks and not self.words and self.card in ("free", "held")


@dataclass(frozen=True, slots=True)
class Cloud:
    """The one machine that there may be: those before it are over for certain.

    ``machine``: none, reserved, queued, up, enrolled, ending, taken_back (ending too, by its owner) or over.
    """

    machine: str = "none"
    asks: frozenset[str] = frozenset()
    words: frozenset[Fact] = frozenset()

    def tell(self, word: Fact, machine: str) -> "Cloud":
        return replace(self, machine=machine, words=self.words | {word})

    @property
    def is_quiet(self) -> bool:
        return not self.asks and not self.words and self.machine in ("none", "up", "enrolled", "over")


@dataclass(frozen=True, slots=True)
class Agent:
    """The agent on the machine, and what was sealed for its last key.

    ``phase``: idle, offered, wrong, right, validating, usable or failed. ``sealed``: nothing, right or wrong.
    """

    phase: str = "idle"
    sealed: str = "nothing"


NOBODY = Agent()


@dataclass(frozen=True, slots=True)
class World:
    """Everything; ``was_ready``: a password was asked for; ``asked``: what was ever to be taken, full or part."""

    saga: Saga = Saga()
    billing: Billing = Billing()
    cloud: Cloud = Cloud()
    agent: Agent = NOBODY
    is_confirming: bool = False
    was_ready: bool = False
    asked: str = ""

    @property
    def is_over(self) -> bool:
        return self.saga.state in TERMINAL

    def but(self, *, billing: Billing | None = None, cloud: Cloud | None = None, agent: Agent | None = None) -> "World":
        """The same with another part; `dataclasses.replace` takes most of the search's time."""
        return World(
            self.saga, billing or self.billing, cloud or self.cloud, agent or self.agent,
            self.is_confirming, self.was_ready, self.asked,
        )  # fmt: skip


@cache
def _heed(saga: Saga, fact: Fact) -> Step | None:
    """What follows; None for nothing."""
    step = heed(saga, fact)
    return None if step == Step(saga) else step


def hear(world: World, fact: Fact) -> World:
    """The saga heeds a fact; what it asks for is on its way."""
    before, step = world.saga, _heed(world.saga, fact)
    if step is None:
        return world
    if fact is Fact.MACHINE_TAKEN_BACK and Effect.WANT_MACHINE in step.effects:
        raise Broken("an owner who returned the machine is to get another one")
    listens = step.saga.state in LISTENING
    after = World(
        step.saga, world.billing, world.cloud, world.agent, world.is_confirming, world.was_ready, world.asked
    )  # fmt: skip
    for effect in step.effects:
        after = _asked(after, effect, before)
    if not listens and (after.was_ready or after.agent != NOBODY):
        # Whatever an agent says from here on is refused, and it stops.
        after = replace(after, agent=NOBODY, was_ready=False)
    if step.saga.compute is Compute.GONE and after.cloud.words:
        # What else is told of a machine that is known to be gone says nothing new.
        after = after.but(cloud=replace(after.cloud, words=frozenset()))
    return after


def _asked(world: World, effect: Effect, before: Saga) -> World:
    billing, cloud = world.billing, world.cloud
    match effect:
        case Effect.HOLD_MONEY:
            # A card is asked anew: what was told of the one before was told once, and the inbox knows it.
            return world.but(billing=replace(billing, asks=billing.asks | {"hold"}, heard=frozenset()))
        case Effect.RELEASE_MONEY:
            return world.but(billing=replace(billing, asks=billing.asks | {"release"}))
        case Effect.CAPTURE_MONEY | Effect.CAPTURE_USE:
            how = "full" if effect is Effect.CAPTURE_MONEY else "part"
            _require_owed(world, how, before)
            return replace(world, asked=how, billing=replace(billing, asks=billing.asks | {how}))
        case Effect.WANT_MACHINE:
            return _wanted(world, before)
        case Effect.RETURN_MACHINE:
            return world.but(cloud=replace(cloud, asks=cloud.asks | {"return"}))
        case Effect.REQUIRE_PASSWORD:
            return world


def _require_owed(world: World, how: str, before: Saga) -> None:
    if world.asked not in ("", how):
        raise Broken("both the whole and a part are to be taken")
    if world.asked == how:
        return
    if how == "full" and world.agent.phase != "usable":
        raise Broken("all is taken for what is not usable")
    if how == "part" and not (world.was_ready and before.state in PASSWORD_STATES):
        raise Broken("a part is taken though nobody gave up a password that was asked for")


def _wanted(world: World, before: Saga) -> World:
    """A machine is wanted: the reserved one, or another under an id of its own, with nothing on its way yet."""
    if world.saga.machine == 1 and world.saga.payment is not Payment.HELD:
        raise Broken("a machine is wanted before the money is held")
    cloud = world.cloud
    if before.compute is not Compute.RESERVED:
        if cloud.machine in LIVE:
            raise Broken("another machine is wanted while one exists")
        cloud = Cloud()
    return world.but(cloud=replace(cloud, asks=cloud.asks | {"want"}), agent=NOBODY)
