"""A restore to the cloud in a world where everything that can happen does, in every order: a search of all states.

The world is in `tests/restore/model`: what is true of money and machine is kept apart from what the saga believes.
"""

from collections import deque
from itertools import product

import pytest

from restore.domain.axes import Compute, Payment
from restore.domain.facts import Effect, Fact
from restore.domain.order import CANCELLED_BY, LIMITS, MACHINES, TERMINAL, TRANSITIONS, State, Trigger
from restore.domain.saga import Saga, heed
from tests.restore.model.search import Reached, explore
from tests.restore.model.world import LISTENING, World

STOPPED_BY_RETURN = LISTENING | {State.AUTHORISING}
ENDED_BY = {
    Fact.CANCELLED: Trigger.CANCEL,
    Fact.MACHINE_TAKEN_BACK: Trigger.CANCEL,
    Fact.PASSWORDS_OVER: Trigger.GIVE_UP,
    Fact.MONEY_RELEASED: Trigger.EXPIRE,
    Fact.MONEY_CAPTURED: Trigger.EXPIRE,
    Fact.MACHINE_LOST: Trigger.FAIL,
    Fact.MACHINE_REFUSED: Trigger.FAIL,
    Fact.BACKUP_DELETED: Trigger.FAIL,
    Fact.DATA_FAILED: Trigger.FAIL,
}
ENDED_BY_TIME = {
    State.QUOTED: Trigger.EXPIRE,
    State.AUTHORISING: Trigger.EXPIRE,
    State.AWAITING_PASSWORD: Trigger.GIVE_UP,
}
"""In which states running out of time is nobody's failure; in others it is."""
ASKS_AGAIN = (Fact.TIME_OVER, Fact.REDRIVEN)
WAITED_FOR: dict[Effect, Payment | Compute | State] = {
    Effect.HOLD_MONEY: Payment.ASKED,
    Effect.RELEASE_MONEY: Payment.RELEASE_ASKED,
    Effect.CAPTURE_MONEY: Payment.CAPTURE_ASKED,
    Effect.CAPTURE_USE: Payment.CAPTURE_ASKED,
    Effect.WANT_MACHINE: Compute.WANTED,
    Effect.RETURN_MACHINE: Compute.UNWANTED,
    Effect.REQUIRE_PASSWORD: State.AWAITING_PASSWORD,
}


@pytest.fixture(scope="module")
def world() -> Reached:
    """Every state of the world around a restore; what must hold was checked in each."""
    return explore(World())


@pytest.fixture(scope="module")
def sagas() -> list[Saga]:
    """Every saga that any facts in any order lead to, whether the world has such an order or not."""
    known, todo = {Saga()}, deque([Saga()])
    while todo:
        saga = todo.popleft()
        for after in {heed(saga, fact).saga for fact in Fact} - known:
            known.add(after)
            todo.append(after)
    return sorted(known, key=repr)


def test_whatever_happens_in_the_end_all_is_well(world: Reached) -> None:
    lost = next(world.endless(), None)
    assert lost is None, f"no message and no time leads on from here:\n{world.story(lost or 0)}"


def test_the_search_comes_everywhere(world: Reached) -> None:
    assert {one.saga.state for one in world.worlds} == set(State)
    assert {one.saga.payment for one in world.worlds} == set(Payment)
    assert {one.saga.compute for one in world.worlds} == set(Compute)
    assert {one.saga.machine for one in world.worlds} == set(range(1, MACHINES + 1))
    assert {(one.billing.order, one.billing.took) for one in world.worlds if one.is_over} >= set(
        product(("full", "part"), ("card", "invoice"))
    )


def test_no_fact_is_too_odd_for_any_saga(sagas: list[Saga]) -> None:
    for saga, fact in product(sagas, Fact):
        step = heed(saga, fact)
        state = saga.state
        for move in step.moves:
            assert (move.source, TRANSITIONS[move.source, move.trigger]) == (state, move.target), (saga, fact)
            state = move.target
        assert step.saga.state is state, (saga, fact)


def test_no_wait_ends_in_nothing(sagas: list[Saga]) -> None:
    """Else its deadline would be over for ever."""
    for saga in sagas:
        if saga.state in LIMITS:
            step = heed(saga, Fact.TIME_OVER)
            assert step.moves or step.effects, saga


def test_an_end_is_never_left(sagas: list[Saga]) -> None:
    ends = [saga for saga in sagas if saga.state in TERMINAL]
    assert {saga.state for saga in ends} == TERMINAL
    for saga, fact in product(ends, Fact):
        step = heed(saga, fact)
        assert not step.moves, (saga, fact)
        assert not step.effects, (saga, fact)


