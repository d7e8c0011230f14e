"""Invoices, credit notes, notices and billing details as an owner reads them over HTTP, and nobody else."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from billing.models import Payment
from billing.operations import credit_notes, invoices
from shared.auth import Scope
from tests.billing.support.invoicing import NOW, draft, give, issued
from tests.billing.support.world import World
from tests.support.running import OPERATOR
from tests.support.tokens import Owner, TokenIssuer

API = "/api/v1"


@pytest.fixture
def owner(world: World) -> Owner:
    return Owner(world.owner_id)


@pytest.fixture
def signed_in(issuer: TokenIssuer, owner: Owner) -> dict[str, str]:
    return issuer.headers(owner)


async def test_an_owner_reads_an_invoice_whole_by_its_id_or_its_number(world: World, signed_in: dict[str, str]) -> None:
    await give(world.database, world.owner_id, promotional=200)
    await world.add_card()
    invoice = await issued(world.database, world.owner_id, 1000, 34, now=world.now)
    await world.work()
    async with world.database.transaction() as session:
        account, locked = await invoices.lock_by_id(session, invoice.id, world.now)
        await credit_notes.credit(session, account, locked, 100, "A mistake", "test", world.now)
    found = (await world.billing.api.get(f"{API}/invoices/{invoice.number}", headers=signed_in)).json()
    assert found == (await world.billing.api.get(f"{API}/invoices/{invoice.id}", headers=signed_in)).json()
    assert (found["number"], found["state"], found["kind"]) == ("SP-2026-000001", "paid", "usage")
    assert found["total"] == {"amount_minor": 1034, "currency": "USD"}
    assert found["due"]["amount_minor"] == 0
    assert [line["amount"]["amount_minor"] for line in found["lines"]] == [1000, 34]
    assert {name: part["amount_minor"] for name, part in found["paid"].items()} == {
        "promotional": 200, "balance": 0, "card": 834, "credited": 0,
    }  # fmt: skip
    [payment] = found["payments"]
    assert (payment["captured"]["amount_minor"], payment["method"]["last4"]) == (834, "4242")
    [note] = found["credit_notes"]
    assert (note["number"], note["to_card"]["amount_minor"]) == ("CN-2026-000001", 100)


async def test_what_paying_now_would_charge_is_told_and_is_what_it_charges(
    world: World, signed_in: dict[str, str]
) -> None:
    await issued(world.database, world.owner_id, 39, now=world.now)
    await world.work()
    invoice = await issued(world.database, world.owner_id, 1000, now=world.now)
    await give(world.database, world.owner_id, promotional=200)
    path = f"{API}/invoices/{invoice.id}"
    told = (await world.billing.api.get(path, headers=signed_in)).json()["pay_now"]
    assert {name: part["amount_minor"] for name, part in told.items()} == {
        "promotional": 200, "balance": 0, "card": 839, "carried": 39,
    }  # fmt: skip
    await world.add_card()
    await world.billing.api.post(f"{path}/pay", headers=signed_in | {"Idempotency-Key": str(uuid4())})
    found = (await world.billing.api.get(path, headers=signed_in)).json()
    assert (found["state"], found["pay_now"]) == ("paid", None)
    [payment] = found["payments"]
    assert payment["captured"]["amount_minor"] == 839


async def test_a_list_is_newest_first_by_pages_and_by_state(world: World, signed_in: dict[str, str]) -> None:
    for day in range(5):
        await issued(world.database, world.owner_id, 500 + day, now=NOW + timedelta(days=day))
    await give(world.database, world.owner_id, promotional=10_000)
    await issued(world.database, world.owner_id, 900, now=NOW + timedelta(days=9))
    async with world.database.transaction() as session:
        await draft(session, world.owner_id, 70, now=NOW + timedelta(days=10))
    totals, cursor = [], None
    while True:
        wanted: dict[str, Any] = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await world.billing.api.get(f"{API}/invoices", headers=signed_in, params=wanted)).json()
        assert len(page["items"]) <= 3
        totals += [item["total"]["amount_minor"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert totals == [70, 900, 504, 503, 502, 501, 500]
    paid = (await world.billing.api.get(f"{API}/invoices", headers=signed_in, params={"state": "paid"})).json()
    assert [item["total"]["amount_minor"] for item in paid["items"]] == [900]
    drafts = (await world.billing.api.get(f"{API}/invoices", headers=signed_in, params={"state": "draft"})).json()
    assert [(item["number"], item["due"]["amount_minor"]) for item in drafts["items"]] == [(None, 0)]
    wrong = await world.billing.api.get(f"{API}/invoices", headers=signed_in, params={"state": "lost"})
    assert wrong.status_code == 422


async def test_what_is_another_owners_is_not_there(world: World, issuer: TokenIssuer) -> None:
    invoice = await issued(world.database, world.owner_id, 1000)
    async with world.database.transaction() as session:
        account, locked = await invoices.lock_by_id(session, invoice.id, NOW)
        note = await credit_notes.credit(session, account, locked, 100, "A mistake", "test", NOW)
    assert note is not None
    stranger = issuer.headers(Owner())
    for method, path in [
        ("GET", f"/invoices/{invoice.id}"),
        ("GET", f"/invoices/{invoice.number}"),
        ("GET", f"/invoices/{invoice.number}/pdf"),
        ("POST", f"/invoices/{invoice.number}/pay"),
        ("GET", f"/credit-notes/{note.id}"),
        ("GET", f"/credit-notes/{note.number}/pdf"),
        ("GET", f"/invoices/{uuid4()}"),
        ("GET", "/invoices/SP-2026-999999"),
    ]:
        answer = await world.billing.api.request(method, API + path, headers=stranger)
        assert answer.status_code == 404, path
        assert answer.json()["code"] in ("invoice_not_found", "credit_note_not_found")
    assert (await world.billing.api.get(f"{API}/invoices/%00", headers=stranger)).status_code == 422
    for path in ("/invoices", "/credit-notes", "/notices"):
        assert (await world.billing.api.get(API + path, headers=stranger)).json()["items"] == []


async def test_every_path_needs_a_token_that_may(world: World, issuer: TokenIssuer, owner: Owner) -> None:
    reader = issuer.headers(owner, Scope.ACCOUNT_READ)
    other = issuer.headers(owner, Scope.BACKUPS_READ, Scope.BACKUPS_WRITE)
    for method, path in [
        ("GET", "/invoices"),
        ("GET", "/invoices/SP-2026-000001"),
        ("GET", "/invoices/SP-2026-000001/pdf"),
        ("POST", "/invoices/SP-2026-000001/pay"),
        ("GET", "/credit-notes"),
        ("GET", "/credit-notes/CN-2026-000001"),
        ("GET", "/credit-notes/CN-2026-000001/pdf"),
        ("GET", "/notices"),
        ("GET", "/billing-details"),
        ("PUT", "/billing-details"),
    ]:
        body: dict[str, str] | None = {} if method == "PUT" else None
        assert (await world.billing.api.request(method, API + path, json=body)).status_code == 401, path
        assert (await world.billing.api.request(method, API + path, json=body, headers=other)).status_code == 403, path
        if method != "GET":
            refused = await world.billing.api.request(method, API + path, json=body, headers=reader)
            assert refused.status_code == 403, path


async def test_paying_asks_the_card_once_per_idempotency_key(world: World, signed_in: dict[str, str]) -> None:
    await world.add_card()
    invoice = await issued(world.database, world.owner_id, 1000, now=world.now)
    headers = signed_in | {"Idempotency-Key": "pay-1234567"}
    first = await world.billing.api.post(f"{API}/invoices/{invoice.number}/pay", headers=headers)
    again = await world.billing.api.post(f"{API}/invoices/{invoice.number}/pay", headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json()["state"] == again.json()["state"] == "paid"
    assert len(await world.every(Payment)) == 1
    other = await world.billing.api.post(
        f"{API}/invoices/{invoice.number}/pay", headers=headers, json={"payment_method_id": str(uuid4())}
    )
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    refused = await world.billing.api.post(f"{API}/invoices/{invoice.number}/pay", headers=signed_in)
    assert (refused.status_code, refused.json()["code"]) == (409, "invoice_not_payable")
    await world.check_books()


async def test_paying_with_a_card_that_declines_says_so_and_leaves_the_invoice_open(
    world: World, signed_in: dict[str, str]
) -> None:
    method_id = await world.add_card("declines")
    invoice = await issued(world.database, world.owner_id, 1000, now=world.now)
    answer = await world.billing.api.post(
        f"{API}/invoices/{invoice.id}/pay", headers=signed_in, json={"payment_method_id": str(method_id)}
    )
    assert answer.status_code == 202
    found = answer.json()
    assert (found["state"], found["due"]["amount_minor"]) == ("finalised", 1000)
    assert found["payments"][0]["code"] == "card_declined"


async def test_paying_needs_a_card_of_ones_own_and_an_invoice_that_is_owed(
    world: World, signed_in: dict[str, str]
) -> None:
    invoice = await issued(world.database, world.owner_id, 1000)
    async with world.database.transaction() as session:
        unfinished = await draft(session, world.owner_id, 70)
    pay = f"{API}/invoices/{invoice.id}/pay"
    cases: list[tuple[str, Any, int, str]] = [
        (pay, None, 409, "payment_method_needed"),
        (pay, {"payment_method_id": str(uuid4())}, 404, "payment_method_not_found"),
        (pay, {"payment_method_id": "visa"}, 422, "request_invalid"),
        (pay, {"card": "visa"}, 422, "request_invalid"),
        (f"{API}/invoices/{unfinished.id}/pay", None, 409, "invoice_not_payable"),
    ]
    for path, body, status, code in cases:
        answer = await world.billing.api.post(path, headers=signed_in, json=body)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await world.every(Payment) == []


async def test_the_pdf_is_the_same_bytes_each_time_and_has_the_invoices_name(
    world: World, signed_in: dict[str, str]
) -> None:
    invoice = await issued(world.database, world.owner_id, 1000)
    first, second = [
        await world.billing.api.get(f"{API}/invoices/{invoice.number}/pdf", headers=signed_in) for _ in range(2)
    ]
    assert first.headers["content-type"] == "application/pdf"
    assert first.headers["content-disposition"] == 'inline; filename="SP-2026-000001.pdf"'
    assert first.content.startswith(b"%PDF-")
    assert first.content == second.content


async def test_credit_notes_are_listed_and_read(world: World, signed_in: dict[str, str]) -> None:
    invoice = await issued(world.database, world.owner_id, 1000)
    async with world.database.transaction() as session:
        account, locked = await invoices.lock_by_id(session, invoice.id, NOW)
        for number in range(3):
            later = NOW + timedelta(days=number)
            await credit_notes.credit(session, account, locked, 100, "A mistake", f"test:{number}", later)
    page = (await world.billing.api.get(f"{API}/credit-notes", headers=signed_in, params={"limit": 2})).json()
    assert [item["number"] for item in page["items"]] == ["CN-2026-000003", "CN-2026-000002"]
    rest = {"limit": 2, "cursor": page["next_cursor"]}
    last = (await world.billing.api.get(f"{API}/credit-notes", headers=signed_in, params=rest)).json()
    assert [item["number"] for item in last["items"]] == ["CN-2026-000001"]
    one = (await world.billing.api.get(f"{API}/credit-notes/cn-2026-000002", headers=signed_in)).json()
    assert one == page["items"][1]
    assert (one["invoice_number"], one["no_longer_owed"]["amount_minor"]) == (invoice.number, 100)
    pdf = await world.billing.api.get(f"{API}/credit-notes/CN-2026-000002/pdf", headers=signed_in)
    assert pdf.content.startswith(b"%PDF-")


async def test_notices_are_newest_first(world: World, signed_in: dict[str, str]) -> None:
    await issued(world.database, world.owner_id, 1000, now=world.now)
    await world.travel(timedelta(days=4))
    page = (await world.billing.api.get(f"{API}/notices", headers=signed_in, params={"limit": 2})).json()
    assert [item["kind"] for item in page["items"]] == ["charge_failed", "charge_failed"]
    rest = {"limit": 10, "cursor": page["next_cursor"]}
    last = (await world.billing.api.get(f"{API}/notices", headers=signed_in, params=rest)).json()
    assert sorted(item["kind"] for item in last["items"]) == ["charge_failed", "invoice_issued"]


async def test_billing_details_are_on_the_next_invoice_and_not_on_earlier_ones(
    world: World, signed_in: dict[str, str]
) -> None:
    empty: dict[str, Any] = {"name": None, "country": None, "address_lines": [], "tax_id": None, "email": None}
    assert (await world.billing.api.get(f"{API}/billing-details", headers=signed_in)).json() == empty
    before = await issued(world.database, world.owner_id, 1000)
    details = {
        "name": "李小龍 & Łucja",
        "country": "DE",
        "address_lines": ["Hauptstraße 12", "10115 Berlin"],
        "tax_id": "DE123456789",
        "email": "zoe@example.com",
    }
    put = await world.billing.api.put(f"{API}/billing-details", headers=signed_in, json=details)
    assert put.json() == details
    assert (await world.billing.api.get(f"{API}/billing-details", headers=signed_in)).json() == details
    after = await issued(world.database, world.owner_id, 1000)
    billed = [
        (await world.billing.api.get(f"{API}/invoices/{each.id}", headers=signed_in)).json()["billed_to"]
        for each in (before, after)
    ]
    assert billed == [empty, details]


async def test_billing_details_that_make_no_sense_are_refused(world: World, signed_in: dict[str, str]) -> None:
    for wrong in [
        {"country": "ZZ"},
        {"country": "de"},
        {"country": "Germany"},
        {"name": ""},
        {"name": "a\nb"},
        {"name": "x" * 201},
        {"address_lines": ["a"] * 7},
        {"address_lines": ["\x00"]},
        {"tax_id": "<script>"},
        {"email": "nobody"},
        {"email": "a@b"},
        {"emails": "a@example.com"},
    ]:
        answer = await world.billing.api.put(f"{API}/billing-details", headers=signed_in, json=wrong)
        assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid"), wrong


async def test_an_operator_voids_and_gives_up_and_nobody_else_does(world: World, signed_in: dict[str, str]) -> None:
    first, second = [await issued(world.database, world.owner_id, 1000) for _ in range(2)]
    operator = {"Authorization": f"Bearer {OPERATOR}"}
    inside = world.billing.internal
    for headers in ({}, signed_in, {"Authorization": "Bearer catalog-secret"}):
        refused = await inside.post(f"/internal/invoices/{first.id}/void", headers=headers)
        assert refused.status_code == 401
    assert (await inside.post(f"/internal/invoices/{first.id}/void", headers=operator)).status_code == 204
    assert (await inside.post(f"/internal/invoices/{second.id}/give-up", headers=operator)).status_code == 204
    again = await inside.post(f"/internal/invoices/{first.id}/give-up", headers=operator)
    assert (again.status_code, again.json()["code"]) == (409, "invoice_final")
    assert (await inside.post(f"/internal/invoices/{uuid4()}/void", headers=operator)).status_code == 404
    states = {invoice.number: invoice.state for invoice in await world.invoices()}
    assert states == {first.number: "void", second.number: "uncollectible"}
    told = (await world.billing.api.get(f"{API}/notices", headers=signed_in)).json()["items"]
    assert "invoice_voided" in {item["kind"] for item in told}
    await world.check_books()
