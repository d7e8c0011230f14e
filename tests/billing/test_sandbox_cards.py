import pytest

from billing.adapters.sandbox_cards import BY_NAME, CARDS, passes_luhn, recognise
from billing.domain.payments import FailureCode
from billing.ports import Card, MethodRefused
from tests.support.payments import Clock


def test_every_test_card_is_a_valid_card_with_a_name_and_words_of_its_own() -> None:
    assert all(passes_luhn(card.number) for card in CARDS)
    assert len({card.name for card in CARDS}) == len({card.number for card in CARDS}) == len(CARDS)
    assert all(card.behaviour for card in CARDS)


@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_every_test_card_is_recognised_however_it_is_typed(name: str) -> None:
    card, now = BY_NAME[name], Clock().now
    spaced = " ".join(card.number[start : start + 4] for start in range(0, len(card.number), 4))
    for number in (card.number, spaced, spaced.replace(" ", "-")):
        typed = Card(number, 11, 2026, "1234" if card.brand == "amex" else "123")
        if card.refused:
            with pytest.raises(MethodRefused):
                recognise(typed, now)
        else:
            assert recognise(typed, now) is card


@pytest.mark.parametrize(
    ("number", "month", "year", "cvc", "code"),
    [
        ("4242424242424241", 12, 2040, "123", FailureCode.INCORRECT_NUMBER),
        ("4242", 12, 2040, "123", FailureCode.INCORRECT_NUMBER),
        ("42424242424242424242", 12, 2040, "123", FailureCode.INCORRECT_NUMBER),
        ("", 12, 2040, "123", FailureCode.INCORRECT_NUMBER),
        ("4242 4242 4242 424x", 12, 2040, "123", FailureCode.INCORRECT_NUMBER),
        ("٤٢٤٢٤٢٤٢٤٢٤٢٤٢٤٢", 12, 2040, "123", FailureCode.INCORRECT_NUMBER),
        ("4242424242424242", 0, 2040, "123", FailureCode.INVALID_EXPIRY),
        ("4242424242424242", 13, 2040, "123", FailureCode.INVALID_EXPIRY),
        ("4242424242424242", -1, 2040, "123", FailureCode.INVALID_EXPIRY),
        ("4242424242424242", 12, 40, "123", FailureCode.INVALID_EXPIRY),
        ("4242424242424242", 12, 2077, "123", FailureCode.INVALID_EXPIRY),
        ("4242424242424242", 12, 10**30, "123", FailureCode.INVALID_EXPIRY),
        ("4242424242424242", 10, 2026, "123", FailureCode.EXPIRED_CARD),
        ("4242424242424242", 12, 2025, "123", FailureCode.EXPIRED_CARD),
        ("4242424242424242", 12, 2040, "12", FailureCode.INCORRECT_CVC),
        ("4242424242424242", 12, 2040, "1234", FailureCode.INCORRECT_CVC),
        ("4242424242424242", 12, 2040, "", FailureCode.INCORRECT_CVC),
        ("4242424242424242", 12, 2040, "12x", FailureCode.INCORRECT_CVC),
        ("4242424242424242", 12, 2040, "١٢٣", FailureCode.INCORRECT_CVC),
        ("378282246310005", 12, 2040, "123", FailureCode.INCORRECT_CVC),
        ("4000000000000002", 12, 2040, "123", FailureCode.CARD_DECLINED),
        ("6011111111111117", 12, 2040, "123", FailureCode.NOT_A_TEST_CARD),
        ("6011111111111117", 12, 2040, "nonsense", FailureCode.NOT_A_TEST_CARD),
    ],
)
def test_what_is_no_card_or_no_test_card_is_refused(
    number: str, month: int, year: int, cvc: str, code: FailureCode
) -> None:
    with pytest.raises(MethodRefused) as refused:
        recognise(Card(number, month, year, cvc), Clock().now)
    assert refused.value.code == code
    assert number == "" or number not in f"{refused.value} {refused.value.reason} {refused.value!r}"
