from itertools import product

import pytest

from billing.domain.payments import (
    REASONS,
    REFUND_TERMINAL,
    REFUND_TRANSITIONS,
    TERMINAL,
    TRANSITIONS,
    FailureCode,
    PaymentState,
    PaymentTrigger,
    RefundState,
    RefundTrigger,
    next_refund_state,
    next_state,
)
from billing.domain.transitions import IllegalTransition

WANTED = frozenset({PaymentTrigger.CAPTURE, PaymentTrigger.VOID})


@pytest.mark.parametrize(("state", "trigger"), list(product(PaymentState, PaymentTrigger)))
def test_a_pair_is_in_the_table_or_is_refused(state: PaymentState, trigger: PaymentTrigger) -> None:
    if (state, trigger) in TRANSITIONS:
        assert next_state(state, trigger) is TRANSITIONS[state, trigger]
    else:
        with pytest.raises(IllegalTransition, match=f"a payment that is {state} does not {trigger}"):
            next_state(state, trigger)


@pytest.mark.parametrize(("state", "trigger"), list(product(RefundState, RefundTrigger)))
def test_a_refunds_pair_is_in_the_table_or_is_refused(state: RefundState, trigger: RefundTrigger) -> None:
    if (state, trigger) in REFUND_TRANSITIONS:
        assert next_refund_state(state, trigger) is REFUND_TRANSITIONS[state, trigger]
    else:
        with pytest.raises(IllegalTransition, match=f"a refund that is {state} does not {trigger}"):
            next_refund_state(state, trigger)


def test_a_payment_ends_taken_released_failed_or_expired() -> None:
    assert {PaymentState.CAPTURED, PaymentState.VOIDED, PaymentState.FAILED, PaymentState.EXPIRED} == TERMINAL


def test_a_refund_ends_refunded_or_failed() -> None:
    assert {RefundState.REFUNDED, RefundState.FAILED} == REFUND_TERMINAL


def test_only_what_is_held_is_taken_or_released_by_us() -> None:
    assert {state for state, trigger in TRANSITIONS if trigger in WANTED} == {PaymentState.AUTHORISED}


def test_money_is_taken_only_after_it_was_held() -> None:
    taken_from = {state for (state, _), target in TRANSITIONS.items() if target is PaymentState.CAPTURED}
    assert PaymentState.AUTHORISING not in taken_from


def test_whatever_is_asked_of_a_provider_may_end_in_every_way_it_can_say() -> None:
    """A state that waits for the provider must have a way out for each of its answers."""
    for waiting in (PaymentState.CAPTURING, PaymentState.VOIDING):
        for trigger in (PaymentTrigger.TAKE, PaymentTrigger.RELEASE, PaymentTrigger.EXPIRE, PaymentTrigger.FAIL):
            assert next_state(waiting, trigger) in TERMINAL
    for trigger in set(PaymentTrigger) - WANTED - {PaymentTrigger.TAKE}:
        assert next_state(PaymentState.AUTHORISING, trigger)


def test_every_code_tells_an_owner_what_happened_and_what_to_do() -> None:
    assert set(REASONS) == set(FailureCode)
    for reason in REASONS.values():
        assert reason.endswith(".")
        assert len(reason) > 30
