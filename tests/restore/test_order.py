"""The table of the life of a restore to the cloud, whole."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from restore.domain.order import (
    ASKED_AGAIN,
    BEFORE_DATA,
    CANCELLED_BY,
    LIMITS,
    READING,
    TERMINAL,
    TRANSITIONS,
    WORKING,
    State,
    Trigger,
    due_at,
    next_state,
)
from restore.domain.transitions import IllegalTransition

NOW = datetime(2026, 11, 23, tzinfo=UTC)
ENDINGS = {
    Trigger.FAIL: State.FAILED,
    Trigger.CANCEL: State.CANCELLED,
    Trigger.EXPIRE: State.EXPIRED,
    Trigger.GIVE_UP: State.RETURNED,
}


@pytest.mark.parametrize(("state", "trigger"), list(product(State, Trigger)))
def test_a_pair_is_in_the_table_or_is_refused(state: State, trigger: Trigger) -> None:
    if (state, trigger) in TRANSITIONS:
        assert next_state(state, trigger) is TRANSITIONS[state, trigger]
    else:
        with pytest.raises(IllegalTransition) as refusal:
            next_state(state, trigger)
        assert (refusal.value.state, refusal.value.trigger) == (state, trigger)


def test_the_ends_are_these() -> None:
    assert {State.COMPLETED, *ENDINGS.values()} == TERMINAL


def test_every_state_can_be_reached_from_the_first() -> None:
    reached = {State.QUOTING}
    while new := {target for (source, _), target in TRANSITIONS.items() if source in reached} - reached:
        reached |= new
    assert reached == set(State)


def test_every_trigger_is_used() -> None:
    assert {trigger for _, trigger in TRANSITIONS} == set(Trigger)


def test_every_state_that_waits_has_a_limit_but_the_one_that_waits_for_a_person() -> None:
    assert set(LIMITS) == set(State) - TERMINAL - {State.NEEDS_OPERATOR}
    assert due_at(State.INSTALLING, NOW) == NOW + timedelta(hours=1)
    assert {due_at(state, NOW) for state in (*TERMINAL, State.NEEDS_OPERATOR)} == {None}


@pytest.mark.parametrize("state", sorted(WORKING | {State.QUOTED, State.AUTHORISING}))
def test_what_was_begun_is_undone_before_it_ends(state: State) -> None:
    targets = {TRANSITIONS[state, trigger] for trigger in ENDINGS if (state, trigger) in TRANSITIONS}
    assert targets == {State.UNDOING}


@pytest.mark.parametrize("state", [State.UNDOING, State.NEEDS_OPERATOR])
@pytest.mark.parametrize("trigger", sorted(ENDINGS))
def test_undoing_ends_for_the_reason_it_began(state: State, trigger: Trigger) -> None:
    assert next_state(state, trigger) is ENDINGS[trigger]


@pytest.mark.parametrize("state", sorted(ASKED_AGAIN))
def test_whatever_is_asked_again_is_parked_in_the_end(state: State) -> None:
    assert next_state(state, Trigger.PARK) is State.NEEDS_OPERATOR


def test_an_instance_that_is_usable_is_not_undone() -> None:
    assert {target for (source, _), target in TRANSITIONS.items() if source is State.CAPTURING} == {
        State.COMPLETED,
        State.NEEDS_OPERATOR,
    }


def test_an_owner_can_stop_until_files_are_written() -> None:
    assert set(CANCELLED_BY) == {State.QUOTING} | BEFORE_DATA
    assert all((state, trigger) in TRANSITIONS for state, trigger in CANCELLED_BY.items())
    given_up = {state for state, trigger in CANCELLED_BY.items() if trigger is Trigger.GIVE_UP}
    assert given_up == {State.AWAITING_PASSWORD, State.VERIFYING_PASSWORD}
    assert {source for source, trigger in TRANSITIONS if trigger is Trigger.GIVE_UP} == given_up | {
        State.UNDOING,
        State.NEEDS_OPERATOR,
    }


def test_whatever_needs_its_machine_fails_without_it() -> None:
    assert READING < WORKING
    assert {source for source, target in TRANSITIONS.items() if target is State.UNDOING} >= {
        (state, Trigger.FAIL) for state in WORKING
    }
