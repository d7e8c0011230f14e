"""Stripe: payment intents that are captured by hand, one for each payment of ours."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import stripe

from billing.adapters.stripe_codes import REFUNDS, failure_code
from billing.domain.payments import REASONS, FailureCode
from billing.ports import (
    Card,
    Charge,
    ChargeRefused,
    ChargeWanted,
    MethodRefused,
    Notice,
    Refund,
    SavedMethod,
    Standing,
    Unanswered,
    WebhookRefused,
)

TOKEN = re.compile(r"pm_\w{1,250}", re.ASCII)
TOLERANCE = timedelta(minutes=5)
UNFINISHED = frozenset({"requires_confirmation", "requires_action"})
GIVEN_UP_AFTER = timedelta(minutes=10)
"""An intent that has not come further than its creation for so long is nobody's any more and is cancelled."""
PAGE = 100


class Stripe:
    """The official library over httpx.

    Stripe forgets idempotency keys after a day and repeats a recorded answer until then, however old it is. So every
    call that moves money looks first whether it was done, and the key only keeps two that look at once apart.

    Args:
        deadline_seconds: For a whole call of the port, however many requests it takes.
    """

    name = "stripe"

    def __init__(
        self, api_key: str, webhook_secret: str, *, api_base: str | None = None, deadline_seconds: float = 10
    ) -> None:
        self._http = stripe.HTTPXClient(timeout=deadline_seconds)
        self._api = stripe.StripeClient(
            api_key,
            base_addresses={"api": api_base} if api_base else {},
            # Whoever called decides whether and when to ask again.
            max_network_retries=0,
            http_client=self._http,
        ).v1
        self._webhook_secret = webhook_secret
        self._deadline_seconds = deadline_seconds

    async def aclose(self) -> None:
        await self._http.close_async()  # type: ignore[no-untyped-call]  # the library has no type for it

    async def save_method(
        self, owner_id: UUID, customer: str | None, card: Card | None, token: str | None
    ) -> SavedMethod:
        """Numbers never come to us: a token is what Stripe's own form in the browser gives."""
        if card is not None or token is None or not TOKEN.fullmatch(token):
            raise _refused(FailureCode.WRONG_FORM)
        async with self._answering():
            customer = customer or await self._make_customer(owner_id)
            try:
                method = await self._api.payment_methods.attach_async(token, {"customer": customer})
            except (stripe.CardError, stripe.InvalidRequestError) as error:
                raise _refused(failure_code(_error_fields(error), error.http_status)) from error
            if method.type != "card" or method.card is None:
                await self._api.payment_methods.detach_async(token)
                raise _refused(FailureCode.CARD_NOT_SUPPORTED)
        shown = method.card
        return SavedMethod(customer, method.id, shown.brand, shown.last4, shown.exp_month, shown.exp_year)

    async def forget_method(self, method: SavedMethod) -> None:
        async with self._answering():
            try:
                await self._api.payment_methods.detach_async(method.token)
            except stripe.InvalidRequestError as error:
                if not await self._is_forgotten(method.token):
                    raise Unanswered("Stripe does not detach the card") from error

    async def authorise(self, wanted: ChargeWanted) -> Charge:
        async with self._answering():
            intent = await self._look_up(wanted.payment_id, wanted.customer)
            if intent is None:
                try:
                    intent = await self._create(wanted)
                except stripe.IdempotencyError as error:
                    raise ChargeRefused("this payment was asked for with other terms before") from error
                except (stripe.CardError, stripe.InvalidRequestError) as error:
                    # A declined card leaves an intent behind; a request that makes no sense does not.
                    intent = await self._look_up(wanted.payment_id, wanted.customer)
                    if intent is None:
                        code = failure_code(_error_fields(error), error.http_status)
                        return Charge(None, Standing.FAILED, wanted.amount_minor, 0, wanted.currency, code)
            _refuse_other_terms(intent, wanted)
            return await self._settled(intent)

    async def capture(self, payment_id: UUID, reference: str, amount_minor: int) -> Charge:
        if amount_minor <= 0:
            raise ChargeRefused(f"{amount_minor} cannot be captured")
        async with self._answering():
            intent = await self._known(payment_id, reference)
            if intent.status == "requires_capture":
                try:
                    intent = await self._api.payment_intents.capture_async(
                        reference, {"amount_to_capture": amount_minor}, {"idempotency_key": f"{payment_id}:capture"}
                    )
                except (stripe.CardError, stripe.InvalidRequestError, stripe.IdempotencyError):
                    intent = await self._known(payment_id, reference)
        charge = _charge(intent)
        if charge.standing is not Standing.CAPTURED or charge.captured_minor != amount_minor:
            raise ChargeRefused(f"{amount_minor} cannot be captured: the intent is {intent.status}")
        return charge

    async def void(self, payment_id: UUID, reference: str) -> Charge:
        async with self._answering():
            intent = await self._known(payment_id, reference)
            if intent.status == "requires_capture":
                try:
                    intent = await self._cancel(intent)
                except (stripe.InvalidRequestError, stripe.IdempotencyError):
                    intent = await self._known(payment_id, reference)
        charge = _charge(intent)
        if charge.standing is not Standing.VOIDED:
            raise ChargeRefused(f"there is nothing to release: the intent is {intent.status}")
        return charge

    async def refund(self, refund_id: UUID, reference: str, amount_minor: int) -> Refund:
        if amount_minor <= 0:
            raise ChargeRefused(f"{amount_minor} cannot be refunded")
        async with self._answering():
            try:
                intent = await self._api.payment_intents.retrieve_async(reference)
                done = await self._look_up_refund(refund_id, reference)
                if done is None and intent.status == "succeeded":
                    done = await self._give_back(intent, refund_id, amount_minor)
            except (stripe.InvalidRequestError, stripe.IdempotencyError, stripe.CardError) as error:
                raise ChargeRefused(f"{amount_minor} cannot be refunded: {error.user_message}") from error
        if done is None or done.amount != amount_minor:
            raise ChargeRefused(f"{amount_minor} cannot be refunded: the intent is {intent.status}")
        return Refund(done.id, REFUNDS[done.status or "pending"], done.amount)

    async def find(self, payment_id: UUID, customer: str | None, reference: str | None) -> Charge | None:
        async with self._answering():
            intent = (
                await self._retrieve(payment_id, reference) if reference else await self._look_up(payment_id, customer)
            )
            return await self._settled(intent) if intent is not None else None

    def read_webhook(self, body: bytes, headers: dict[str, str], now: datetime) -> Notice:
        signed = {name.lower(): value for name, value in headers.items()}.get("stripe-signature", "")
        try:
            # Without a tolerance: the library would measure it by the real time.
            stripe.WebhookSignature.verify_header(body, signed, self._webhook_secret)
            written = next(part for part in signed.split(",") if part.startswith("t="))
            sent_at = datetime.fromtimestamp(int(written.removeprefix("t=")), UTC)
        except (stripe.SignatureVerificationError, ValueError, OverflowError, OSError) as error:
            raise WebhookRefused("the signature is missing or not Stripe's") from error
        if abs(now - sent_at) > TOLERANCE:
            raise WebhookRefused("it was not sent just now")
        return _notice(body, sent_at)

    @asynccontextmanager
    async def _answering(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._deadline_seconds):
                yield
        # What the callers make something of is caught there: 409 for a key that is in use is not, for one.
        except (stripe.StripeError, TimeoutError) as error:
            raise Unanswered(f"Stripe gave no certain answer: {type(error).__name__}") from error

    async def _make_customer(self, owner_id: UUID) -> str:
        made = await self._api.customers.create_async(
            {"metadata": {"owner_id": str(owner_id)}}, {"idempotency_key": f"{owner_id}:customer"}
        )
        return made.id

    async def _is_forgotten(self, token: str) -> bool:
        try:
            return (await self._api.payment_methods.retrieve_async(token)).customer is None
        except stripe.InvalidRequestError as error:
            return _is_missing(error)

    async def _create(self, wanted: ChargeWanted) -> stripe.PaymentIntent:
        return await self._api.payment_intents.create_async(
            {
                "amount": wanted.amount_minor,
                "currency": wanted.currency.lower(),
                "customer": wanted.customer or "",
                "payment_method": wanted.method,
                "allowed_payment_method_types": ["card"],
                "capture_method": "manual",
                "confirm": True,
                "off_session": True,
                "description": wanted.description,
                "metadata": {"payment_id": str(wanted.payment_id)},
            },
            {"idempotency_key": f"{wanted.payment_id}:authorise"},
        )

    async def _look_up(self, payment_id: UUID, customer: str | None) -> stripe.PaymentIntent | None:
        """The payment's intent, newest first among the customer's. Without a customer there can be none."""
        if not customer:
            return None
        try:
            page = await self._api.payment_intents.list_async({"customer": customer, "limit": PAGE})
            async for intent in page.auto_paging_iter():
                if _metadata(intent).get("payment_id") == str(payment_id):
                    return intent
        except stripe.InvalidRequestError as error:
            if not _is_missing(error):
                raise Unanswered("Stripe does not list the customer's payments") from error
        return None

    async def _retrieve(self, payment_id: UUID, reference: str) -> stripe.PaymentIntent | None:
        try:
            intent = await self._api.payment_intents.retrieve_async(reference)
        except stripe.InvalidRequestError as error:
            if _is_missing(error):
                return None
            raise Unanswered("Stripe does not show the payment") from error
        return intent if _metadata(intent).get("payment_id") == str(payment_id) else None

    async def _known(self, payment_id: UUID, reference: str) -> stripe.PaymentIntent:
        intent = await self._retrieve(payment_id, reference)
        if intent is None:
            raise ChargeRefused("Stripe knows no such payment")
        return intent

    async def _cancel(self, intent: stripe.PaymentIntent) -> stripe.PaymentIntent:
        return await self._api.payment_intents.cancel_async(
            intent.id,
            {"cancellation_reason": "requested_by_customer"},
            {"idempotency_key": f"{_metadata(intent)['payment_id']}:void"},
        )

    async def _settled(self, intent: stripe.PaymentIntent) -> Charge:
        """How an intent stands, once it can no longer become a hold behind our back."""
        age = datetime.now(UTC) - datetime.fromtimestamp(intent.created, UTC)
        # Nobody is there to authenticate it, now or later.
        if intent.status == "requires_action" or (intent.status in UNFINISHED and age > GIVEN_UP_AFTER):
            intent = await self._cancel(intent)
        return _charge(intent)

    async def _look_up_refund(self, refund_id: UUID, reference: str) -> stripe.Refund | None:
        page = await self._api.refunds.list_async({"payment_intent": reference, "limit": PAGE})
        async for refund in page.auto_paging_iter():
            if _metadata(refund).get("refund_id") == str(refund_id):
                return refund
        return None

    async def _give_back(self, intent: stripe.PaymentIntent, refund_id: UUID, amount_minor: int) -> stripe.Refund:
        payment_id = _metadata(intent).get("payment_id", "")
        return await self._api.refunds.create_async(
            {
                "payment_intent": intent.id,
                "amount": amount_minor,
                "metadata": {"refund_id": str(refund_id), "payment_id": payment_id},
            },
            {"idempotency_key": f"{refund_id}:refund"},
        )


