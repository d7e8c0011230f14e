"""To whom an owner's invoices are addressed."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter

from billing.api.callers import Reader, Writer
from billing.models import Account
from billing.operations import accounts, documents
from billing.schemas.invoices import BillingDetails
from shared.db import ReadTx, Tx

router = APIRouter(prefix="/api/v1/billing-details", tags=["invoices"])


@router.get("", response_model=BillingDetails)
async def get_billing_details(caller: Reader, tx: ReadTx) -> Any:
    """What your invoices say about you; invoices issued before keep what they said."""
    account = await accounts.find(tx, caller.owner_id)
    return BillingDetails() if account is None else _read(account)


@router.put("", response_model=BillingDetails)
async def put_billing_details(wanted: BillingDetails, caller: Writer, tx: Tx) -> dict[str, Any]:
    """Replace them; the country decides about tax on later invoices."""
    account = await documents.write_details(tx, caller.owner_id, wanted.model_dump(), datetime.now(UTC))
    return _read(account)


def _read(account: Account) -> dict[str, Any]:
    return {
        "name": account.billing_name,
        "country": account.country,
        "address_lines": account.address_lines,
        "tax_id": account.tax_id,
        "email": account.email,
    }
