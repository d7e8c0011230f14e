"""`space quota`: how much may be kept, and what happens at the limit."""

from typing import Annotated

import typer

from agent import api, limits, money, session
from agent.billing_wire import Quota
from agent.commands.options import JsonFlag, Origin
from agent.money import money_text
from agent.output import Output, size_text

STANDINGS = {
    "current": "in order",
    "reminded": "a payment failed; it is tried again by itself (`space invoices`)",
    "restricted": "a bill is not paid: no backups above the free storage (`space invoices`, `space pay`)",
    "suspended": "a bill is not paid: no backups above the free storage (`space invoices`, `space pay`)",
}
_STAYS_OPEN = "Nothing is deleted at the limit: reading, restoring and deleting stay open."


def quota(
    spend_limit: Annotated[
        str | None,
        typer.Option("--spend-limit", metavar="AMOUNT", help="Pay at most so much a month for backup storage."),
    ] = None,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """Show how much backup storage is free, used and left, and what happens at the limit."""
    amount = None if spend_limit is None else money.read_amount(spend_limit, "--spend-limit")
    with session.open_client(origin) as client:
        answer = client.get("/quotas")
        if amount is not None:
            wanted = money.wire_money(amount, api.parse(Quota, answer).spent.currency)
            answer = client.put("/quotas/spend-limit", {"spend_limit": wanted})
    found = api.parse(Quota, answer)
    out = Output(as_json=as_json)
    if as_json:
        out.result(answer)
        return
    out.fields(_fields(found))
    out.words(f"\n{found.explanation}")
    if found.can_backup:
        out.words(at_the_limit(found))
    else:
        out.words("\n".join(["To back up again:", *limits.choices(found.reason, found)]))


def at_the_limit(found: Quota) -> str:
    """What happens when no more is left, and what makes the limit wider."""
    free = size_text(found.allowance_bytes)
    if found.standing in ("restricted", "suspended"):
        return f"While a bill is open, uploads stop at the free {free}. {_STAYS_OPEN}"
    if not found.has_payment_method:
        return f"Nothing is charged. {_STAYS_OPEN} `space payment-method add` lets you go on above the free {free}."
    return (
        f"What is above the free {free} is charged (`space prices`); at the spend limit uploads stop. {_STAYS_OPEN} "
        "`space quota --spend-limit AMOUNT` changes it."
    )


def _fields(found: Quota) -> dict[str, str]:
    instances = f" for {found.counted_terminus} Terminus" if found.counted_terminus else ""
    spend = "-"
    if found.spend_limit is not None:
        spend = f"{money_text(found.spend_limit)} a month, of which {money_text(found.spent)} is spent"
    return {
        "Used": size_text(found.used_bytes),
        "Reserved": f"{size_text(found.reserved_bytes)} for backups that run now",
        "Free": size_text(found.allowance_bytes) + instances,
        "Limit": size_text(found.limit_bytes),
        "Left": size_text(found.left_bytes),
        "Spend limit": spend,
        "Payment method": "yes" if found.has_payment_method else "none",
        "Standing": STANDINGS.get(found.standing, found.standing),
    }
