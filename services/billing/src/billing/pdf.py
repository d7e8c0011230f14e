"""Invoices and credit notes as documents to keep: plain A4 pages, the same bytes for the same state."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from fpdf import FPDF
from fpdf.enums import Align, TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace

from billing.domain.invoices import InvoiceKind, InvoiceState
from billing.domain.price_words import money
from billing.domain.words import day
from billing.models import CreditNote, Invoice, InvoiceLine
from billing.settings import Seller

ENCODING = "windows-1252"
"""What the fonts that every PDF reader has can show; anything else is shown as a question mark, with a note."""
MARGIN = 18.0
INK, GREY, RULE = (25, 32, 44), (105, 115, 130), (205, 211, 220)
COLUMNS = (86.0, 36.0, 24.0, 28.0)
TITLES = {InvoiceKind.ORDER: "Order", InvoiceKind.USAGE: "Usage", InvoiceKind.SETTLEMENT: "Settlement of a return"}


@dataclass(frozen=True)
class CardPaid:
    """A card's part in the payment of an invoice."""

    brand: str
    last4: str
    amount_minor: int
    paid_at: datetime


@dataclass(frozen=True)
class Row:
    """A line of a table of charges, as it is printed."""

    description: str
    quantity: str
    unit_price: str
    amount: str


def render_invoice(
    invoice: Invoice,
    lines: Sequence[InvoiceLine],
    cards: Sequence[CardPaid],
    credit_notes: Sequence[CreditNote],
    seller: Seller,
) -> bytes:
    """The invoice as it stands: what is charged, how it was paid, what is credited, what is still to pay."""
    is_draft = invoice.state == InvoiceState.DRAFT
    page = _Page(
        "Draft invoice" if is_draft else "Invoice", invoice.number or "no number yet", invoice.created_at, seller
    )
    page.parties(invoice.billed_to, invoice.owner_id.hex, _facts(invoice))
    page.headline(*_headline(invoice))
    page.charges(
        invoice.currency,
        [
            Row(row.description, f"{row.quantity} {row.unit}", row.unit_price, _amount(row.amount_minor))
            for row in lines
        ],
    )
    page.sums(_sums(invoice), invoice.currency)
    page.paragraph("Payment", _paid(invoice, cards, credit_notes))
    page.paragraph(
        "How to check it",
        [
            "Quantity times unit price is the amount of a line, rounded once to whole cents (half to even).",
            "1 GB is 1,073,741,824 bytes. A price per GB and month is for 730 hours. All times are UTC.",
        ],
    )
    return page.finish()


def render_credit_note(note: CreditNote, invoice: Invoice, seller: Seller) -> bytes:
    """The credit note: how much of which invoice is taken back, why, and where the money went."""
    page = _Page("Credit note", note.number, note.issued_at, seller)
    facts = [("Number", note.number), ("Issued", day(note.issued_at)), ("For invoice", str(invoice.number))]
    page.parties(invoice.billed_to, invoice.owner_id.hex, facts)
    page.headline(money(note.total_minor, note.currency), "credited to you")
    page.charges(note.currency, [Row(note.reason, "1", _amount(note.net_minor), _amount(note.net_minor))])
    sums = [("Net", note.net_minor), (_tax_name(invoice), note.tax_minor), ("Total credited", note.total_minor)]
    page.sums(sums if note.tax_minor else sums[-1:], note.currency)
    parts = [
        ("No longer owed on the invoice", note.to_owed_minor),
        ("Back to the card that paid", note.to_card_minor),
        ("To your balance", note.to_balance_minor),
        ("To your promotional balance, from which it was paid", note.to_promotional_minor),
    ]
    page.paragraph("Where it went", [f"{name}: {money(part, note.currency)}" for name, part in parts if part])
    return page.finish()


