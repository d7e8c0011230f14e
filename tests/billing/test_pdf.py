"""Invoices as PDF: all of what the invoice says, any owner's name, and the same bytes for the same invoice."""

import re
import zlib
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from billing.models import CreditNote, Invoice, InvoiceLine
from billing.pdf import CardPaid, render_credit_note, render_invoice
from billing.settings import Seller

ISSUED = datetime(2026, 11, 1, 10, 30, tzinfo=UTC)
SELLER = Seller(name="Space Cloud Ltd.", address_lines=["1 Harbour Road", "Dublin"], tax_id="IE1234567T")
CARDS = [CardPaid("visa", "4242", 1928, ISSUED)]


def invoice(**changed: object) -> Invoice:
    values: dict[str, object] = {
        "id": UUID(int=1), "owner_id": UUID(int=2), "number": "SP-2026-000042", "kind": "usage", "state": "paid",
        "currency": "USD", "period_start": ISSUED - timedelta(days=31), "period_end": ISSUED, "net_minor": 2040,
        "tax_minor": 388, "total_minor": 2428, "tax_country": "DE", "tax_rate": "0.19", "promotional_minor": 500,
        "balance_minor": 0, "card_minor": 1928, "credited_minor": 0, "billed_to": {"name": "Zoë Müller"},
        "created_at": ISSUED, "finalised_at": ISSUED, "paid_at": ISSUED, "attempts": 0,
    }  # fmt: skip
    return Invoice(**(values | changed))


def lines(count: int = 2) -> list[InvoiceLine]:
    return [
        InvoiceLine(
            number=number, kind="backup_storage", description=f"Backup storage, part {number}", quantity="127.5",
            unit="GB-months of 730 h", unit_price="0.08", amount_minor=1020,
        )
        for number in range(1, count + 1)
    ]  # fmt: skip


def note() -> CreditNote:
    return CreditNote(
        id=UUID(int=3), number="CN-2026-000003", reason="The instance was returned", currency="USD", net_minor=1000,
        tax_minor=190, total_minor=1190, to_promotional_minor=40, to_balance_minor=50, to_card_minor=1100,
        to_owed_minor=0, issued_at=ISSUED + timedelta(days=2),
    )  # fmt: skip


def words(document: bytes) -> str:
    """The text of a PDF whose fonts are not subsets: its strings in the order they are drawn."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", document, re.DOTALL)
    pages = [zlib.decompress(stream) for stream in streams if stream[:1] == b"x"]
    strings = [each for page in pages for each in re.findall(rb"\(((?:\\.|[^\\()])*)\)\s*Tj", page)]
    text = " ".join(re.sub(rb"\\(.)", rb"\1", each).decode("windows-1252") for each in strings)
    return " ".join(text.split())


def test_it_says_who_owes_what_to_whom_and_how_it_was_paid() -> None:
    text = words(render_invoice(invoice(), lines(), CARDS, [], SELLER))
    for part in [
        "Space Cloud Ltd.", "1 Harbour Road", "Tax ID IE1234567T", "Invoice", "SP-2026-000042", "Zoë Müller",
        "1 November 2026", "24.28 USD paid", "Backup storage, part 1", "127.5 GB-months", "0.08", "10.20", "Net",
        "20.40 USD", "Tax 19 % (DE)", "3.88 USD", "From promotional balance: 5.00 USD",
        "Charged to visa ending in 4242 on 1 November 2026: 19.28 USD", "Page 1 of 1",
    ]:  # fmt: skip
        assert part in text, part
    assert "Still to pay" not in text


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"state": "finalised", "card_minor": 0, "paid_at": None}, "19.28 USD to pay"),
        ({"state": "finalised", "card_minor": 0, "paid_at": None}, "Still to pay: 19.28 USD"),
        ({"state": "draft", "number": None, "finalised_at": None, "paid_at": None}, "this is not an invoice yet"),
        ({"state": "void", "promotional_minor": 0, "card_minor": 0, "paid_at": None}, "void: nothing is owed"),
        ({"tax_rate": None, "tax_country": None, "tax_minor": 0, "net_minor": 2428}, "Total 24.28 USD"),
    ],
)
def test_it_says_how_the_invoice_stands(changed: dict[str, object], part: str) -> None:
    assert part in words(render_invoice(invoice(**changed), lines(), [], [], SELLER))


def test_it_names_its_credit_notes_and_sums_carried_from_before() -> None:
    cards = [CardPaid("visa", "4242", 1973, ISSUED)]
    text = words(render_invoice(invoice(), lines(), cards, [note()], SELLER))
    assert "19.73 USD, with sums carried from earlier invoices" in text
    assert "Credit note CN-2026-000003 of 3 November 2026: 11.90 USD. The instance was returned" in text


def test_a_credit_note_says_where_its_money_went() -> None:
    text = words(render_credit_note(note(), invoice(), SELLER))
    for part in [
        "Credit note", "CN-2026-000003", "For invoice", "SP-2026-000042", "11.90 USD credited to you",
        "The instance was returned", "Back to the card that paid: 11.00 USD", "To your balance: 0.50 USD",
        "promotional balance, from which it was paid: 0.40 USD",
    ]:  # fmt: skip
        assert part in text, part


def test_the_same_invoice_is_the_same_bytes() -> None:
    document = render_invoice(invoice(), lines(), CARDS, [], SELLER)
    assert document == render_invoice(invoice(), lines(), CARDS, [], SELLER)
    assert b"D:20261101103000" in document, "made when the invoice was, not when it was printed"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Zoë “Straße” œ €", "Zoë “Straße” œ €"),
        ("李小龍", "???"),
        ("Łukasz", "?ukasz"),
        ("أحمد 😀", "???? ?"),
        ("a\x00b\nc\u2028d", "a b c d"),
        ("(back\\slash)", "(back\\slash)"),
    ],
)
def test_any_name_can_be_printed_and_what_the_fonts_lack_is_seen_to_be_missing(name: str, shown: str) -> None:
    text = words(render_invoice(invoice(billed_to={"name": name}), lines(), CARDS, [], SELLER))
    assert shown in text
    assert ("cannot show are printed as ?" in text) == ("?" in shown)


def test_a_long_name_and_many_lines_take_more_pages_and_each_says_which_it_is() -> None:
    document = render_invoice(invoice(billed_to={"name": "x" * 2000}), lines(60), CARDS, [], SELLER)
    text = words(document)
    pages = len(re.findall(rb"/Type /Page\b", document))
    assert pages > 3
    assert all(f"Page {number} of {pages}" in text for number in range(1, pages + 1))
    assert text.count("Unit price") >= 3, "the heading is repeated"
    assert all(f"Backup storage, part {number}" in text for number in range(1, 61))