def test_an_end_is_balanced_and_says_why(sagas: list[Saga]) -> None:
    for saga in sagas:
        if saga.state in TERMINAL:
            assert saga.is_balanced, saga
            assert saga.payment not in (Payment.HELD, *WAITED_FOR.values()), saga
        if saga.state is State.UNDOING:
            assert saga.ending is not None
            assert not saga.is_balanced
        if saga.state in (State.CAPTURING, State.COMPLETED):
            assert saga.ending is None


def test_nothing_waits_for_what_is_known_already(sagas: list[Saga]) -> None:
    for saga in sagas:
        if saga.state is State.AUTHORISING:
            assert saga.payment is Payment.ASKED, saga
        if saga.state in LISTENING:
            assert saga.payment in (Payment.HELD, Payment.RELEASED, Payment.REFUSED), saga
            assert saga.compute not in (Compute.NONE, Compute.RESERVED, Compute.GONE), saga
        if saga.compute is Compute.UNWANTED and saga.ending is None:
            assert (saga.state, saga.machine) == (State.PROVISIONING, MACHINES), saga
        if saga.state is State.CAPTURING:
            assert saga.payment is Payment.CAPTURE_ASKED, saga


def test_an_owner_who_returns_the_instance_calls_the_restore_off(sagas: list[Saga]) -> None:
    for saga in sagas:
        if saga.compute not in (Compute.NONE, Compute.GONE) and saga.state in STOPPED_BY_RETURN:
            step = heed(saga, Fact.MACHINE_TAKEN_BACK)
            given_up = saga.state in (State.AWAITING_PASSWORD, State.VERIFYING_PASSWORD)
            assert step.saga.ending is (Trigger.GIVE_UP if given_up else Trigger.CANCEL), saga


def test_a_restore_is_undone_for_the_reason_that_was_heard(sagas: list[Saga]) -> None:
    for saga, fact in product(sagas, Fact):
        step = heed(saga, fact)
        if step.saga.ending is not saga.ending:
            assert saga.ending is None, (saga, fact)
            expected = ENDED_BY.get(fact) or ENDED_BY_TIME.get(saga.state, Trigger.FAIL)
            if saga.state in (State.AWAITING_PASSWORD, State.VERIFYING_PASSWORD) and expected is Trigger.CANCEL:
                expected = Trigger.GIVE_UP
            assert step.saga.ending is expected, (saga, fact)


@pytest.mark.parametrize(
    ("state", "fact", "target"),
    [
        (State.AWAITING_PASSWORD, Fact.PASSWORD_SEALED, State.VERIFYING_PASSWORD),
        (State.VERIFYING_PASSWORD, Fact.PASSWORD_WRONG, State.AWAITING_PASSWORD),
        (State.VERIFYING_PASSWORD, Fact.PASSWORD_RIGHT, State.RESTORING),
        (State.AWAITING_PASSWORD, Fact.PASSWORD_RIGHT, State.RESTORING),
        (State.AWAITING_PASSWORD, Fact.PASSWORD_WRONG, State.AWAITING_PASSWORD),
        (State.VERIFYING_PASSWORD, Fact.TIME_OVER, State.AWAITING_PASSWORD),
        (State.VERIFYING_PASSWORD, Fact.KEY_OFFERED, State.AWAITING_PASSWORD),
        (State.RESTORING, Fact.KEY_OFFERED, State.AWAITING_PASSWORD),
        (State.VALIDATING, Fact.KEY_OFFERED, State.AWAITING_PASSWORD),
        (State.RESTORING, Fact.DATA_VALIDATING, State.VALIDATING),
        (State.RESTORING, Fact.DATA_USABLE, State.CAPTURING),
        (State.VALIDATING, Fact.DATA_USABLE, State.CAPTURING),
        (State.RESTORING, Fact.CANCELLED, State.RESTORING),
        (State.VALIDATING, Fact.BACKUP_DELETED, State.VALIDATING),
    ],
)
def test_what_an_agent_and_its_owner_say_leads_here(state: State, fact: Fact, target: State, sagas: list[Saga]) -> None:
    there = [saga for saga in sagas if saga.state is state]
    assert there
    assert {heed(saga, fact).saga.state for saga in there} == {target}