class _Page(FPDF):
    def __init__(self, title: str, number: str, made_at: datetime, seller: Seller) -> None:
        super().__init__(format="A4")
        self.core_fonts_encoding = ENCODING
        self._is_lossy = False
        self._heading, self._number, self._seller = title, self._shown(number), seller
        self.set_creation_date(made_at.astimezone(UTC))
        self.set_title(f"{title} {number}")
        self.set_author(seller.name)
        self.set_lang("en")
        self.set_margins(MARGIN, 16, MARGIN)
        self.set_auto_page_break(True, 24)
        self.add_page()

    def header(self) -> None:
        if self.page_no() > 1:
            self._font(9, GREY)
            self.cell(0, 6, f"{self._heading} {self._number}, continued", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            self.ln(4)
            return
        top = self.get_y()
        self._font(20, INK, "B")
        self.cell(0, 10, self._heading, align=Align.R, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._font(10, GREY)
        self.cell(0, 5, self._number, align=Align.R)
        self.set_y(top)
        self._font(13, INK, "B")
        self._lines([self._seller.name], 7, 100)
        self._font(9, GREY)
        tax_id = [f"Tax ID {self._seller.tax_id}"] if self._seller.tax_id else []
        self._lines([*self._seller.address_lines, *tax_id], 4.5, 100)
        self.set_y(max(self.get_y(), top + 18) + 3)
        self._rule()

    def footer(self) -> None:
        self.set_y(-18)
        self._rule()
        self._font(8, GREY)
        note = "  Characters that this document cannot show are printed as ?." if self._is_lossy else ""
        self.cell(130, 5, f"{self._heading} {self._number}.{note}")
        self.cell(0, 5, f"Page {self.page_no()} of {{nb}}", align=Align.R)

    def parties(self, billed_to: dict[str, object], owner: str, facts: Iterable[tuple[str, str]]) -> None:
        top = self.get_y() + 5
        self.set_y(top)
        self._font(8, GREY)
        self._lines(["BILLED TO"], 5, 90)
        self._font(10, INK)
        address = billed_to.get("address_lines") or []
        assert isinstance(address, list)
        tax_id = f"Tax ID {billed_to['tax_id']}" if billed_to.get("tax_id") else None
        known = [billed_to.get("name"), *address, billed_to.get("country"), tax_id, billed_to.get("email")]
        self._lines([str(each) for each in known if each], 5, 90)
        self._font(8, GREY)
        self._lines([f"Account {owner}"], 5, 90)
        bottom = self.get_y()
        self.set_y(top)
        for name, value in facts:
            self._pair(name, value, 110, 26)
        self.set_y(max(bottom, self.get_y()) + 4)

    def headline(self, amount: str, words: str) -> None:
        self._font(16, INK, "B")
        self.cell(0, 9, self._shown(f"{amount} {words}"), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(3)

    def charges(self, currency: str, rows: Sequence[Row]) -> None:
        self._font(9, INK)
        self.set_draw_color(*RULE)
        aligned = (Align.L, Align.R, Align.R, Align.R)
        face = FontFace(emphasis="BOLD", color=GREY, size_pt=8)
        with self.table(
            col_widths=COLUMNS, text_align=aligned, headings_style=face, line_height=4.6, padding=(1.6, 1.2),
            borders_layout=TableBordersLayout.HORIZONTAL_LINES, first_row_as_headings=True,
        ) as table:  # fmt: skip
            table.row(("Description", "Quantity", "Unit price", f"Amount ({currency})"))
            for row in rows:
                table.row([self._shown(text) for text in (row.description, row.quantity, row.unit_price, row.amount)])
        self.ln(3)

    def sums(self, sums: Sequence[tuple[str, int]], currency: str) -> None:
        if self.will_page_break(7 * len(sums)):
            self.add_page()
        for index, (name, amount) in enumerate(sums):
            is_last = index == len(sums) - 1
            self._font(11 if is_last else 9, INK, "B" if is_last else "")
            self.set_x(MARGIN + 86)
            self.cell(52, 6.5, self._shown(name))
            self.cell(0, 6.5, money(amount, currency), align=Align.R, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(4)

    def paragraph(self, title: str, sentences: Sequence[str]) -> None:
        if self.will_page_break(6 + 5 * len(sentences)):
            self.add_page()
        self._font(10, INK, "B")
        self.cell(0, 6, title, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._font(9, INK)
        self._lines(sentences, 5, 0)
        self.ln(3)

    def finish(self) -> bytes:
        return bytes(self.output())

    def _pair(self, name: str, value: str, x: float, width: float) -> None:
        self.set_x(x)
        self._font(9, GREY)
        self.cell(width, 5, name)
        self._font(9, INK)
        self.multi_cell(0, 5, self._shown(value), new_x=XPos.LMARGIN, new_y=YPos.NEXT, align=Align.L)

    def _lines(self, texts: Iterable[str], height: float, width: float) -> None:
        for text in texts:
            self.multi_cell(width, height, self._shown(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT, align=Align.L)

    def _font(self, size: float, color: tuple[int, int, int], style: str = "") -> None:
        self.set_font("helvetica", style=style, size=size)
        self.set_text_color(*color)

    def _rule(self) -> None:
        self.set_draw_color(*RULE)
        self.line(MARGIN, self.get_y(), self.w - MARGIN, self.get_y())

    def _shown(self, text: str) -> str:
        shown = "".join(each if each.isprintable() else " " for each in text)
        shown = shown.encode(ENCODING, "replace").decode(ENCODING)
        self._is_lossy = self._is_lossy or shown.count("?") > text.count("?")
        return shown


def _facts(invoice: Invoice) -> list[tuple[str, str]]:
    facts = [("Number", invoice.number or "none yet"), ("For", TITLES[InvoiceKind(invoice.kind)])]
    if invoice.finalised_at is not None:
        facts.append(("Issued", day(invoice.finalised_at)))
        facts.append(("Due", day(invoice.finalised_at)))
    facts.append(("Period", f"{day(invoice.period_start)} to {day(invoice.period_end)}"))
    if invoice.paid_at is not None:
        facts.append(("Paid", day(invoice.paid_at)))
    return facts


def _headline(invoice: Invoice) -> tuple[str, str]:
    total, due = money(invoice.total_minor, invoice.currency), money(invoice.open_minor, invoice.currency)
    match InvoiceState(invoice.state):
        case InvoiceState.DRAFT:
            return total, "so far; this is not an invoice yet"
        case InvoiceState.VOID:
            return total, "void: nothing is owed"
        case InvoiceState.PAID:
            return total, "paid" if not invoice.credited_minor else "settled"
        case _:
            return due, "to pay"


def _sums(invoice: Invoice) -> list[tuple[str, int]]:
    if invoice.tax_rate is None:
        return [("Total", invoice.total_minor)]
    return [("Net", invoice.net_minor), (_tax_name(invoice), invoice.tax_minor), ("Total", invoice.total_minor)]


def _tax_name(invoice: Invoice) -> str:
    rate = Decimal(invoice.tax_rate or 0) * 100
    return f"Tax {rate.normalize():f} % ({invoice.tax_country})"


def _paid(invoice: Invoice, cards: Sequence[CardPaid], credit_notes: Sequence[CreditNote]) -> list[str]:
    currency = invoice.currency
    found = [
        f"From promotional balance: {money(invoice.promotional_minor, currency)}" if invoice.promotional_minor else "",
        f"From your balance: {money(invoice.balance_minor, currency)}" if invoice.balance_minor else "",
        *(_card_paid(invoice, card) for card in cards),
        *(
            f"Credit note {note.number} of {day(note.issued_at)}: {money(note.total_minor, currency)}. {note.reason}"
            for note in credit_notes
        ),
        f"Still to pay: {money(invoice.open_minor, currency)}" if invoice.open_minor else "",
    ]
    return [each for each in found if each] or ["Nothing was paid yet."]


def _card_paid(invoice: Invoice, card: CardPaid) -> str:
    amount = money(card.amount_minor, invoice.currency)
    carried = ", with sums carried from earlier invoices" if card.amount_minor > invoice.card_minor else ""
    return f"Charged to {card.brand} ending in {card.last4} on {day(card.paid_at)}: {amount}{carried}"


def _amount(amount_minor: int) -> str:
    return money(amount_minor, "").rstrip()
