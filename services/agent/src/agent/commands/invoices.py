"""`space invoices`, `space invoice N` and `space pay N`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from agent import api, downloads, lookup, paying, session
from agent.billing_wire import Invoice, InvoiceSummary
from agent.commands.options import JsonFlag, Origin, PaymentWait, WithMethod
from agent.config import JsonObject
from agent.errors import UsageError
from agent.money import money_text
from agent.output import Output, path_text, time_text

Number = Annotated[str, typer.Argument(metavar="N", help="An invoice's number or id.")]


class InvoiceState(StrEnum):
    """As the service names them; a finalised invoice is open."""

    DRAFT = "draft"
    FINALISED = "finalised"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


def invoices(
    state: Annotated[
        InvoiceState | None,
        typer.Option("--state", metavar="STATE", help="draft, finalised (open), paid, void or uncollectible."),
    ] = None,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """List invoices."""
    with session.open_client(origin) as client:
        listed = list(client.items("/invoices", {"state": state}))
    rows = [_row(api.parse(InvoiceSummary, item)) for item in listed]
    columns = ("Number", "For", "State", "From", "To", "Total", "Due", "Issued", "Id")
    empty = "No invoices yet." if state is None else "No invoice matches."
    optional = ("Id", "Issued", "For", "From")
    Output(as_json=as_json).table(listed, columns, rows, empty=empty, optional=optional)


def invoice(
    number: Number,
    pdf: Annotated[Path | None, typer.Option("--pdf", metavar="FILE", help="Write the invoice as a PDF.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file of --pdf if it exists.")] = False,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """Show an invoice: its lines, its total, and how it was paid."""
    if pdf is not None:
        downloads.check_free(pdf, overwrite=force)
    with session.open_client(origin) as client:
        answer = paying.find_invoice(client, number)
        found = api.parse(Invoice, answer)
        if pdf is not None:
            content = client.download(f"/invoices/{found.invoice_id}/pdf", "application/pdf")
            downloads.write_file(pdf, content, overwrite=force)
    out = Output(as_json=as_json)
    if as_json:
        out.result(answer if pdf is None else {**answer, "pdf": path_text(pdf.absolute())})
        return
    _print_invoice(found, out)
    if pdf is not None:
        out.say(f"Written to {path_text(pdf)}.")


def pay(
    number: Number,
    method: WithMethod = None,
    wait_seconds: PaymentWait = 30.0,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """Pay an open invoice now: from the balance first, the rest by card."""
    out = Output(as_json=as_json)
    with session.open_client(origin) as client:
        before = api.parse(Invoice, paying.find_invoice(client, number))
        _check_open(before)
        body: JsonObject = {}
        if method is not None:
            body["payment_method_id"] = lookup.whole_id(client, "/payment-methods", "payment_method_id", method)
        paying.begin(client, f"/invoices/{before.invoice_id}/pay", body)
        answer = paying.watch_invoice(client, before.invoice_id, before.payments, wait_seconds)
    found = api.parse(Invoice, answer)
    name = found.number or found.invoice_id
    if found.state == "paid":
        words = f"Invoice {name} is paid: {money_text(found.total)}."
    else:
        words = f"The payment of invoice {name} is under way: `space invoice {name}` shows what becomes of it."
    out.result(answer, words)


def _check_open(found: Invoice) -> None:
    if found.state not in paying.OPEN:
        name = found.number or found.invoice_id
        why = "it is not final yet; it is charged by itself when it is" if found.state == "draft" else found.state
        raise UsageError("invoice_not_payable", f"Invoice {name} is not open: {why}.")


def _row(found: InvoiceSummary) -> tuple[str, ...]:
    return (
        found.number or "-",
        found.kind,
        found.state,
        time_text(found.period_start),
        time_text(found.period_end),
        money_text(found.total),
        money_text(found.due),
        time_text(found.issued_at),
        found.invoice_id,
    )


def _print_invoice(found: Invoice, out: Output) -> None:
    fields = {
        "Number": found.number or "- (a draft)",
        "Id": found.invoice_id,
        "For": found.kind,
        "State": found.state,
        "Period": f"{time_text(found.period_start)} to {time_text(found.period_end)}",
        "Issued": time_text(found.issued_at),
        "Next charge": time_text(found.next_charge_at),
        "Paid": time_text(found.paid_at),
    }
    out.fields({label: value for label, value in fields.items() if value != "-"})
    rows = [
        (line.description, line.quantity, line.unit, line.unit_price, money_text(line.amount)) for line in found.lines
    ]
    columns = ("What", "Quantity", "Unit", "Unit price", "Amount")
    out.table([], columns, rows, empty="No lines.", optional=("Unit", "Unit price", "Quantity"))
    out.fields(_totals(found))
    if found.payments:
        _print_payments(found, out)
    for note in found.credit_notes:
        out.words(f"Credit note {note.number}: {money_text(note.total)}, {note.reason}")


def _totals(found: Invoice) -> dict[str, str]:
    """What is to be paid and from where it was; nothing that is zero but the total."""
    amounts = {
        "Net": found.net if found.tax.amount_minor else None,
        "Tax": found.tax,
        "Total": found.total,
        "Paid from promotional balance": found.paid.promotional,
        "Paid from balance": found.paid.balance,
        "Paid by card": found.paid.card,
        "Credited": found.paid.credited,
        "Still due": found.due,
    }
    return {
        label: money_text(amount)
        for label, amount in amounts.items()
        if amount is not None and (amount.amount_minor or label == "Total")
    }


def _print_payments(found: Invoice, out: Output) -> None:
    rows = [
        (
            time_text(payment.created_at),
            money_text(payment.amount),
            f"{payment.method.brand} ending in {payment.method.last4}" if payment.method else "-",
            payment.state,
            payment.reason or "",
        )
        for payment in found.payments
    ]
    out.table([], ("Payment", "Amount", "By", "State", "Why"), rows, empty="", optional=("Why",))
