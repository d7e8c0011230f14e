"""Money is shown and read to the cent, without a float in between."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent.errors import UsageError
from agent.money import gb_hours_text, money_text, read_amount, wire_money
from agent.wire import Money

AMOUNTS = st.integers(min_value=0, max_value=10**14 - 1)


@pytest.mark.parametrize(
    ("amount_minor", "text"),
    [(0, "0.00 USD"), (5, "0.05 USD"), (-5, "-0.05 USD"), (2432, "24.32 USD"), (-100, "-1.00 USD")],
)
def test_an_amount_has_two_decimals_and_its_currency(amount_minor: int, text: str) -> None:
    assert money_text(Money(amount_minor=amount_minor, currency="USD")) == text


def test_no_amount_is_a_dash() -> None:
    assert money_text(None) == "-"


@given(AMOUNTS)
def test_what_is_shown_is_read_back_to_the_cent(amount_minor: int) -> None:
    shown = money_text(Money(amount_minor=amount_minor, currency="USD"))

    assert read_amount(shown, "--amount") == (amount_minor, "USD")


@given(st.integers(min_value=-(10**30), max_value=10**30))
@example(amount_minor=2**53 + 1)
def test_the_digits_shown_are_those_of_the_minor_units(amount_minor: int) -> None:
    shown = money_text(Money(amount_minor=amount_minor, currency="EUR"))

    assert int(shown.removesuffix(" EUR").replace(".", "")) == amount_minor
    assert shown[-7] == "."


@given(AMOUNTS, AMOUNTS)
def test_a_larger_amount_never_looks_smaller(one: int, other: int) -> None:
    def units(amount_minor: int) -> tuple[int, str]:
        whole, _, cents = money_text(Money(amount_minor=amount_minor, currency="USD")).partition(".")
        return int(whole), cents

    assert (units(one) < units(other)) == (one < other)


@given(st.text())
def test_any_text_is_an_exact_amount_or_refused(text: str) -> None:
    try:
        amount_minor, currency = read_amount(text, "--amount")
    except UsageError:
        return
    assert amount_minor >= 0
    assert currency is None or (len(currency) == 3 and currency.isascii())


def test_another_currency_than_the_accounts_is_refused() -> None:
    assert wire_money((500, "USD"), "USD") == wire_money((500, None), "USD")
    with pytest.raises(UsageError) as failure:
        wire_money((500, "EUR"), "USD")
    assert failure.value.code == "currency_invalid"


def test_byte_hours_are_shown_as_gb_hours() -> None:
    assert gb_hours_text(str(3 * 2**30)) == "3.00"
    assert gb_hours_text(str(2**29)) == "0.50"
    assert gb_hours_text("many") == "many"
