"""`space usage`: what was used this month, what it costs so far, and what the month will come to."""

from typing import Annotated

import typer

from agent import api, session
from agent.billing_wire import DayUse, Usage
from agent.commands.options import JsonFlag, Origin
from agent.config import JsonObject
from agent.money import gb_hours_text, money_text, share_text
from agent.output import Output, size_text, time_text


def usage(
    days: Annotated[bool, typer.Option("--days", help="Day by day as well.")] = False,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """Show this month's usage so far, by backup and by instance, its charge and a forecast."""
    with session.open_client(origin) as client:
        answer = client.get("/usage")
        by_day = list(client.items("/usage/days")) if days else None
    found = api.parse(Usage, answer)
    out = Output(as_json=as_json)
    if as_json:
        out.result(answer if by_day is None else {**answer, "days": by_day})
        return
    out.fields(_fields(found))
    _print_backups(found, out)
    if found.instances:
        _print_instances(found, out)
    if by_day is not None:
        _print_days(by_day, out)
    out.words(found.forecast_in_words)


def _fields(found: Usage) -> dict[str, str]:
    storage = found.storage
    month = (
        "none yet"
        if found.period_start is None
        else f"{time_text(found.period_start)} to {time_text(found.period_end)}"
    )
    fields = {
        "Month": month,
        "Backup storage": f"{size_text(storage.used_bytes)}, {size_text(storage.allowance_bytes)} of it free of charge",
        "Charged": f"{storage.charged_gb_hours} GB-hours: {money_text(storage.charge)}",
    }
    if found.adjustments.amount_minor:
        fields["Adjustments"] = money_text(found.adjustments)
    return fields | {"So far": money_text(found.so_far), "Forecast": money_text(found.forecast)}


def _print_backups(found: Usage, out: Output) -> None:
    rows = [
        (use.name or use.backup_id, gb_hours_text(use.byte_hours), share_text(use.share), money_text(use.charge))
        for use in found.by_backup
    ]
    empty = "No backup has used storage this month."
    out.table([], ("Backup", "GB-hours", "Share", "Charge"), rows, empty=empty, optional=("GB-hours",))


def _print_instances(found: Usage, out: Output) -> None:
    rows = [
        (
            use.name,
            use.plan,
            f"{time_text(use.period_start)} to {time_text(use.period_end)}",
            f"{size_text(use.traffic_bytes)} of {size_text(use.included_traffic_bytes)}",
            f"{size_text(use.disk_bytes)} of {size_text(use.included_storage_bytes)}",
            money_text(use.charge),
        )
        for use in found.instances
    ]
    columns = ("Instance", "Plan", "Month", "Traffic", "Cloud storage", "Charge")
    out.table([], columns, rows, empty="", optional=("Plan", "Month"))


def _print_days(by_day: list[JsonObject], out: Output) -> None:
    uses = [api.parse(DayUse, item) for item in by_day]
    rows = [
        (use.day, size_text(use.average_bytes), size_text(use.peak_bytes), use.charged_gb_hours, money_text(use.charge))
        for use in uses
    ]
    columns = ("Day (UTC)", "Average", "Peak", "Charged GB-hours", "Charge")
    out.table([], columns, rows, empty="No days yet.", optional=("Peak", "Charged GB-hours"))
