"""Invoices of an owner."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Path, Request, Response

from billing.api.callers import Reader, Writer
from billing.domain.invoices import InvoiceState
from billing.operations import accounts, collect, documents, invoices, payments
from billing.queries import documents as queries
from billing.queries import invoices as guarded
from billing.schemas.invoices import InvoicePaid, InvoicePay, InvoiceRead, InvoiceSummary
from shared.auth import require_internal
from shared.db import ReadTx, Transactions, Tx
from shared.http import RuntimeOf
from shared.idempotency import OnceOnly
from shared.paging import Page, Paging, cached_json, page_of

router = APIRouter(prefix="/api/v1/invoices", tags=["invoices"])
internal_router = APIRouter(prefix="/internal/invoices", dependencies=[Depends(require_internal("operator"))])

Name = Annotated[str, Path(pattern=r"^[0-9A-Za-z-]{1,36}$", description="Its id or its number.")]
PDF: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}
}


@router.get("", response_model=Page[InvoiceSummary])
async def list_invoices(
    request: Request, caller: Reader, tx: ReadTx, paging: Paging, state: InvoiceState | None = None
) -> Response:
    """Your invoices, newest first, drafts included."""
    rows = await queries.list_invoices(
        tx, caller.owner_id, state=state, after=paging.after(datetime, UUID), limit=paging.limit
    )
    page = page_of(rows, paging.limit, ("created_at", "invoice_id"))
    return cached_json(request, Page[InvoiceSummary].model_validate(page))


@router.get("/{name}", response_model=InvoiceRead)
async def get_invoice(name: Name, caller: Reader, tx: ReadTx) -> dict[str, Any]:
    """One invoice with its lines, and everything that was paid or credited."""
    return await documents.read_invoice(tx, caller.owner_id, name)


@router.get("/{name}/pdf", response_class=Response, responses=PDF)
async def get_invoice_pdf(name: Name, caller: Reader, transactions: Transactions, runtime: RuntimeOf) -> Response:
    """The same to print and to keep."""
    return pdf_response(*await documents.invoice_pdf(transactions, caller.owner_id, name, runtime.settings.seller))


@router.post("/{name}/pay", response_model=InvoiceRead, status_code=202)
async def pay_invoice(
    name: Name,
    caller: Writer,
    transactions: Transactions,
    runtime: RuntimeOf,
    once: OnceOnly,
    wanted: Annotated[InvoicePay | None, Body()] = None,
) -> dict[str, Any]:
    """Pay now, from your balance and then by card. The answer says how it stands by now; look again while a payment
    is not decided.

    Repeated with its Idempotency-Key it charges nothing again.
    """
    now = datetime.now(UTC)
    async with transactions.transaction() as tx:

        async def answer() -> tuple[int, dict[str, Any]]:
            account = await accounts.lock(tx, caller.owner_id, now)
            invoice = await guarded.lock(tx, (await documents.find_invoice(tx, caller.owner_id, name)).id)
            payment = await collect.pay_now(tx, account, invoice, wanted.payment_method_id if wanted else None, now)
            return 202, {"invoice_id": invoice.id, "payment_id": None if payment is None else payment.id}

        asked = InvoicePaid.model_validate_json(bytes((await once(tx, answer, InvoicePaid)).body))
    if asked.payment_id is not None:
        await payments.work(transactions, runtime.adapters, now, asked.payment_id)
    async with transactions.reading() as tx:
        return await documents.read_invoice(tx, caller.owner_id, str(asked.invoice_id))


@internal_router.post("/{invoice_id}/void", status_code=204)
async def void_invoice(invoice_id: UUID, tx: Tx) -> None:
    """Take back an invoice of which nothing was paid."""
    now = datetime.now(UTC)
    await invoices.void(tx, *await invoices.lock_by_id(tx, invoice_id, now), now)


@internal_router.post("/{invoice_id}/give-up", status_code=204)
async def give_up_invoice(invoice_id: UUID, tx: Tx) -> None:
    """Expect no money for an invoice any more."""
    now = datetime.now(UTC)
    await invoices.give_up(tx, *await invoices.lock_by_id(tx, invoice_id, now), now)


def pdf_response(file_name: str, content: bytes) -> Response:
    headers = {"Content-Disposition": f'inline; filename="{file_name}"', "Cache-Control": "private, no-cache"}
    return Response(content, media_type="application/pdf", headers=headers)
