"""The life of a payment and of a refund: their states, what moves them, and why a payment may fail."""

from enum import StrEnum
from types import MappingProxyType

from billing.domain.transitions import follow


class PaymentState(StrEnum):
    AUTHORISING = "authorising"
    """Asked for, or about to be; whether the provider holds it is not known yet."""
    AUTHORISED = "authorised"
    CAPTURING = "capturing"
    CAPTURED = "captured"
    VOIDING = "voiding"
    VOIDED = "voided"
    FAILED = "failed"
    EXPIRED = "expired"


class PaymentTrigger(StrEnum):
    """``CAPTURE`` and ``VOID`` are what we want; all others are what the provider said has become of it."""

    HOLD = "hold"
    FAIL = "fail"
    CAPTURE = "capture"
    TAKE = "take"
    VOID = "void"
    RELEASE = "release"
    EXPIRE = "expire"


TRANSITIONS = MappingProxyType(
    {
        (PaymentState.AUTHORISING, PaymentTrigger.HOLD): PaymentState.AUTHORISED,
        (PaymentState.AUTHORISING, PaymentTrigger.FAIL): PaymentState.FAILED,
        # Its answer was lost for so long that the hold is gone, or somebody released it by hand at the provider.
        (PaymentState.AUTHORISING, PaymentTrigger.EXPIRE): PaymentState.EXPIRED,
        (PaymentState.AUTHORISING, PaymentTrigger.RELEASE): PaymentState.VOIDED,
        (PaymentState.AUTHORISED, PaymentTrigger.CAPTURE): PaymentState.CAPTURING,
        (PaymentState.AUTHORISED, PaymentTrigger.VOID): PaymentState.VOIDING,
        (PaymentState.AUTHORISED, PaymentTrigger.EXPIRE): PaymentState.EXPIRED,
        (PaymentState.AUTHORISED, PaymentTrigger.RELEASE): PaymentState.VOIDED,
        (PaymentState.CAPTURING, PaymentTrigger.TAKE): PaymentState.CAPTURED,
        (PaymentState.CAPTURING, PaymentTrigger.FAIL): PaymentState.FAILED,
        (PaymentState.CAPTURING, PaymentTrigger.EXPIRE): PaymentState.EXPIRED,
        (PaymentState.CAPTURING, PaymentTrigger.RELEASE): PaymentState.VOIDED,
        (PaymentState.VOIDING, PaymentTrigger.RELEASE): PaymentState.VOIDED,
        (PaymentState.VOIDING, PaymentTrigger.FAIL): PaymentState.FAILED,
        (PaymentState.VOIDING, PaymentTrigger.EXPIRE): PaymentState.EXPIRED,
        # Money that was taken by hand at the provider was taken, whatever we wanted.
        (PaymentState.AUTHORISED, PaymentTrigger.TAKE): PaymentState.CAPTURED,
        (PaymentState.VOIDING, PaymentTrigger.TAKE): PaymentState.CAPTURED,
    }
)

TERMINAL = frozenset(PaymentState) - {source for source, _ in TRANSITIONS}


class RefundState(StrEnum):
    WANTED = "wanted"
    REFUNDED = "refunded"
    FAILED = "failed"


class RefundTrigger(StrEnum):
    GIVE = "give"
    FAIL = "fail"


REFUND_TRANSITIONS = MappingProxyType(
    {
        (RefundState.WANTED, RefundTrigger.GIVE): RefundState.REFUNDED,
        (RefundState.WANTED, RefundTrigger.FAIL): RefundState.FAILED,
    }
)

REFUND_TERMINAL = frozenset(RefundState) - {source for source, _ in REFUND_TRANSITIONS}


class FailureCode(StrEnum):
    """Why a card was not saved or a payment failed; the whole list, whoever the provider is."""

    CARD_DECLINED = "card_declined"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    EXPIRED_CARD = "expired_card"
    LIMIT_EXCEEDED = "card_limit_exceeded"
    CARD_NOT_SUPPORTED = "card_not_supported"
    INCORRECT_NUMBER = "incorrect_number"
    INVALID_EXPIRY = "invalid_expiry"
    INCORRECT_CVC = "incorrect_cvc"
    AUTHENTICATION_REQUIRED = "authentication_required"
    METHOD_UNKNOWN = "method_unknown"
    WRONG_FORM = "wrong_form"
    NOT_A_TEST_CARD = "not_a_test_card"
    AMOUNT_REFUSED = "amount_refused"
    PROCESSING_ERROR = "processing_error"
    UNANSWERED = "unanswered"
    HOLD_EXPIRED = "hold_expired"


REASONS = MappingProxyType(
    {
        FailureCode.CARD_DECLINED: "The card was declined by its bank. Ask the bank, or use another card.",
        FailureCode.INSUFFICIENT_FUNDS: "The card has not enough money for this. Top it up, or use another card.",
        FailureCode.EXPIRED_CARD: "The card has expired. Use another card.",
        FailureCode.LIMIT_EXCEEDED: "The card has reached its limit. Try again later, or use another card.",
        FailureCode.CARD_NOT_SUPPORTED: "The card does not support this kind of payment. Use another card.",
        FailureCode.INCORRECT_NUMBER: "The card's number is not valid. Check it and type it again.",
        FailureCode.INVALID_EXPIRY: "The card's expiry is not valid: a month from 1 to 12 and a year of four digits.",
        FailureCode.INCORRECT_CVC: "The card's security code is not valid. Check it and type it again.",
        FailureCode.AUTHENTICATION_REQUIRED: "The bank wants you to confirm this payment in person. Use another card.",
        FailureCode.METHOD_UNKNOWN: "The payment provider does not know this card any more. Add it again.",
        FailureCode.WRONG_FORM: "The payment provider in use takes cards in another form. Add it as asked for there.",
        FailureCode.NOT_A_TEST_CARD: "No real money moves here: only test cards are taken. Use 4242 4242 4242 4242.",
        FailureCode.AMOUNT_REFUSED: "The payment provider does not take this amount or currency.",
        FailureCode.PROCESSING_ERROR: "The bank could not handle the payment. Try again in a while.",
        FailureCode.UNANSWERED: "The payment provider did not answer, and knows of no such payment. Try again.",
        FailureCode.HOLD_EXPIRED: "The bank let the held amount go before it was taken. Pay again.",
    }
)
"""What an owner is told for each code, and what to do next."""


def next_state(state: PaymentState, trigger: PaymentTrigger) -> PaymentState:
    """The state a trigger leads to.

    Raises:
        IllegalTransition: If the table has no such move.
    """
    return follow(TRANSITIONS, "a payment", state, trigger)


def next_refund_state(state: RefundState, trigger: RefundTrigger) -> RefundState:
    """The state a trigger leads to.

    Raises:
        IllegalTransition: If the table has no such move.
    """
    return follow(REFUND_TRANSITIONS, "a refund", state, trigger)
