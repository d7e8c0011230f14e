"""Lists of backup tasks and snapshots; deleting and keeping."""

from enum import StrEnum
from typing import Annotated

import typer

from agent import lookup, session
from agent.commands.backup import print_snapshots
from agent.commands.options import BackupName, JsonFlag, Origin
from agent.errors import UsageError
from agent.output import Output, size_text, time_text
from agent.passwords import has_terminal


class State(StrEnum):
    """Of a backup task, as the service names them."""

    ACTIVE = "active"
    DELETING = "deleting"
    REMOVING = "removing"
    DELETED = "deleted"


class Status(StrEnum):
    """Of a snapshot, as the service names them; `all` is ours."""

    SUCCESSFUL = "successful"
    PENDING = "pending"
    DAMAGED = "damaged"
    MISSING = "missing"
    ALL = "all"


def backups(
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="Only tasks of this name.")] = None,
    terminus: Annotated[str | None, typer.Option("--terminus", metavar="NAME", help="Only this Terminus.")] = None,
    state: Annotated[
        State | None,
        typer.Option("--state", metavar="STATE", help="active, deleting, removing or deleted; else all but deleted."),
    ] = None,
    overdue: Annotated[bool, typer.Option("--overdue", help="Only tasks whose next snapshot is late.")] = False,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """List backup tasks."""
    with session.open_client(origin) as client:
        terminus_id = None if terminus is None else str(lookup.terminus(client, terminus).terminus_id)
        query = {"name": name, "terminus_id": terminus_id, "state": state, "overdue": True if overdue else None}
        tasks = list(client.items("/backups", query))
    rows = [
        (
            str(item.get("name")),
            str(item.get("terminus_name") or "-"),
            time_text(item.get("created_at")),
            time_text(item.get("latest_snapshot_at")) + (" (overdue)" if item.get("overdue") else ""),
            size_text(item.get("storage_bytes")),
            str(item.get("snapshot_count")),
            str(item.get("state")),
        )
        for item in tasks
    ]
    columns = ("Name", "Terminus", "Created", "Latest snapshot", "Storage used", "Snapshots", "State")
    is_filtered = any(value is not None for value in query.values())
    empty = "No backup task matches." if is_filtered else "No backup tasks. `space backup PATH` makes one."
    optional = ("Terminus", "Snapshots", "Created")
    Output(as_json=as_json).table(tasks, columns, rows, empty=empty, optional=optional)


def snapshots(
    backup: BackupName,
    status: Annotated[
        Status, typer.Option("--status", metavar="STATUS", help="successful, pending, damaged, missing or all.")
    ] = Status.SUCCESSFUL,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """List a task's snapshots, the successful ones unless --status says otherwise."""
    with session.open_client(origin) as client:
        task = lookup.backup(client, backup)
        wanted = [one for one in Status if one is not Status.ALL] if status is Status.ALL else [status]
        path = f"/backups/{task['backup_id']}/snapshots"
        listed = [item for one in wanted for item in client.items(path, {"status": one})]
    listed.sort(key=lambda item: str(item.get("taken_at")), reverse=True)
    print_snapshots(listed, Output(as_json=as_json))


def delete(
    backup: BackupName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """Delete a backup task with all its snapshots, after a grace period in which `space undelete` brings it back."""
    out = Output(as_json=as_json)
    with session.open_client(origin) as client:
        task = lookup.backup(client, backup)
        if not yes:
            _confirm(str(task.get("name")), as_json=as_json)
        deleting = client.delete(f"/backups/{task['backup_id']}")
    due = time_text(deleting.get("delete_due_at"))
    out.result(deleting, f"{task.get('name')} will be deleted at {due}. Until then `space undelete` keeps it.")


def undelete(backup: BackupName, origin: Origin = None, as_json: JsonFlag = False) -> None:
    """Keep a task that was to be deleted."""
    with session.open_client(origin) as client:
        task = lookup.backup(client, backup)
        kept = client.post(f"/backups/{task['backup_id']}/undelete")
    Output(as_json=as_json).result(kept, f"{task.get('name')} is kept.")


def _confirm(name: str, *, as_json: bool) -> None:
    if as_json or not has_terminal():
        raise UsageError("confirmation_needed", f"Deleting {name} needs --yes where nobody can be asked.")
    if not typer.confirm(f"Delete {name} and all its snapshots?", err=True):
        raise UsageError("not_confirmed", "Nothing was deleted.")
