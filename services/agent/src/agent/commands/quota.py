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
    out.words(f"\n{found.explanation}\n{at_the_limit(found)}")
    if not found.can_backup:
        out.words("\n".join(["To back up again:", *limits.choices(found.reason, found)]))


def at_the_limit(found: Quota) -> str:
    """What happens when no more is left, and what makes the limit wider."""
    stays = "Nothing is deleted: reading, restoring and deleting stay open."
    if found.standing in ("restricted", "suspended"):
        return f"While a bill is open, uploads stop at the free {size_text(found.allowance_bytes)}. {stays}"
    if not found.has_payment_method:
        return f"At the limit uploads stop, and nothing is charged. {stays} `space payment-method add` lets you go on."
    return (
        f"What is above the free {size_text(found.allowance_bytes)} is charged to you (`space prices`); at the spend "
        f"limit uploads stop. {stays} `space quota --spend-limit AMOUNT` changes it."
    )


def _fields(found: Quota) -> dict[str, str]:
    instances = "1 Terminus" if found.counted_terminus == 1 else f"{found.counted_terminus} Terminus"
    return {
        "Used": size_text(found.used_bytes),
        "Reserved": f"{size_text(found.reserved_bytes)} for backups that run now",
        "Free": f"{size_text(found.allowance_bytes)} for {instances}",
        "Limit": size_text(found.limit_bytes),
        "Left": size_text(found.left_bytes),
        "Spend limit": f"{money_text(found.spend_limit)} a month, of which {money_text(found.spent)} is spent",
        "Payment method": "yes" if found.has_payment_method else "none",
        "Standing": STANDINGS.get(found.standing, found.standing),
    }
