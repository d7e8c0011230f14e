"""What the command reads of billing is what billing's API document says, and so are the tests' golden answers."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator
from pydantic import BaseModel

from agent import billing_wire as wire
from agent.wire import Money
from billing.app import service
from tests.agent import billing_answers as golden

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
def document() -> dict[str, Any]:
    return service.create_api().openapi()


def schema_of(method: str, path: str, status: int) -> dict[str, Any]:
    operation = document()["paths"][f"/api/v1{path}"][method]
    schema: dict[str, Any] = operation["responses"][str(status)]["content"]["application/json"]["schema"]
    return schema


def resolved(schema: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        *_, name = schema["$ref"].split("/")
        schema = root[name]
    return schema


def alternatives(schema: dict[str, Any], root: dict[str, Any]) -> list[dict[str, Any]]:
    return [resolved(one, root) for one in resolved(schema, root).get("anyOf", [schema])]


def differences(ours: dict[str, Any], theirs: dict[str, Any], roots: Any, where: str) -> Iterator[str]:
    """What billing may answer and we would refuse."""
    readable = alternatives(ours, roots[0])
    for answer in alternatives(theirs, roots[1]):
        matching = [one for one in readable if one.get("type") == answer.get("type")]
        if not matching:
            yield f"{where} may be {answer.get('type')}"
        elif answer.get("type") == "array":
            yield from differences(matching[0]["items"], answer["items"], roots, f"{where}[]")
        elif answer.get("type") == "object":
            for name in matching[0].get("required", ()):
                if name not in answer.get("required", ()):
                    yield f"{where}.{name} may be absent"
                else:
                    inner = matching[0]["properties"][name], answer["properties"][name]
                    yield from differences(*inner, roots, f"{where}.{name}")


def unread(model: type[BaseModel], theirs: dict[str, Any]) -> list[str]:
    ours = model.model_json_schema()
    roots = (ours.get("$defs", {}), document()["components"]["schemas"])
    return list(differences(ours, theirs, roots, model.__name__))


@pytest.mark.parametrize(("method", "path", "status", "model"), READ)
def test_every_answer_that_billing_may_give_can_be_read(
    method: str, path: str, status: int, model: type[BaseModel]
) -> None:
    assert unread(model, schema_of(method, path, status)) == []


@pytest.mark.parametrize(("path", "model"), LISTED)
def test_every_item_of_a_list_can_be_read(path: str, model: type[BaseModel]) -> None:
    listed = resolved(schema_of("get", path, 200), document()["components"]["schemas"])

    assert unread(model, listed["properties"]["items"]["items"]) == []


@pytest.mark.parametrize(("method", "path", "status", "answers"), ANSWERED)
def test_the_golden_answers_are_answers_of_billing(
    method: str, path: str, status: int, answers: list[dict[str, Any]]
) -> None:
    validator = Draft202012Validator({**schema_of(method, path, status), "components": document()["components"]})

    for answer in answers:
        assert [error.message for error in validator.iter_errors(answer)] == []


@pytest.mark.parametrize(("method", "path", "body"), SENT)
def test_what_is_sent_is_what_billing_takes(method: str, path: str, body: dict[str, Any]) -> None:
    operation = document()["paths"][f"/api/v1{path}"][method]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    validator = Draft202012Validator({**schema, "components": document()["components"]})

    assert [error.message for error in validator.iter_errors(body)] == []


def test_a_pdf_and_the_filter_of_invoices_are_in_the_document() -> None:
    paths = document()["paths"]
    assert "application/pdf" in paths["/api/v1/invoices/{name}/pdf"]["get"]["responses"]["200"]["content"]
    assert "state" in [parameter["name"] for parameter in paths["/api/v1/invoices"]["get"]["parameters"]]
    for path, method in (("/payment-methods/{payment_method_id}/default", "put"), ("/price-book", "get")):
        assert method in paths[f"/api/v1{path}"]


def test_a_field_that_billing_dropped_or_made_optional_is_found() -> None:
    theirs = {"type": "object", "required": ["amount_minor"], "properties": {"amount_minor": {"type": "number"}}}

    assert unread(Money, theirs) == ["Money.amount_minor may be number", "Money.currency may be absent"]
