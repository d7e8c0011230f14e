"""`space payment-method …`: the cards that are charged."""

from typing import Annotated

import typer

from agent import api, cards, lookup, session
from agent.billing_wire import PaymentMethod
from agent.commands.options import JsonFlag, Origin
from agent.config import JsonObject
from agent.errors import UsageError
from agent.output import Output, time_text

PATH = "/payment-methods"
MethodId = Annotated[str, typer.Argument(metavar="ID")]

app = typer.Typer(help="The cards that are charged.", no_args_is_help=True)


@app.command("list")
def list_methods(origin: Origin = None, as_json: JsonFlag = False) -> None:
    """List your payment methods."""
    with session.open_client(origin) as client:
        listed = list(client.items(PATH))
    methods = [api.parse(PaymentMethod, item) for item in listed]
    rows = [
        (
            _card_text(method),
            f"{method.exp_month:02}/{method.exp_year}",
            "default" if method.is_default else "",
            time_text(method.created_at),
            method.payment_method_id,
        )
        for method in methods
    ]
    columns = ("Card", "Expires", "", "Added", "Id")
    empty = "No payment methods. `space payment-method add` adds one."
    Output(as_json=as_json).table(listed, columns, rows, empty=empty, optional=("Added",))


@app.command("add")
def add(
    token: Annotated[
        str | None, typer.Option("--token", metavar="pm_…", help="With Stripe: a payment method made there.")
    ] = None,
    card_from: Annotated[
        str | None,
        typer.Option("--card-from", metavar="FILE", help="Read the card as JSON from a file (- is standard input)."),
    ] = None,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """Add a card. Without options its number, expiry and security code are asked for in the terminal."""
    if token is not None and card_from is not None:
        raise UsageError("two_cards", "--token and --card-from exclude each other.")
    body: JsonObject | None = None
    if token is not None:
        body = {"token": token}
    elif card_from is not None:
        body = {"card": cards.read_card(card_from)}
    with session.open_client(origin) as client:
        answer = client.post(PATH, body or {"card": cards.ask_card()})
    method = api.parse(PaymentMethod, answer)
    default = " It is charged by default." if method.is_default else ""
    Output(as_json=as_json).result(answer, f"{_card_text(method)} was added.{default}")


@app.command("default")
def make_default(method_id: MethodId, origin: Origin = None, as_json: JsonFlag = False) -> None:
    """Charge this payment method from now on."""
    with session.open_client(origin) as client:
        method_id = lookup.whole_id(client, PATH, "payment_method_id", method_id)
        answer = client.put(f"{PATH}/{method_id}/default")
    shown = answer or {"payment_method_id": method_id, "is_default": True}
    Output(as_json=as_json).result(shown, "It is charged from now on.")


@app.command("remove")
def remove(method_id: MethodId, origin: Origin = None, as_json: JsonFlag = False) -> None:
    """Forget a payment method. Without any, backups stop at the free storage."""
    with session.open_client(origin) as client:
        method_id = lookup.whole_id(client, PATH, "payment_method_id", method_id)
        client.delete(f"{PATH}/{method_id}")
    Output(as_json=as_json).result({"payment_method_id": method_id, "removed": True}, "Removed.")


def _card_text(method: PaymentMethod) -> str:
    return f"{method.brand} ending in {method.last4}"
