"""What follows for a restore to the cloud when something becomes known: moves, requests to others, its undoing.

Pure. `heed` takes what became known and answers what follows; whoever calls it keeps the answer and does what it asks
in the same transaction. Whatever comes late, twice or out of order is heeded for what it says of money and machine, and
moves the order only where the table has it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from restore.domain.axes import COMPUTE, DATA, GONE, PAYMENTS, SETTLED, Compute, Data, Payment, Word
from restore.domain.facts import Effect, Fact
from restore.domain.order import (
    BEFORE_DATA,
    CANCELLED_BY,
    MACHINES,
    READING,
    TRANSITIONS,
    WORKING,
    State,
    Trigger,
    next_state,
)


@dataclass(frozen=True)
class Saga:
    """Where a restore is; ``ending`` says why it is undone, ``machine`` which of its machines this is, from 1."""

    state: State = State.QUOTING
    payment: Payment = Payment.NONE
    compute: Compute = Compute.NONE
    data: Data = Data.NONE
    ending: Trigger | None = None
    machine: int = 1

    @property
    def is_balanced(self) -> bool:
        """No money is held, and no machine exists that the owner did not pay for."""
        if self.payment not in SETTLED:
            return False
        return self.compute in GONE or self.state is State.COMPLETED

    @property
    def actions(self) -> list[str]:
        """What its owner may do now."""
        found = []
        if self.state is State.QUOTED:
            found.append("confirm")
        if self.state is State.AWAITING_PASSWORD:
            found.append("enter_password")
        if self.state in CANCELLED_BY:
            found.append(str(CANCELLED_BY[self.state]))
        return found


@dataclass(frozen=True)
class Move:
    source: State
    trigger: Trigger
    target: State


@dataclass(frozen=True)
class Step:
    """What follows from a fact; without moves, effects or another saga it said nothing new."""

    saga: Saga
    moves: tuple[Move, ...] = ()
    effects: tuple[Effect, ...] = ()


def heed(saga: Saga, fact: Fact) -> Step:
    """What follows from a fact: nothing, where it is known already or comes too late to matter."""
    way = _Way(saga)
    _RULES[fact](way)
    return Step(way.saga, tuple(way.moves), tuple(way.effects))


@dataclass
class _Way:
    """From one saga to the next."""

    saga: Saga
    moves: list[Move] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)

    @property
    def state(self) -> State:
        return self.saga.state

    def move(self, trigger: Trigger) -> bool:
        """Move the order, where the table has it."""
        if (self.state, trigger) not in TRANSITIONS:
            return False
        target = next_state(self.state, trigger)
        self.moves.append(Move(self.state, trigger, target))
        self.saga = replace(self.saga, state=target)
        return True

    def pay(self, word: Word) -> bool:
        """Move the money; False when that says nothing new."""
        target = PAYMENTS.get((self.saga.payment, word))
        if target is not None:
            self.saga = replace(self.saga, payment=target)
        return target is not None

    def compute(self, word: Word) -> bool:
        target = COMPUTE.get((self.saga.compute, word))
        if target is not None:
            self.saga = replace(self.saga, compute=target)
        return target is not None

    def write(self, word: Word) -> None:
        self.saga = replace(self.saga, data=DATA.get((self.saga.data, word), self.saga.data))

    def ask(self, effect: Effect) -> None:
        self.effects.append(effect)

    def undo(self, trigger: Trigger) -> None:
        """Begin to take back what was begun, where the table has it; what nobody holds needs no time."""
        if self.saga.ending is not None or not self.move(trigger):
            return
        self.saga = replace(self.saga, ending=trigger)
        self.return_machine()
        self.let_go()
        self.end()

    def return_machine(self) -> None:
        if self.compute(Word.RETURN):
            self.ask(Effect.RETURN_MACHINE)

    def let_go(self) -> None:
        """Of the money: none of it is taken, or only for the time the machine ran."""
        if self.saga.ending is Trigger.GIVE_UP:
            if self.pay(Word.ASK_CAPTURE):
                self.ask(Effect.CAPTURE_USE)
        elif self.pay(Word.ASK_RELEASE):
            self.ask(Effect.RELEASE_MONEY)

    def end(self) -> None:
        """When nothing is held and nothing runs that should not."""
        if self.state is State.CAPTURING or (self.state is State.NEEDS_OPERATOR and self.saga.ending is None):
            if self.saga.payment in SETTLED:
                self.move(Trigger.SETTLE)
        elif self.state in (State.UNDOING, State.NEEDS_OPERATOR) and self.saga.is_balanced:
            assert self.saga.ending is not None
            self.move(self.saga.ending)

    def want_machine(self) -> None:
        if self.compute(Word.WANT):
            self.ask(Effect.WANT_MACHINE)

    def replace_machine(self) -> bool:
        """Try one more; False when enough were tried."""
        if self.saga.machine >= MACHINES or not self.move(Trigger.REPLACE):
            return False
        self.saga = replace(self.saga, machine=self.saga.machine + 1)
        return True


def _quoted(way: _Way) -> None:
    way.move(Trigger.QUOTE)


def _quote_refused(way: _Way) -> None:
    if way.state is State.QUOTING:
        way.move(Trigger.FAIL)


def _name_reserved(way: _Way) -> None:
    if way.state is State.QUOTED:
        way.compute(Word.RESERVE)


def _confirmed(way: _Way) -> None:
    if way.state is State.QUOTED and way.pay(Word.ASK_HOLD):
        way.move(Trigger.CONFIRM)
        way.ask(Effect.HOLD_MONEY)


def _cancelled(way: _Way) -> None:
    trigger = CANCELLED_BY.get(way.state)
    if trigger is not None:
        way.undo(trigger)


def _password_sealed(way: _Way) -> None:
    way.move(Trigger.SEAL)


def _money_held(way: _Way) -> None:
    if not way.pay(Word.HELD):
        return
    if way.move(Trigger.HOLD):
        way.want_machine()
    else:
        way.let_go()


def _money_not_held(way: _Way) -> None:
    if way.pay(Word.NOT_HELD) and not way.move(Trigger.DECLINE):
        way.end()


def _money_captured(way: _Way) -> None:
    _freed(way, Word.CAPTURED)


def _money_billed(way: _Way) -> None:
    if way.pay(Word.BILLED):
        way.end()


def _money_released(way: _Way) -> None:
    _freed(way, Word.RELEASED)


def _freed(way: _Way, word: Word) -> None:
    """Nothing is held any more, and what is owed is settled."""
    if not way.pay(word):
        return
    if way.state is State.AUTHORISING:
        way.undo(Trigger.EXPIRE)
    else:
        # While the machine is made and its files come, the restore goes on: what it comes to is invoiced.
        way.end()


def _machine_running(way: _Way) -> None:
    if way.compute(Word.RUNNING):
        way.move(Trigger.BOOT)


def _agent_enrolled(way: _Way) -> None:
    if way.compute(Word.ENROLLED):
        way.move(Trigger.BOOT)


def _machine_lost(way: _Way) -> None:
    _gone(way, Trigger.FAIL, may_replace=True)


def _machine_refused(way: _Way) -> None:
    _gone(way, Trigger.FAIL, may_replace=False)


def _machine_taken_back(way: _Way) -> None:
    _gone(way, CANCELLED_BY.get(way.state, Trigger.CANCEL), may_replace=False)


def _gone(way: _Way, trigger: Trigger, *, may_replace: bool) -> None:
    is_being_replaced = way.state is State.PROVISIONING and way.saga.compute is Compute.UNWANTED
    if not way.compute(Word.GONE):
        return
    if (is_being_replaced and trigger is Trigger.FAIL) or (may_replace and way.replace_machine()):
        # The one before is gone for certain, and its name is free.
        way.want_machine()
    elif way.state in WORKING or (way.state is State.AUTHORISING and trigger is Trigger.CANCEL):
        way.undo(trigger)
    else:
        way.end()


def _key_offered(way: _Way) -> None:
    if way.saga.compute is Compute.UNWANTED:
        # Its machine came up too late and is to go: nothing is restored onto it.
        return
    was_waiting = way.state is State.AWAITING_PASSWORD
    if way.move(Trigger.ASK_PASSWORD) and not was_waiting:
        way.ask(Effect.REQUIRE_PASSWORD)


def _password_right(way: _Way) -> None:
    if way.move(Trigger.OPEN):
        way.write(Word.BEGIN)


def _password_wrong(way: _Way) -> None:
    if way.state is State.VERIFYING_PASSWORD:
        _key_offered(way)


def _passwords_over(way: _Way) -> None:
    if way.state is State.VERIFYING_PASSWORD:
        way.undo(Trigger.GIVE_UP)


def _data_validating(way: _Way) -> None:
    way.move(Trigger.VALIDATE)


def _data_usable(way: _Way) -> None:
    if way.move(Trigger.FINISH):
        way.write(Word.FINISH)
        way.pay(Word.ASK_CAPTURE)
        way.ask(Effect.CAPTURE_MONEY)


def _data_failed(way: _Way) -> None:
    if way.state in READING:
        way.undo(Trigger.FAIL)


def _backup_deleted(way: _Way) -> None:
    if way.state is State.QUOTING:
        way.move(Trigger.FAIL)
    elif way.state in BEFORE_DATA or way.state is State.RESTORING:
        way.undo(Trigger.FAIL)


def _time_over(way: _Way) -> None:
    match way.state:
        case State.QUOTING:
            way.move(Trigger.FAIL)
        case State.QUOTED | State.AUTHORISING:
            way.undo(Trigger.EXPIRE)
        case State.PROVISIONING | State.INSTALLING:
            if way.saga.compute is not Compute.UNWANTED and way.replace_machine():
                way.return_machine()
            else:
                way.undo(Trigger.FAIL)
        case State.AWAITING_PASSWORD:
            way.undo(Trigger.GIVE_UP)
        case State.VERIFYING_PASSWORD:
            _key_offered(way)
        case State.RESTORING | State.VALIDATING:
            way.undo(Trigger.FAIL)
        case State.UNDOING | State.CAPTURING:
            _ask_again(way)


def _asked_often(way: _Way) -> None:
    way.move(Trigger.PARK)


def _redriven(way: _Way) -> None:
    trigger = Trigger.CAPTURE_AGAIN if way.saga.ending is None else Trigger.UNDO_AGAIN
    if way.move(trigger):
        _ask_again(way)


def _ask_again(way: _Way) -> None:
    """What was asked and is not answered; each is harmless when it was done already."""
    if way.saga.compute is Compute.UNWANTED:
        way.ask(Effect.RETURN_MACHINE)
    if way.saga.payment is Payment.RELEASE_ASKED:
        way.ask(Effect.RELEASE_MONEY)
    if way.saga.payment is Payment.CAPTURE_ASKED:
        way.ask(Effect.CAPTURE_MONEY if way.saga.ending is None else Effect.CAPTURE_USE)


_RULES: MappingProxyType[Fact, Callable[[_Way], None]] = MappingProxyType(
    {
        Fact.QUOTED: _quoted,
        Fact.QUOTE_REFUSED: _quote_refused,
        Fact.NAME_RESERVED: _name_reserved,
        Fact.CONFIRMED: _confirmed,
        Fact.CANCELLED: _cancelled,
        Fact.PASSWORD_SEALED: _password_sealed,
        Fact.MONEY_HELD: _money_held,
        Fact.MONEY_NOT_HELD: _money_not_held,
        Fact.MONEY_CAPTURED: _money_captured,
        Fact.MONEY_BILLED: _money_billed,
        Fact.MONEY_RELEASED: _money_released,
        Fact.MACHINE_RUNNING: _machine_running,
        Fact.AGENT_ENROLLED: _agent_enrolled,
        Fact.MACHINE_LOST: _machine_lost,
        Fact.MACHINE_REFUSED: _machine_refused,
        Fact.MACHINE_TAKEN_BACK: _machine_taken_back,
        Fact.KEY_OFFERED: _key_offered,
        Fact.PASSWORD_RIGHT: _password_right,
        Fact.PASSWORD_WRONG: _password_wrong,
        Fact.PASSWORDS_OVER: _passwords_over,
        Fact.DATA_VALIDATING: _data_validating,
        Fact.DATA_USABLE: _data_usable,
        Fact.DATA_FAILED: _data_failed,
        Fact.BACKUP_DELETED: _backup_deleted,
        Fact.TIME_OVER: _time_over,
        Fact.ASKED_OFTEN: _asked_often,
        Fact.REDRIVEN: _redriven,
    }
)
