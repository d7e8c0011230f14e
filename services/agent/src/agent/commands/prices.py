"""`space prices`: the price book in words."""

from typing import Annotated

import typer

from agent import api, session
from agent.billing_wire import PriceBook
from agent.commands.options import JsonFlag, Origin
from agent.money import money_text
from agent.output import Output, size_text


def prices(
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="NAME", help="Only this provider of instances.")
    ] = None,
    region: Annotated[str | None, typer.Option("--region", metavar="NAME", help="Only this region.")] = None,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what is free and what is charged, in words, and the plans of instances; no sign-in is needed."""
    with session.open_anonymous(origin) as client:
        answer = client.get("/price-book", {"provider": provider, "region": region}, authorised=False)
    found = api.parse(PriceBook, answer)
    out = Output(as_json=as_json)
    if as_json:
        out.result(answer)
        return
    out.words("\n".join(found.in_words))
    rows = [
        (
            f"{place.provider} {place.region}",
            plan.plan,
            money_text(plan.monthly),
            size_text(plan.included_traffic_bytes),
            size_text(plan.included_storage_bytes),
        )
        for place in found.regions
        for plan in place.plans
    ]
    columns = ("Place", "Plan", "A month", "Traffic included", "Cloud storage included")
    out.table([], columns, rows, empty="No instances are sold here.", optional=("Cloud storage included",))
