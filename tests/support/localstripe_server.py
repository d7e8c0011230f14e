"""The program `localstripe.py` runs: localstripe, made to behave as Stripe's current API where it differs.

What localstripe 1.15 does otherwise than Stripe (2026-10-28) is put right here, in the server, so that the adapter is
written for Stripe alone:

- it listens on all addresses, and keeps its objects in one file in /tmp for all its processes;
- intents: it knows no description and no allowed types, lists no customer's, and lacks ``amount_received`` and
  ``cancellation_reason``; it uses a card for a customer whom it is not attached to;
- captures: of a cancelled intent, of more than is held or of nothing it accepts; what a partial capture leaves it
  books as a refund;
- refunds: of more than was captured it accepts;
- cards: attaching one of another customer, and detaching one of nobody, it accepts;
- a declined card is called an invalid request; webhooks wait for a second.

One difference is kept because it shows a path that must be safe: a card that wants authentication leaves an intent in
``requires_action``, where Stripe refuses an off-session payment at once.
"""

import asyncio
import sys
from types import SimpleNamespace
from typing import Any

from aiohttp import web
from localstripe import resources, webhooks  # type: ignore[import-untyped]  # it has no types
from localstripe.errors import UserError  # type: ignore[import-untyped]

Customer, PaymentIntent, PaymentMethod = resources.Customer, resources.PaymentIntent, resources.PaymentMethod
Refund, StripeObject = resources.Refund, resources.StripeObject

original_intent = PaymentIntent.__init__
original_refund = Refund.__init__
original_create = PaymentIntent._api_create.__func__
original_attach = PaymentMethod._api_attach.__func__
original_detach = PaymentMethod._api_detach.__func__


def make_intent(self: Any, description: Any = None, allowed_payment_method_types: Any = None, **fields: Any) -> None:
    original_intent(self, **fields)
    self.description = description
    self.amount_received = 0
    self.cancellation_reason = None


def create_intent(cls: Any, /, **fields: Any) -> Any:
    method = PaymentMethod._api_retrieve(fields["payment_method"])
    if method.customer != fields.get("customer"):
        raise refused("The payment method is not attached to this customer.", "payment_method_unexpected_state")
    return original_create(cls, **fields)


def list_intents(cls: Any, url: str, customer: Any = None, limit: Any = None, starting_after: Any = None) -> Any:
    if customer:
        Customer._api_retrieve(customer)
    listed = StripeObject._api_list_all.__func__(cls, url, limit=limit, starting_after=starting_after)
    listed._list = [intent for intent in reversed(listed._list) if customer in (None, intent.customer)]
    return listed


def capture_intent(cls: Any, id: str, amount_to_capture: Any = None) -> Any:  # noqa: A002  (localstripe's word)
    intent = cls._api_retrieve(id)
    amount = intent.amount if amount_to_capture is None else int(amount_to_capture)
    if intent.status != "requires_capture" or not 0 < amount <= intent.amount:
        raise refused("This intent cannot be captured so.", "payment_intent_unexpected_state")
    intent.latest_charge.captured = True
    intent.amount_received = amount
    intent._on_success()
    return intent


def cancel_intent(cls: Any, id: str, cancellation_reason: Any = None) -> Any:  # noqa: A002
    intent = cls._api_retrieve(id)
    if intent.status in ("canceled", "succeeded", "processing"):
        raise refused("This intent cannot be cancelled.", "payment_intent_unexpected_state")
    intent._canceled, intent.next_action, intent.cancellation_reason = True, None, cancellation_reason
    return intent


def expire_intent(cls: Any, id: str) -> Any:  # noqa: A002
    """Not Stripe's: the days pass after which a hold is let go."""
    return cancel_intent(cls, id, "expired")


def make_refund(self: Any, payment_intent: Any = None, amount: Any = None, **fields: Any) -> None:
    intent = PaymentIntent._api_retrieve(payment_intent)
    given = sum(refund.amount for refund in Refund._api_list_all("", payment_intent=payment_intent, limit=1000)._list)
    if int(amount) > intent.amount_received - given:
        raise refused("That is more than is left of the charge.", "charge_already_refunded")
    original_refund(self, payment_intent=payment_intent, amount=amount, **fields)


def attach(cls: Any, id: str, customer: Any = None) -> Any:  # noqa: A002
    if cls._api_retrieve(id).customer not in (None, customer):
        raise refused("The payment method is attached to another customer.", "payment_method_unexpected_state")
    try:
        return original_attach(cls, id, customer=customer)
    except UserError as error:
        raise as_card_error(error) from None


def detach(cls: Any, id: str) -> Any:  # noqa: A002
    if cls._api_retrieve(id).customer is None:
        raise refused("The payment method is not attached to a customer.", "payment_method_unexpected_state")
    return original_detach(cls, id)


def fail_charge(self: Any) -> None:
    raise as_card_error(UserError(402, self.failure_message, {"code": self.failure_code, "charge": self.id}))


def refused(message: str, code: str) -> Any:
    return UserError(400, message, {"code": code})


def as_card_error(error: Any) -> Any:
    if error.code == 402:
        error.body["error"] |= {"type": "card_error", "decline_code": "generic_decline"}
    return error


def make_it_like_stripe() -> None:
    resources.Store.dump_to_disk = lambda self: None
    webhooks.asyncio = SimpleNamespace(sleep=lambda _: asyncio.sleep(0), ensure_future=asyncio.ensure_future)
    PaymentIntent.__init__ = make_intent
    Refund.__init__ = make_refund
    resources.Charge._raise_failure = fail_charge
    PaymentIntent._api_create = classmethod(create_intent)
    PaymentIntent._api_list_all = classmethod(list_intents)
    PaymentIntent._api_capture = classmethod(capture_intent)
    PaymentIntent._api_cancel = classmethod(cancel_intent)
    PaymentIntent._api_expire = classmethod(expire_intent)
    PaymentMethod._api_attach = classmethod(attach)
    PaymentMethod._api_detach = classmethod(detach)
    # The first route for a path answers, so ours stand before the ones that hold the functions as they were.
    resources.extra_apis[:0] = [
        ("POST", "/v1/payment_intents/{id}/capture", PaymentIntent._api_capture),
        ("POST", "/v1/payment_intents/{id}/cancel", PaymentIntent._api_cancel),
        ("POST", "/v1/payment_intents/{id}/_expire", PaymentIntent._api_expire),
        ("POST", "/v1/payment_methods/{id}/attach", PaymentMethod._api_attach),
        ("POST", "/v1/payment_methods/{id}/detach", PaymentMethod._api_detach),
    ]


def serve(port: int) -> None:
    make_it_like_stripe()
    # Importing it makes the routes.
    from localstripe.server import app  # type: ignore[import-untyped]

    web.run_app(app, host="127.0.0.1", port=port)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