@pytest.mark.parametrize("state", [State.PROVISIONING, State.INSTALLING])
@pytest.mark.parametrize("word", [Fact.MACHINE_LOST, Fact.MACHINE_REFUSED])
def test_a_late_machine_is_replaced_once_it_is_gone(state: State, word: Fact, sagas: list[Saga]) -> None:
    tried = [saga for saga in sagas if saga.state is state and saga.machine == 1]
    assert tried
    for saga in tried:
        late = heed(saga, Fact.TIME_OVER)
        assert (late.saga.state, late.effects) == (State.PROVISIONING, (Effect.RETURN_MACHINE,))
        gone = heed(late.saga, word)
        assert (gone.saga.state, gone.saga.compute, gone.saga.machine) == (State.PROVISIONING, Compute.WANTED, 2)
        assert gone.effects == (Effect.WANT_MACHINE,)


def test_what_is_undone_lets_go_of_everything_at_once(sagas: list[Saga]) -> None:
    for saga in sagas:
        if saga.ending is not None:
            assert saga.payment is not Payment.HELD, saga
            assert saga.compute in (Compute.NONE, Compute.UNWANTED, Compute.GONE), saga


def test_a_fact_that_is_heard_twice_asks_for_nothing_more(sagas: list[Saga]) -> None:
    for saga, fact in product(sagas, set(Fact) - set(ASKS_AGAIN)):
        first = heed(saga, fact)
        if Effect.WANT_MACHINE in first.effects:
            # The next word of a machine is of another one.
            continue
        again = heed(first.saga, fact)
        assert (again.saga, again.effects) == (first.saga, ()), (saga, fact)
        # Of keys that are offered one after the other each is told.
        assert all(move.source is move.target and fact is Fact.KEY_OFFERED for move in again.moves), (saga, fact)


def test_what_is_asked_for_is_what_is_waited_for(sagas: list[Saga]) -> None:
    for saga, fact in product(sagas, Fact):
        step = heed(saga, fact)
        assert len(set(step.effects)) == len(step.effects), (saga, fact)
        for effect, axis in WAITED_FOR.items():
            before, after = _waits(saga, axis), _waits(step.saga, axis)
            is_new = after and (not before or (axis is Compute.WANTED and step.saga.machine > saga.machine))
            if effect in (Effect.CAPTURE_MONEY, Effect.CAPTURE_USE):
                is_new = is_new and (step.saga.ending is None) is (effect is Effect.CAPTURE_MONEY)
            is_again = effect in step.effects and before and after and fact in ASKS_AGAIN
            assert (effect in step.effects) is (is_new or is_again), (saga, fact, effect)


def _waits(saga: Saga, axis: Payment | Compute | State) -> bool:
    return axis in (saga.payment, saga.compute, saga.state)


@pytest.mark.parametrize("state", [State.UNDOING, State.CAPTURING])
def test_what_is_not_answered_is_asked_again(state: State, sagas: list[Saga]) -> None:
    for saga in sagas:
        if saga.state is state:
            again = heed(saga, Fact.TIME_OVER)
            assert again.saga == saga
            assert set(again.effects) == _unanswered(saga)
            parked = heed(saga, Fact.ASKED_OFTEN)
            assert (parked.saga.state, parked.effects) == (State.NEEDS_OPERATOR, ())
            assert heed(parked.saga, Fact.REDRIVEN).saga == saga
            assert set(heed(parked.saga, Fact.REDRIVEN).effects) == _unanswered(saga)


def _unanswered(saga: Saga) -> set[Effect]:
    taken = Effect.CAPTURE_MONEY if saga.ending is None else Effect.CAPTURE_USE
    asked = {Payment.RELEASE_ASKED: Effect.RELEASE_MONEY, Payment.CAPTURE_ASKED: taken}
    unanswered = {asked[saga.payment]} if saga.payment in asked else set()
    return unanswered | ({Effect.RETURN_MACHINE} if saga.compute is Compute.UNWANTED else set())


def test_what_an_owner_is_shown_to_do_is_done(sagas: list[Saga]) -> None:
    for saga in sagas:
        assert ("confirm" in saga.actions) is (Effect.HOLD_MONEY in heed(saga, Fact.CONFIRMED).effects), saga
        sealed = heed(saga, Fact.PASSWORD_SEALED).saga.state
        assert ("enter_password" in saga.actions) is (sealed is State.VERIFYING_PASSWORD is not saga.state), saga
        stop = {"cancel", "give_up"} & set(saga.actions)
        assert bool(stop) is bool(heed(saga, Fact.CANCELLED).moves), saga
        assert ("give_up" in stop) is (CANCELLED_BY.get(saga.state) is Trigger.GIVE_UP), saga
