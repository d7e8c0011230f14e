"""Credit notes of an owner."""

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from billing.api.callers import Reader
from billing.api.invoices import PDF, Name, pdf_response
from billing.operations import documents
from billing.queries import documents as queries
from billing.schemas.invoices import CreditNoteRead
from shared.db import ReadTx, Transactions
from shared.http import RuntimeOf
from shared.paging import Page, Paging, cached_json, page_of

router = APIRouter(prefix="/api/v1/credit-notes", tags=["invoices"])


@router.get("", response_model=Page[CreditNoteRead])
async def list_credit_notes(request: Request, caller: Reader, tx: ReadTx, paging: Paging) -> Response:
    """What invoices have been lessened by, newest first."""
    rows = await queries.list_credit_notes(tx, caller.owner_id, after=paging.after(datetime, UUID), limit=paging.limit)
    return cached_json(request, page_of(rows, paging.limit, ("issued_at", "credit_note_id")))


@router.get("/{name}", response_model=CreditNoteRead)
async def get_credit_note(name: Name, caller: Reader, tx: ReadTx) -> dict[str, Any]:
    """One credit note, and where its money went."""
    note, invoice = await documents.find_credit_note(tx, caller.owner_id, name)
    return queries.shown_note(note, invoice.number)


@router.get("/{name}/pdf", response_class=Response, responses=PDF)
async def get_credit_note_pdf(name: Name, caller: Reader, transactions: Transactions, runtime: RuntimeOf) -> Response:
    """The same to print and to keep."""
    return pdf_response(*await documents.credit_note_pdf(transactions, caller.owner_id, name, runtime.settings.seller))
