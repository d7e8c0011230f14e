"""What the command reads of billing is what billing's API document says, and so are the tests' golden answers."""

from functools import cache
from typing import Any

import pytest
from pydantic import BaseModel

from agent import billing_wire as wire
from agent.wire import Money
from billing.app import service
from tests.agent import billing_answers as golden
from tests.agent.api_documents import ApiDocument

READ = [
    ("get", "/quotas", 200, wire.Quota),
    ("put", "/quotas/spend-limit", 200, wire.Quota),
    ("get", "/usage", 200, wire.Usage),
    ("get", "/price-book", 200, wire.PriceBook),
    ("post", "/payment-methods", 201, wire.PaymentMethod),
    ("get", "/invoices/{name}", 200, wire.Invoice),
    ("get", "/balance", 200, wire.Balance),
    ("post", "/balance/top-ups", 202, wire.Payment),
    ("get", "/payments/{payment_id}", 200, wire.Payment),
]
LISTED = [
    ("/usage/days", wire.DayUse),
    ("/payment-methods", wire.PaymentMethod),
    ("/invoices", wire.InvoiceSummary),
]
SENT = [
    ("put", "/quotas/spend-limit", {"spend_limit": golden.usd(500)}),
    ("post", "/payment-methods", {"token": "pm_1"}),
    ("post", "/payment-methods", {"card": golden.CARD}),
    ("post", "/invoices/{name}/pay", {}),
    ("post", "/invoices/{name}/pay", {"payment_method_id": golden.METHOD_ID}),
    ("post", "/balance/top-ups", {"amount": golden.usd(2000), "payment_method_id": golden.METHOD_ID}),
]
ANSWERED = [
    ("get", "/quotas", 200, [golden.QUOTA, golden.FULL, golden.IN_ARREARS]),
    ("get", "/usage", 200, [golden.USAGE]),
    ("get", "/usage/days", 200, [golden.DAYS]),
    ("get", "/price-book", 200, [golden.PRICE_BOOK]),
    ("get", "/payment-methods", 200, [golden.METHODS]),
    ("get", "/invoices", 200, [golden.INVOICES]),
    ("get", "/invoices/{name}", 200, [golden.INVOICE, golden.PAID]),
    ("post", "/invoices/{name}/pay", 202, [golden.INVOICE]),
    ("get", "/balance", 200, [golden.BALANCE]),
    ("post", "/balance/top-ups", 202, [golden.TOP_UP]),
    ("get", "/payments/{payment_id}", 200, [golden.PAYMENT, golden.FAILED]),
]


@cache
def billing() -> ApiDocument:
    return ApiDocument(service)


@pytest.mark.parametrize(("method", "path", "status", "model"), READ)
def test_every_answer_that_billing_may_give_can_be_read(
    method: str, path: str, status: int, model: type[BaseModel]
) -> None:
    assert billing().unread(model, billing().answer(method, path, status)) == []


@pytest.mark.parametrize(("path", "model"), LISTED)
def test_every_item_of_a_list_can_be_read(path: str, model: type[BaseModel]) -> None:
    assert billing().unread(model, billing().item(path)) == []


@pytest.mark.parametrize(("method", "path", "status", "answers"), ANSWERED)
def test_the_golden_answers_are_answers_of_billing(
    method: str, path: str, status: int, answers: list[dict[str, Any]]
) -> None:
    schema = billing().answer(method, path, status)

    assert [billing().faults(schema, answer) for answer in answers] == [[]] * len(answers)


@pytest.mark.parametrize(("method", "path", "body"), SENT)
def test_what_is_sent_is_what_billing_takes(method: str, path: str, body: dict[str, Any]) -> None:
    schema = billing().operation(method, path)["requestBody"]["content"]["application/json"]["schema"]

    assert billing().faults(schema, body) == []


def test_a_pdf_and_the_filter_of_invoices_are_in_the_document() -> None:
    pdf = billing().operation("get", "/invoices/{name}/pdf")["responses"]["200"]
    assert "application/pdf" in pdf["content"]
    assert "state" in [parameter["name"] for parameter in billing().operation("get", "/invoices")["parameters"]]
    for path, method in (("/payment-methods/{payment_method_id}/default", "put"), ("/price-book", "get")):
        assert billing().operation(method, path)


def test_a_field_that_billing_dropped_or_made_optional_is_found() -> None:
    theirs = {"type": "object", "required": ["amount_minor"], "properties": {"amount_minor": {"type": "number"}}}

    assert billing().unread(Money, theirs) == ["Money.amount_minor may be number", "Money.currency may be absent"]
