"""`space balance`: money held for the owner, and adding to it."""

from typing import Annotated

import typer

from agent import api, lookup, money, paying, session
from agent.api import Client
from agent.billing_wire import Balance, Payment
from agent.commands.options import JsonFlag, Origin, PaymentWait, WithMethod
from agent.commands.quota import STANDINGS
from agent.config import JsonObject
from agent.errors import UsageError
from agent.money import money_text
from agent.output import Output, time_text


def balance(
    top_up: Annotated[
        str | None, typer.Option("--top-up", metavar="AMOUNT", help="Charge so much to your card and hold it.")
    ] = None,
    method: WithMethod = None,
    wait_seconds: PaymentWait = 30.0,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """Show your balance, which pays bills before the card does, or add to it."""
    out = Output(as_json=as_json)
    if top_up is None:
        if method is not None:
            raise UsageError("top_up_needed", "--method goes with --top-up.")
        with session.open_client(origin) as client:
            answer = client.get("/balance")
        _print_balance(answer, out)
        return
    amount = money.read_amount(top_up, "--top-up")
    if not amount[0]:
        raise UsageError("amount_invalid", "A top-up is more than nothing.")
    with session.open_client(origin) as client:
        payment = _top_up(client, amount, method, wait_seconds)
        answer = client.get("/balance")
    if as_json:
        out.result({**answer, "payment": payment})
        return
    through = api.parse(Payment, payment).state in paying.TAKEN
    out.say("The payment is through." if through else "The payment is under way and is added when it is through.")
    _print_balance(answer, out)


def _top_up(client: Client, amount: tuple[int, str | None], method: str | None, wait_seconds: float) -> JsonObject:
    currency = api.parse(Balance, client.get("/balance")).balance.currency
    body: JsonObject = {"amount": money.wire_money(amount, currency)}
    if method is not None:
        body["payment_method_id"] = lookup.whole_id(client, "/payment-methods", "payment_method_id", method)
    begun = api.parse(Payment, paying.begin(client, "/balance/top-ups", body))
    paying.raise_if_refused(begun)
    return paying.watch_payment(client, begun.payment_id, wait_seconds)


def _print_balance(answer: JsonObject, out: Output) -> None:
    if out.as_json:
        out.result(answer)
        return
    found = api.parse(Balance, answer)
    owed = " (owed: it is taken with your next card payment)" if found.balance.amount_minor < 0 else ""
    fields = {
        "Balance": money_text(found.balance) + owed,
        "Promotional": money_text(found.promotional),
        "Standing": STANDINGS.get(found.standing, found.standing),
        "Next charge": time_text(found.next_charge_at),
    }
    out.fields(fields)
