"""What Stripe's many codes mean in our few."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from billing.domain.payments import FailureCode
from billing.ports import RefundStanding

REFUNDS = MappingProxyType(
    {
        "succeeded": RefundStanding.REFUNDED,
        "pending": RefundStanding.PENDING,
        "requires_action": RefundStanding.PENDING,
        "failed": RefundStanding.FAILED,
        "canceled": RefundStanding.FAILED,
    }
)

# https://docs.stripe.com/declines/codes and https://docs.stripe.com/error-codes. What a bank suspects of a card (lost,
# stolen, fraud) is told to nobody: it is a declined card, as is everything unknown.
_CODES = MappingProxyType(
    {
        FailureCode.INSUFFICIENT_FUNDS: ("insufficient_funds",),
        FailureCode.EXPIRED_CARD: ("expired_card",),
        FailureCode.AUTHENTICATION_REQUIRED: (
            "authentication_required",
            "authentication_not_handled",
            "payment_intent_authentication_failure",
        ),
        FailureCode.LIMIT_EXCEEDED: ("card_velocity_exceeded", "withdrawal_count_limit_exceeded"),
        FailureCode.CARD_NOT_SUPPORTED: (
            "card_not_supported",
            "currency_not_supported",
            "service_not_allowed",
            "transaction_not_allowed",
        ),
        FailureCode.INCORRECT_NUMBER: ("incorrect_number", "invalid_number"),
        FailureCode.INVALID_EXPIRY: ("invalid_expiry_month", "invalid_expiry_year"),
        FailureCode.INCORRECT_CVC: ("incorrect_cvc", "invalid_cvc"),
        FailureCode.METHOD_UNKNOWN: ("resource_missing", "payment_method_unexpected_state"),
        FailureCode.AMOUNT_REFUSED: ("amount_too_large", "amount_too_small", "invalid_charge_amount"),
        FailureCode.PROCESSING_ERROR: (
            "approve_with_id",
            "issuer_not_available",
            "processing_error",
            "reenter_transaction",
            "try_again_later",
        ),
    }
)
_BY_STRIPE = MappingProxyType({theirs: ours for ours, many in _CODES.items() for theirs in many})


def failure_code(error: Mapping[str, Any], http_status: int | None = None) -> FailureCode:
    """Our code for an error of Stripe's; a bank's reason (``decline_code``) says more than ``card_declined``."""
    if http_status == 404:
        return FailureCode.METHOD_UNKNOWN
    for name in ("decline_code", "code"):
        if (ours := _BY_STRIPE.get(str(error.get(name)))) is not None:
            return ours
    # A request that Stripe calls invalid is about what was sent, not about the card's bank.
    refused_by_stripe = error.get("type") == "invalid_request_error" and not error.get("code")
    return FailureCode.METHOD_UNKNOWN if refused_by_stripe else FailureCode.CARD_DECLINED
