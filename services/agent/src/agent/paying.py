"""Payments by hand: asked for once, then watched until they are through or refused."""

import time
from collections.abc import Callable, Sequence
from urllib.parse import quote

from agent import api, lookup
from agent.api import Client
from agent.billing_wire import Invoice, Payment
from agent.config import JsonObject
from agent.errors import ExitCode, PaymentRefused, ServerRefused, SpaceError, Unreachable, UsageError
from agent.money import money_text

POLL_SECONDS = 1.0
OPEN = frozenset({"finalised", "uncollectible"})
TAKEN = frozenset({"captured"})
NOT_TAKEN = frozenset({"failed", "voided", "expired"})


def find_invoice(client: Client, number_or_id: str) -> JsonObject:
    """The invoice with this number, this id, or an id that begins like this.

    Raises:
        UsageError: It cannot be either.
        ServerRefused: `invoice_not_found`.
    """
    wanted = number_or_id.strip()
    if not wanted.strip("."):
        raise UsageError("invoice_invalid", "Give an invoice's number or id.", hint="`space invoices` lists them.")
    try:
        return client.get(f"/invoices/{quote(wanted, safe='')}")
    except ServerRefused as error:
        if error.exit_code is not ExitCode.NOT_FOUND and error.status != 422:
            raise
        return client.get(f"/invoices/{_whole_id(client, wanted, error)}")


def begin(client: Client, path: str, body: JsonObject) -> JsonObject:
    """Ask for a payment.

    Raises:
        SpaceError: What became of it is not known: the hint says where to look before it is asked for again.
    """
    look = "It is not known whether this was done: see `space balance` and `space invoices` before you try again."
    try:
        return client.post(path, body)
    except Unreachable as error:
        raise Unreachable(error.code, error.message, hint=look) from error
    except ServerRefused as error:
        if error.exit_code is ExitCode.UNREACHABLE:
            error.hint = look
        raise


def watch_invoice(client: Client, invoice_id: str, known: Sequence[Payment], wait_seconds: float) -> JsonObject:
    """The invoice once it is paid, or as it is when the time is up.

    Raises:
        PaymentRefused: A payment that was not among the known ones failed.
    """
    before = {payment.payment_id for payment in known}

    def is_settled(answer: JsonObject) -> bool:
        invoice = api.parse(Invoice, answer)
        for payment in invoice.payments:
            if payment.payment_id not in before:
                raise_if_refused(payment)
        return invoice.state not in OPEN

    return _watch(client, f"/invoices/{invoice_id}", is_settled, wait_seconds)


def watch_payment(client: Client, payment_id: str, wait_seconds: float) -> JsonObject:
    """The payment once it is through, or as it is when the time is up.

    Raises:
        PaymentRefused: It failed.
    """

    def is_settled(answer: JsonObject) -> bool:
        payment = api.parse(Payment, answer)
        raise_if_refused(payment)
        return payment.state in TAKEN

    return _watch(client, f"/payments/{payment_id}", is_settled, wait_seconds)


def raise_if_refused(payment: Payment) -> None:
    if payment.state in NOT_TAKEN:
        raise PaymentRefused(
            payment.code or "payment_failed",
            f"{money_text(payment.amount)} could not be taken. {payment.reason or 'The card was not charged.'}",
            hint="Use another card: `space payment-method add`, then the same command again.",
        )


def _watch(client: Client, path: str, is_settled: Callable[[JsonObject], bool], wait_seconds: float) -> JsonObject:
    deadline = time.monotonic() + wait_seconds
    while True:
        answer = client.get(path)
        if is_settled(answer) or time.monotonic() >= deadline:
            return answer
        time.sleep(min(POLL_SECONDS, max(0.0, deadline - time.monotonic())))


def _whole_id(client: Client, wanted: str, missing: ServerRefused) -> str:
    try:
        found = lookup.whole_id(client, "/invoices", "invoice_id", wanted)
    except UsageError:
        raise missing from None
    except SpaceError as error:
        if error.exit_code is ExitCode.NOT_FOUND:
            raise missing from None
        raise
    if found == wanted.lower():
        raise missing
    return found