def _refused(code: FailureCode) -> MethodRefused:
    return MethodRefused(code, REASONS[code])


def _refuse_other_terms(intent: stripe.PaymentIntent, wanted: ChargeWanted) -> None:
    # A declined card is taken off its intent.
    method = intent.payment_method or wanted.method
    same = (intent.amount, intent.currency, method) == (wanted.amount_minor, wanted.currency.lower(), wanted.method)
    if not same:
        raise ChargeRefused("this payment was asked for with another amount, currency or card before")


def _charge(intent: stripe.PaymentIntent) -> Charge:
    standing = _standing(intent)
    code = None
    if standing is Standing.FAILED:
        error = intent.last_payment_error
        fields = error.to_dict() if error is not None else {"code": "authentication_required"}
        code = failure_code(fields)
    captured = intent.amount_received if standing is Standing.CAPTURED else 0
    return Charge(intent.id, standing, intent.amount, captured, intent.currency.upper(), code)


def _standing(intent: stripe.PaymentIntent) -> Standing:
    match intent.status:
        case "requires_capture":
            return Standing.AUTHORISED
        case "succeeded":
            return Standing.CAPTURED
        case "requires_payment_method":
            return Standing.FAILED if intent.last_payment_error is not None else Standing.PENDING
        case "canceled" if intent.latest_charge is None or intent.last_payment_error is not None:
            return Standing.FAILED
        case "canceled":
            return Standing.EXPIRED if intent.cancellation_reason in ("automatic", "expired") else Standing.VOIDED
        case _:
            return Standing.PENDING


def _metadata(thing: stripe.PaymentIntent | stripe.Refund) -> dict[str, Any]:
    return thing.metadata.to_dict() if thing.metadata is not None else {}


def _error_fields(error: stripe.StripeError) -> dict[str, Any]:
    return error.error.to_dict() if error.error is not None else {}


def _is_missing(error: stripe.StripeError) -> bool:
    return error.http_status == 404 or error.code == "resource_missing"


def _notice(body: bytes, sent_at: datetime) -> Notice:
    try:
        event = json.loads(body)
        told = (event["data"]["object"].get("metadata") or {}).get("payment_id")
        return Notice(str(event["id"]), str(event["type"]), _uuid(told), sent_at)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise WebhookRefused("its body makes no sense") from error


def _uuid(written: object) -> UUID | None:
    """A payment id of ours; what others in the same Stripe account have put there is none."""
    try:
        return UUID(str(written))
    except ValueError:
        return None
