import pytest

from billing.adapters.stripe_codes import REFUNDS, failure_code
from billing.domain.payments import FailureCode


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"code": "card_declined", "decline_code": "insufficient_funds"}, FailureCode.INSUFFICIENT_FUNDS),
        ({"code": "card_declined", "decline_code": "generic_decline"}, FailureCode.CARD_DECLINED),
        ({"code": "card_declined", "decline_code": "card_velocity_exceeded"}, FailureCode.LIMIT_EXCEEDED),
        ({"code": "card_declined", "decline_code": "currency_not_supported"}, FailureCode.CARD_NOT_SUPPORTED),
        ({"code": "expired_card"}, FailureCode.EXPIRED_CARD),
        ({"code": "expired_card", "decline_code": "expired_card"}, FailureCode.EXPIRED_CARD),
        ({"code": "incorrect_cvc"}, FailureCode.INCORRECT_CVC),
        ({"code": "processing_error"}, FailureCode.PROCESSING_ERROR),
        (
            {"code": "authentication_required", "decline_code": "authentication_required"},
            FailureCode.AUTHENTICATION_REQUIRED,
        ),
        ({"code": "amount_too_small", "type": "invalid_request_error"}, FailureCode.AMOUNT_REFUSED),
        ({"code": "resource_missing", "type": "invalid_request_error"}, FailureCode.METHOD_UNKNOWN),
        ({"type": "invalid_request_error"}, FailureCode.METHOD_UNKNOWN),
        ({"code": "something_new", "decline_code": "newer"}, FailureCode.CARD_DECLINED),
        ({"code": None, "decline_code": None}, FailureCode.CARD_DECLINED),
        ({}, FailureCode.CARD_DECLINED),
    ],
)
def test_stripes_code_is_one_of_ours(error: dict[str, str | None], code: FailureCode) -> None:
    assert failure_code(error) is code


@pytest.mark.parametrize("suspicion", ["lost_card", "stolen_card", "fraudulent", "pickup_card", "merchant_blacklist"])
def test_what_a_bank_suspects_is_told_to_nobody(suspicion: str) -> None:
    assert failure_code({"code": "card_declined", "decline_code": suspicion}) is FailureCode.CARD_DECLINED


def test_what_is_not_there_is_unknown() -> None:
    assert failure_code({}, http_status=404) is FailureCode.METHOD_UNKNOWN


def test_every_standing_of_a_refund_that_stripe_documents_has_one_of_ours() -> None:
    assert set(REFUNDS) == {"pending", "requires_action", "succeeded", "failed", "canceled"}
