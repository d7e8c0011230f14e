"""What is known of money, machine and files: whole tables, and what no word can undo."""

from collections.abc import Mapping
from enum import StrEnum
from itertools import product

import pytest

from restore.domain.axes import COMPUTE, DATA, GONE, PAYMENTS, SETTLED, Compute, Data, Payment, Word

ASKED_OF_BILLING = {Payment.ASKED, Payment.RELEASE_ASKED, Payment.CAPTURE_ASKED}
BY_US = {Word.ASK_HOLD, Word.ASK_RELEASE, Word.ASK_CAPTURE, Word.RESERVE, Word.WANT, Word.RETURN}
MONEY = {Word.ASK_HOLD, Word.HELD, Word.NOT_HELD, Word.ASK_RELEASE, Word.RELEASED, Word.ASK_CAPTURE, Word.CAPTURED} | {
    Word.BILLED
}
MACHINE = {Word.RESERVE, Word.WANT, Word.RUNNING, Word.ENROLLED, Word.RETURN, Word.GONE}
FILES = {Word.BEGIN, Word.FINISH}


def test_every_word_is_of_one_axis() -> None:
    used = [{word for _, word in table} for table in (PAYMENTS, COMPUTE, DATA)]
    assert used == [MONEY, MACHINE, FILES]
    assert set(Word) == MONEY | MACHINE | FILES


@pytest.mark.parametrize(
    ("table", "states"), [(PAYMENTS, Payment), (COMPUTE, Compute), (DATA, Data)], ids=["money", "machine", "files"]
)
def test_every_state_of_an_axis_can_be_reached_and_no_word_leaves_it_where_it_is(
    table: Mapping[tuple[StrEnum, Word], StrEnum], states: type[StrEnum]
) -> None:
    reached = {next(iter(states))}
    while new := {target for (source, _), target in table.items() if source in reached} - reached:
        reached |= new
    assert reached == set(states)
    assert all(source is not target for (source, _), target in table.items())


@pytest.mark.parametrize("asked", sorted(ASKED_OF_BILLING))
@pytest.mark.parametrize("word", [Word.NOT_HELD, Word.RELEASED, Word.CAPTURED])
def test_whatever_becomes_of_a_payment_answers_what_was_asked(asked: Payment, word: Word) -> None:
    assert PAYMENTS[asked, word] in SETTLED


def test_only_what_we_ask_leads_to_waiting() -> None:
    assert {word for (_, word), target in PAYMENTS.items() if target in ASKED_OF_BILLING} <= BY_US
    waiting = (Compute.RESERVED, Compute.WANTED, Compute.UNWANTED)
    assert {word for (_, word), target in COMPUTE.items() if target in waiting} <= BY_US


def test_what_was_taken_stays_taken() -> None:
    assert {source for source, _ in PAYMENTS} == set(Payment) - {Payment.CAPTURED, Payment.BILLED}


def test_what_was_delivered_is_owed_whatever_became_of_the_hold() -> None:
    for payment in (Payment.HELD, Payment.RELEASED, Payment.REFUSED):
        assert PAYMENTS[payment, Word.ASK_CAPTURE] is Payment.CAPTURE_ASKED
    for payment in set(Payment) - {Payment.HELD, Payment.RELEASED, Payment.REFUSED}:
        assert (payment, Word.ASK_CAPTURE) not in PAYMENTS


@pytest.mark.parametrize("compute", sorted(set(Compute) - GONE))
def test_any_machine_may_go_and_then_is_gone(compute: Compute) -> None:
    assert COMPUTE[compute, Word.GONE] is Compute.GONE


@pytest.mark.parametrize("word", sorted(MACHINE))
def test_a_machine_that_is_to_go_can_only_be_gone(word: Word) -> None:
    if word is not Word.GONE:
        assert (Compute.UNWANTED, word) not in COMPUTE


@pytest.mark.parametrize(("compute", "word"), list(product(sorted(GONE), [Word.RUNNING, Word.ENROLLED, Word.GONE])))
def test_late_word_of_a_machine_that_is_gone_says_nothing(compute: Compute, word: Word) -> None:
    assert (compute, word) not in COMPUTE


def test_nothing_is_settled_that_is_held_or_waited_for() -> None:
    assert set(Payment) - ASKED_OF_BILLING - {Payment.HELD} == SETTLED
    assert {Compute.NONE, Compute.GONE} == GONE
