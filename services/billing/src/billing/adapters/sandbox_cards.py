"""The sandbox's test cards: which numbers it takes, and how each behaves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal

from billing.domain.payments import REASONS, FailureCode
from billing.ports import Card, MethodRefused, RefundStanding

HOLD_LIFE = timedelta(days=7)
LONGEST_YEARS_AHEAD = 50
CVC_DIGITS = MappingProxyType({"amex": 4})


@dataclass(frozen=True)
class TestCard:
    """A card number and what comes of it; the default is a card that pays.

    Args:
        refused: Why it cannot be saved.
        fails: Why its payments fail.
        fails_times: How many payments fail before it recovers; null: all.
        loses_request: Whether the first request for each payment (or every one) does not get through to it.
        loses_answer_of: What is done, and the answer lost.
        decides_after: It answers `pending` and decides only later.
        decides_when_asked: The next question about it is answered for good, however early it comes.
        hold_life: How long what is held stays held.
        refunds: How a refund stands at first; one that is pending is refunded at the next question.
        webhooks: How what it tells arrives.
    """

    name: str
    number: str
    behaviour: str
    brand: str = "visa"
    refused: FailureCode | None = None
    fails: FailureCode | None = None
    fails_times: int | None = None
    loses_request: Literal["never", "first", "always"] = "never"
    loses_answer_of: Literal["authorise", "capture", "void", "refund"] | None = None
    decides_after: timedelta | None = None
    decides_when_asked: bool = True
    hold_life: timedelta = HOLD_LIFE
    refunds: RefundStanding = RefundStanding.REFUNDED
    webhooks: Literal["plain", "twice", "reversed", "late"] = "plain"

    __test__ = False

    def failure(self, declines: int) -> FailureCode | None:
        """Why its next payment fails, after so many did; None when it pays."""
        return None if self.fails_times is not None and declines >= self.fails_times else self.fails


CARDS = (
    TestCard("visa", "4242424242424242", "pays"),
    TestCard("mastercard", "5555555555554444", "pays", brand="mastercard"),
    TestCard("amex", "378282246310005", "pays (its security code has four digits)", brand="amex"),
    TestCard("refused", "4000000000000002", "is declined when it is saved", refused=FailureCode.CARD_DECLINED),
    TestCard("declines", "4000000000000341", "is saved, and declines every payment", fails=FailureCode.CARD_DECLINED),
    TestCard(
        "insufficient_funds",
        "4000000000009995",
        "is saved, and has not enough money for any payment",
        fails=FailureCode.INSUFFICIENT_FUNDS,
    ),
    TestCard(
        "expired",
        "4000000000000069",
        "is saved, and its bank calls it expired at every payment",
        fails=FailureCode.EXPIRED_CARD,
    ),
    TestCard(
        "processing_error",
        "4000000000000119",
        "is saved, and its bank handles no payment",
        fails=FailureCode.PROCESSING_ERROR,
    ),
    TestCard(
        "authentication",
        "4000002760003184",
        "is saved, and its bank wants each payment confirmed in person",
        fails=FailureCode.AUTHENTICATION_REQUIRED,
    ),
    TestCard(
        "recovers_after_1",
        "4000000000100018",
        "declines its first payment, then pays",
        fails=FailureCode.CARD_DECLINED,
        fails_times=1,
    ),
    TestCard(
        "recovers_after_3",
        "4000000000100034",
        "declines its first three payments, then pays",
        fails=FailureCode.INSUFFICIENT_FUNDS,
        fails_times=3,
    ),
    TestCard(
        "authorise_answer_lost",
        "4000000000100109",
        "times out after the amount was held",
        loses_answer_of="authorise",
    ),
    TestCard(
        "authorise_lost",
        "4000000000100117",
        "times out before anything was done, once per payment; asked again it pays",
        loses_request="first",
    ),
    TestCard("unreachable", "4000000000100158", "times out before anything is done, always", loses_request="always"),
    TestCard(
        "capture_answer_lost",
        "4000000000100125",
        "times out in a capture after the money was taken",
        loses_answer_of="capture",
    ),
    TestCard(
        "void_answer_lost",
        "4000000000100133",
        "times out in a release after the hold was released",
        loses_answer_of="void",
    ),
    TestCard(
        "refund_answer_lost",
        "4000000000100141",
        "times out in a refund after the money was given back",
        loses_answer_of="refund",
    ),
    TestCard(
        "late",
        "4000000000100208",
        "is undecided at first; pays after 5 seconds, or when asked again",
        decides_after=timedelta(seconds=5),
    ),
    TestCard(
        "late_declined",
        "4000000000100216",
        "is undecided at first; declines after 5 seconds, or when asked again",
        fails=FailureCode.CARD_DECLINED,
        decides_after=timedelta(seconds=5),
    ),
    TestCard(
        "slow",
        "4000000000100224",
        "is undecided for a minute, however often it is asked; then pays",
        decides_after=timedelta(minutes=1),
        decides_when_asked=False,
    ),
    TestCard(
        "short_hold",
        "4000000000100232",
        "holds an amount for one minute instead of seven days",
        hold_life=timedelta(minutes=1),
    ),
    TestCard(
        "refund_pending",
        "4000000000100240",
        "gives money back only when asked a second time",
        refunds=RefundStanding.PENDING,
    ),
    TestCard("refund_failed", "4000000000100257", "takes no money back", refunds=RefundStanding.FAILED),
    TestCard("webhooks_twice", "4000000000100307", "pays; every webhook about it is sent twice", webhooks="twice"),
    TestCard("webhooks_reversed", "4000000000100315", "pays; its webhooks arrive newest first", webhooks="reversed"),
    TestCard("webhooks_late", "4000000000100323", "pays; its webhooks arrive an hour late", webhooks="late"),
)

BY_NAME: Mapping[str, TestCard] = MappingProxyType({card.name: card for card in CARDS})
_BY_NUMBER: Mapping[str, TestCard] = MappingProxyType({card.number: card for card in CARDS})


def recognise(card: Card, now: datetime) -> TestCard:
    """The test card that was typed.

    Raises:
        MethodRefused: If it is no valid card, has expired, is none of the test cards, or is one that cannot be saved.
    """
    digits = card.number.replace(" ", "").replace("-", "")
    if not _is_card_number(digits):
        raise refusal(FailureCode.INCORRECT_NUMBER)
    if not 1 <= card.exp_month <= 12 or not 2000 <= card.exp_year <= now.year + LONGEST_YEARS_AHEAD:
        raise refusal(FailureCode.INVALID_EXPIRY)
    if (card.exp_year, card.exp_month) < (now.year, now.month):
        raise refusal(FailureCode.EXPIRED_CARD)
    known = _BY_NUMBER.get(digits)
    # A real card by mistake: say so before asking for more of it.
    if known is None:
        raise refusal(FailureCode.NOT_A_TEST_CARD)
    if not _is_digits(card.cvc) or len(card.cvc) != CVC_DIGITS.get(known.brand, 3):
        raise refusal(FailureCode.INCORRECT_CVC)
    if known.refused:
        raise refusal(known.refused)
    return known


def refusal(code: FailureCode) -> MethodRefused:
    return MethodRefused(code, REASONS[code])


def passes_luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1)."""
    doubled = (2 * int(digit) if place % 2 else int(digit) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def _is_card_number(digits: str) -> bool:
    return _is_digits(digits) and 12 <= len(digits) <= 19 and passes_luhn(digits)


def _is_digits(written: str) -> bool:
    # Other scripts have digits too, which int() would take.
    return written.isascii() and written.isdigit()
