"""`space restores`, and `space restore show|log|cancel ID`."""

from enum import StrEnum
from typing import Annotated, TypeAlias

import typer

from agent import api, cloud_asking, cloud_words, lookup, session, timeline
from agent.api import Client
from agent.cloud_following import give_up_words
from agent.cloud_service import RestoreService
from agent.cloud_wire import CloudRestore, TimelineEntry
from agent.commands.options import JsonFlag, Origin
from agent.config import JsonObject
from agent.errors import Interrupted, UsageError
from agent.output import Output, second_text, size_text, time_text
from agent.timeline_words import entry_text

RestoreId: TypeAlias = Annotated[str, typer.Argument(metavar="ID", help="A restore's id, or its beginning.")]
GIVE_UP = "give_up"


class Target(StrEnum):
    CLOUD = "cloud"
    LOCAL = "local"


def restores(
    state: Annotated[str | None, typer.Option("--state", metavar="STATE", help="Only those in this state.")] = None,
    target: Annotated[
        Target | None, typer.Option("--target", help="Only those to the cloud, or to machines of yours.")
    ] = None,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """List your restores, newest first."""
    query = {"state": state, "target": target}
    with session.open_client(origin) as client:
        listed = list(client.items("/restores", query))
    rows = [
        (
            time_text(item.get("created_at")),
            str(item.get("backup_name") or "-"),
            _where(item),
            str(item.get("state")),
            size_text(item.get("bytes_restored")),
            str(item.get("restore_id")),
        )
        for item in listed
    ]
    columns = ("Begun", "Backup", "To", "State", "Restored", "Id")
    is_filtered = any(value is not None for value in query.values())
    empty = "No restore matches." if is_filtered else "No restores."
    Output(as_json=as_json).table(listed, columns, rows, empty=empty, optional=("Restored", "Begun", "To"))


def show(restore_id: RestoreId, origin: Origin = None, as_json: JsonFlag = False) -> None:
    """Show a restore and what happened in it."""
    out = Output(as_json=as_json)
    with session.open_client(origin) as client:
        restore_id = lookup.whole_id(client, "/restores", "restore_id", restore_id)
        found = client.get(f"/restores/{restore_id}")
        entries = list(client.items(f"/restores/{restore_id}/timeline"))
    if as_json:
        out.result({**found, "timeline": entries})
        return
    if found.get("cloud"):
        _show_cloud(RestoreService.parse(found), out)
    else:
        plain = {name: value for name, value in found.items() if value is not None and not isinstance(value, list)}
        out.fields({name.replace("_", " "): _shown(name, value) for name, value in plain.items()})
    rows = [
        (
            time_text(item.get("recorded_at")),
            str(item.get("kind")),
            str(item.get("state")),
            size_text(item.get("bytes_restored")),
            str(item.get("reason") or ""),
        )
        for item in entries
    ]
    columns = ("Time", "What", "State", "Restored", "Reason")
    out.table(entries, columns, rows, empty="Nothing happened yet.", optional=("Restored", "What"))


def log(
    restore_id: RestoreId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the restore is over.")] = False,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """Show what happened in a restore. --follow with --json prints a document for each entry."""
    out = Output(as_json=as_json)
    with session.open_client(origin) as client:
        restore_id = lookup.whole_id(client, "/restores", "restore_id", restore_id)
        is_cloud = client.get(f"/restores/{restore_id}").get("target") == Target.CLOUD
        path = f"/restores/{restore_id}/timeline"
        if follow:
            _follow(client, path, out, is_cloud=is_cloud)
            return
        listed = list(client.items(path))
    if as_json:
        out.result(listed)
        return
    for item in listed:
        _print_entry(item, out, is_cloud=is_cloud)


def cancel(
    restore_id: RestoreId,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, also where giving up costs.")] = False,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """Call a restore off: its keys stop working, an instance in the cloud is returned.

    One whose instance waits for the backup password is given up, which costs the time that the instance ran.
    """
    out = Output(as_json=as_json)
    with session.open_client(origin) as client:
        restore_id = lookup.whole_id(client, "/restores", "restore_id", restore_id)
        found = client.get(f"/restores/{restore_id}")
        actions = found.get("actions")
        if isinstance(actions, list) and GIVE_UP in actions and not yes:
            _confirm_give_up(RestoreService.parse(found), out)
        cancelled = client.post(f"/restores/{restore_id}/cancel")
    document = cancelled or {"restore_id": restore_id, "state": "cancelled"}
    if cancelled.get("state") == "undoing":
        out.result(document, f"It is being called off: `space restore show {restore_id}`.")
    else:
        out.result(document, "Cancelled.")


def _confirm_give_up(found: CloudRestore, out: Output) -> None:
    if not cloud_asking.can_ask(out):
        raise UsageError("confirmation_needed", "Giving a restore up needs --yes where nobody can be asked.")
    for line in give_up_words(found):
        out.say(line)
    if not cloud_asking.is_sure("Give the restore up?"):
        raise UsageError("not_confirmed", "Nothing was given up.")


def _follow(client: Client, path: str, out: Output, *, is_cloud: bool) -> None:
    try:
        for item in timeline.follow(client, path, 0, lambda why: out.say(f"{why} Trying again…")):
            _print_entry(item, out, is_cloud=is_cloud)
    except KeyboardInterrupt:
        raise Interrupted("Not following any more; the restore goes on.") from None


def _print_entry(item: JsonObject, out: Output, *, is_cloud: bool) -> None:
    entry = api.parse(TimelineEntry, item)
    what = entry_text(entry, is_cloud=is_cloud)
    reason = f": {entry.reason}" if entry.reason else ""
    out.line(item, f"{second_text(entry.recorded_at)}  {what}{reason}")


def _show_cloud(found: CloudRestore, out: Output) -> None:
    cloud = found.cloud
    shown = {
        "Restore": str(found.restore_id),
        "State": cloud_words.state_text(found.state) + (" (no progress for a while)" if cloud.stalled else ""),
        "Why": found.reason or (found.code or "-").replace("_", " "),
        "Backup": cloud_words.backup_text(found),
        "Instance": cloud.instance_name + ("" if cloud.instance_id is None else f" ({cloud.instance_id})"),
        "Place": f"{cloud.provider} {cloud.region}, {cloud.plan}",
        "Address": cloud.address or "-",
        "Restored": f"{size_text(found.bytes_restored)} of {size_text(found.total_bytes)}",
        "Warnings": str(found.warnings) if found.warnings else "-",
        "Payment": cloud.payment.replace("_", " "),
    }
    out.fields({label: value for label, value in shown.items() if value not in ("-", "- of -")})
    if cloud.quote is not None and found.state in cloud_words.NOT_CONFIRMED:
        out.words("\n".join(["", *cloud_words.charges(found, cloud.quote)]))
    if found.state not in cloud_words.OVER:
        out.words("\n".join(["", *cloud_words.wrapped(cloud_words.comes_back(found))]))


def _where(item: JsonObject) -> str:
    cloud = item.get("cloud")
    return str(cloud.get("instance_name")) if isinstance(cloud, dict) else "a machine of yours"


def _shown(name: str, value: object) -> str:
    if name.endswith("_at"):
        return time_text(value)
    return size_text(value) if name.endswith("bytes") or name == "bytes_restored" else str(value)
