"""`space instances` and `space instance …`: home clouds in the cloud, what they do and what can be asked of them."""

from collections import deque
from typing import Annotated, TypeAlias

import typer

from agent import api, browser, following, instance_waiting, lookup, session
from agent.api import Client
from agent.commands.options import JsonFlag, Origin
from agent.config import JsonObject
from agent.errors import Interrupted, UsageError
from agent.instance_waiting import RESTART, RETURN, START, STOP, Action
from agent.instance_words import duration_text, next_steps, place_text, plan_text, status_text, used_text
from agent.output import Output, second_text, time_text
from agent.passwords import has_terminal
from agent.provisioning_wire import Instance, LogLine, PageLink

InstanceName: TypeAlias = Annotated[str, typer.Argument(metavar="NAME|ID", help="An instance's name or id.")]
NoWait: TypeAlias = Annotated[bool, typer.Option("--no-wait", help="Ask for it and do not wait until it is done.")]

# The most that the service gives at once.
MAX_TAIL = 1000

app = typer.Typer(help="One instance: show it, its log and its files, stop, start or return it.", no_args_is_help=True)


def instances(
    everything: Annotated[bool, typer.Option("--all", help="Those that are over as well.")] = False,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """List your instances in the cloud, those that live unless --all is given."""
    with session.open_client(origin) as client:
        listed = list(client.items("/instances", {"live": None if everything else True}))
    rows = [_row(api.parse(Instance, item)) for item in listed]
    columns = ("Name", "Status", "Place", "Plan", "Address", "Runtime", "Traffic", "Id")
    over = "" if everything else " `space instances --all` shows those that are over."
    empty = f"No instances. One is made when a backup is restored to the cloud: `space offers` shows which.{over}"
    # A name is enough for those that live; several that are over may have had the same.
    optional = ("Traffic", "Place", "Runtime", "Plan") if everything else ("Traffic", "Id", "Place", "Runtime")
    Output(as_json=as_json).table(listed, columns, rows, empty=empty, optional=optional)


@app.command("show")
def show(name: InstanceName, origin: Origin = None, as_json: JsonFlag = False) -> None:
    """Show an instance: how it is, what it has used, and what can be done next."""
    with session.open_client(origin) as client:
        answer = lookup.instance(client, name)
    _print(answer, Output(as_json=as_json))


@app.command("log")
def log(
    name: InstanceName,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the instance is over.")] = False,
    tail: Annotated[
        int | None, typer.Option("--tail", min=0, metavar="N", help="Only the last N lines, and what follows.")
    ] = None,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what an instance wrote, and what became of it. --follow with --json prints a document for each line."""
    out = Output(as_json=as_json)
    with session.open_client(origin) as client:
        path = f"/instances/{api.parse(Instance, lookup.instance(client, name)).instance_id}/log"
        # Followed from its beginning, the stream has all of it.
        kept = [] if follow and tail is None else _kept_lines(client, path, tail)
        shown = kept if tail is None else kept[len(kept) - min(tail, len(kept)) :]
        if follow:
            for item in shown:
                _print_line(item, out)
            _follow(client, path, api.parse(LogLine, kept[-1]).number if kept else 0, out)
            return
    if as_json:
        out.result(shown)
        return
    for item in shown:
        _print_line(item, out)
    if not kept:
        out.say("Nothing is in its log yet; `--follow` waits for it.")


@app.command("restart")
def restart(name: InstanceName, no_wait: NoWait = False, origin: Origin = None, as_json: JsonFlag = False) -> None:
    """Turn an instance off and on again."""
    _act(RESTART, name, no_wait=no_wait, origin=origin, out=Output(as_json=as_json))


@app.command("stop")
def stop(name: InstanceName, no_wait: NoWait = False, origin: Origin = None, as_json: JsonFlag = False) -> None:
    """Turn an instance off. Its disk stays, and its price goes on; `space instance return` ends both."""
    _act(STOP, name, no_wait=no_wait, origin=origin, out=Output(as_json=as_json))


@app.command("start")
def start(name: InstanceName, no_wait: NoWait = False, origin: Origin = None, as_json: JsonFlag = False) -> None:
    """Turn a stopped instance on."""
    _act(START, name, no_wait=no_wait, origin=origin, out=Output(as_json=as_json))


@app.command("return")
def give_back(
    name: InstanceName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    no_wait: NoWait = False,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """Give an instance back for good: everything on it is deleted, what is paid ahead and not used is given back."""
    _act(RETURN, name, no_wait=no_wait, origin=origin, out=Output(as_json=as_json), sure=yes)


@app.command("open")
def open_page(
    name: InstanceName,
    only_print: Annotated[bool, typer.Option("--print", help="Print the link; start no browser.")] = False,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """Look at what was restored on an instance: makes a link that works once, for a minute, and opens it.

    Where no browser can be started, and with --print or --json, the link is printed. Whoever has it sees your files.
    """
    out = Output(as_json=as_json)
    with session.open_client(origin) as client:
        found = api.parse(Instance, lookup.instance(client, name))
        answer = client.post(f"/instances/{found.instance_id}/links")
    link = api.parse(PageLink, answer)
    if not only_print and not as_json and browser.open_page(link.url):
        out.say(f"The page of {found.name} opens in your browser.")
        return
    out.say("This link works once, within a minute. Whoever opens it first sees your files.")
    out.result(answer, link.url)


def _act(action: Action, name: str, *, no_wait: bool, origin: str | None, out: Output, sure: bool = True) -> None:
    with session.open_client(origin) as client:
        found = api.parse(Instance, lookup.instance(client, name))
        # What cannot be returned, or is being returned already, is not asked about.
        if not sure and action.name in found.actions:
            _confirm_return(found, out)
        answer = instance_waiting.ask(client, action, found)
        if not no_wait:
            answer = instance_waiting.wait(client, action, answer, out)
    now = api.parse(Instance, answer)
    if now.status in action.ends:
        out.result(answer, f"{now.name} {action.done}: {status_text(now.status)}.")
    else:
        out.result(
            answer, f"{now.name}: {status_text(now.status)}. `space instance show {now.name}` shows how it goes."
        )


def _confirm_return(found: Instance, out: Output) -> None:
    if out.as_json or not has_terminal():
        raise UsageError("confirmation_needed", f"Returning {found.name} needs --yes where nobody can be asked.")
    for line in (
        f"{found.name} ({place_text(found)}, {found.plan}) will be returned:",
        "- Everything on the instance is deleted for good. Your backups stay.",
        "- What is paid ahead and not used is given back.",
        "- The invoice for what was used follows (`space invoices`).",
    ):
        out.say(line)
    try:
        typed = typer.prompt("Type its name to return it", err=True)
    except typer.Abort:
        typed = ""
    if str(typed).strip().lower() != found.name.lower():
        raise UsageError("not_confirmed", "Nothing was returned: its name was not typed.")


def _kept_lines(client: Client, path: str, tail: int | None) -> list[JsonObject]:
    """The lines there are, or at least as many of the last ones as are wanted; one at least, to go on from it."""
    if tail is None or tail > MAX_TAIL:
        return list(deque(client.items(path), maxlen=tail))
    items = client.get(path, {"tail": max(tail, 1)}).get("items")
    return items if isinstance(items, list) else []


def _follow(client: Client, path: str, last_number: int, out: Output) -> None:
    def say_away(why: str) -> None:
        out.say(f"{why} Trying again…")

    try:
        for event in following.follow(client, path, last_number, say_away):
            _print_line(api.parse_text(event.content), out)
    except KeyboardInterrupt:
        raise Interrupted("Not following any more; the instance goes on.") from None
    out.say("The instance is over; nothing more will come.")


def _print_line(item: object, out: Output) -> None:
    line = api.parse(LogLine, item)
    out.line(item, f"{second_text(line.logged_at)}  {line.source:5}  {line.line}")


def _row(found: Instance) -> tuple[str, ...]:
    return (
        found.name,
        status_text(found.status) + (" (needs an operator)" if found.needs_operator else ""),
        place_text(found),
        found.plan,
        found.address or "-",
        duration_text(found.runtime_seconds),
        used_text(found.usage.traffic_bytes, found.usage.included_traffic_bytes),
        found.instance_id,
    )


def _print(answer: JsonObject, out: Output) -> None:
    if out.as_json:
        out.result(answer)
        return
    found = api.parse(Instance, answer)
    out.fields({label: value for label, value in _fields(found).items() if value != "-"})
    out.words("\n".join(["", *next_steps(found)]))


def _fields(found: Instance) -> dict[str, str]:
    usage, versions = found.usage, found.versions
    return {
        "Name": found.name,
        "Id": found.instance_id,
        "Status": status_text(found.status),
        "Why": found.reason or (found.code or "-").replace("_", " "),
        "Needs an operator": "yes" if found.needs_operator else "-",
        "Place": f"{place_text(found)} ({found.provider} {found.region})",
        "Plan": plan_text(found),
        "Address": found.address or "-",
        "Restore": found.restore_id or "-",
        "Olares": versions.olares or "-",
        "Agent": versions.agent or "-",
        "Made": time_text(found.created_at),
        "Status since": time_text(found.updated_at),
        "Started": time_text(found.started_at),
        "Runtime": duration_text(found.runtime_seconds),
        "Ended": time_text(found.ended_at),
        "Last heard": time_text(found.heard_at),
        "Traffic": used_text(usage.traffic_bytes, usage.included_traffic_bytes),
        "Storage": used_text(usage.disk_bytes, usage.included_storage_bytes),
        "Measured": time_text(usage.measured_at),
    }
