"""`space offers`: the instances that can be had, place by place, and what they cost."""

from typing import Annotated

import typer

from agent import api, session
from agent.commands.options import JsonFlag, Origin
from agent.money import money_text
from agent.output import Output, size_text, time_text
from agent.provisioning_wire import Offers, Plan

COLUMNS = ("Plan", "vCPU", "Memory", "Disk", "A month", "Traffic included", "Storage included", "Available")
_OPTIONAL = ("Storage included", "Traffic included")
_UNAVAILABLE = {"sold_out": "sold out", "no_price": "no price", "unusable": "not just now"}


def offers(
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="NAME", help="Only this provider of instances.")
    ] = None,
    region: Annotated[str | None, typer.Option("--region", metavar="NAME", help="Only this region.")] = None,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """Show the instances that a backup can be restored to: hardware, price, what is included; no sign-in is needed."""
    with session.open_anonymous(origin) as client:
        answer = client.get("/offers", {"provider": provider, "region": region}, authorised=False)
    found = api.parse(Offers, answer)
    out = Output(as_json=as_json)
    if as_json:
        out.result(answer)
        return
    places = [(of, at) for of in found.providers for at in of.regions]
    if not places:
        is_filtered = provider is not None or region is not None
        out.say("No offer matches. `space offers` lists all of them." if is_filtered else "No instances are sold here.")
        return
    for of, at in places:
        out.words(f"{of.name}, {at.name} (--provider {of.provider} --region {at.region})")
        out.table([], COLUMNS, [_row(plan) for plan in at.plans], empty="No plans here.", optional=_OPTIONAL)


def _row(plan: Plan) -> tuple[str, ...]:
    return (
        plan.plan,
        str(plan.vcpu),
        size_text(plan.memory_bytes),
        size_text(plan.disk_bytes),
        money_text(plan.monthly_price),
        size_text(plan.included_traffic_bytes),
        size_text(plan.included_storage_bytes),
        _available(plan),
    )


def _available(plan: Plan) -> str:
    words = "yes" if plan.available else _UNAVAILABLE.get(str(plan.unavailable_because), "no")
    return words if plan.unconfirmed_since is None else f"{words}, as of {time_text(plan.unconfirmed_since)}"
