"""The table of a restore's life, whole."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from restore.domain.lifecycle import LIMITS, OVER, TERMINAL, TRANSITIONS, State, Trigger, due_at, next_state
from restore.domain.transitions import IllegalTransition

NOW = datetime(2026, 11, 23, tzinfo=UTC)
UNDER_WAY = (State.REDEEMED, State.RESTORING, State.VERIFYING)


@pytest.mark.parametrize(("state", "trigger"), list(product(State, Trigger)))
def test_a_pair_is_in_the_table_or_is_refused(state: State, trigger: Trigger) -> None:
    if (state, trigger) in TRANSITIONS:
        assert next_state(state, trigger) is TRANSITIONS[state, trigger]
    else:
        with pytest.raises(IllegalTransition):
            next_state(state, trigger)


def test_the_ends_are_these() -> None:
    assert {State.COMPLETED, State.CANCELLED, State.EXPIRED} == TERMINAL
    assert TERMINAL | {State.FAILED} == OVER


@pytest.mark.parametrize("state", [State.READY, *UNDER_WAY, State.FAILED])
def test_an_owner_can_end_whatever_has_not_ended(state: State) -> None:
    assert next_state(state, Trigger.CANCEL) is State.CANCELLED


@pytest.mark.parametrize("state", UNDER_WAY)
def test_a_lost_report_does_not_stop_the_later_ones(state: State) -> None:
    assert next_state(state, Trigger.COMPLETE) is State.COMPLETED
    assert next_state(state, Trigger.FAIL) is State.FAILED


@pytest.mark.parametrize("state", [*UNDER_WAY, State.FAILED])
def test_an_interrupted_or_failed_restore_goes_on_by_redeeming_again(state: State) -> None:
    assert next_state(state, Trigger.REDEEM) is State.REDEEMED


@pytest.mark.parametrize("state", [State.READY, State.FAILED, *sorted(TERMINAL)])
def test_only_a_restore_under_way_completes(state: State) -> None:
    with pytest.raises(IllegalTransition):
        next_state(state, Trigger.COMPLETE)


def test_every_state_that_waits_has_a_limit_and_no_other() -> None:
    assert set(LIMITS) == set(State) - OVER
    assert due_at(State.READY, NOW) == NOW + timedelta(hours=1)
    assert {due_at(state, NOW) for state in UNDER_WAY} == {NOW + timedelta(days=7)}
    assert {due_at(state, NOW) for state in OVER} == {None}


def test_every_state_that_waits_can_run_out() -> None:
    assert {state for state, trigger in TRANSITIONS if trigger is Trigger.EXPIRE} == set(LIMITS)


def test_every_state_can_be_reached_from_the_first() -> None:
    reached = {State.READY}
    while new := {target for (source, _), target in TRANSITIONS.items() if source in reached} - reached:
        reached |= new
    assert reached == set(State)
