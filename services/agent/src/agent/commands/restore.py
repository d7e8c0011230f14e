"""`space restore`, `space restore show ID`, `space restore cancel ID` and `space restores`."""

from pathlib import Path
from typing import Annotated

import typer

from agent import lookup, session
from agent.commands.groups import RunByDefault
from agent.commands.options import CaFile, JsonFlag, Origin, PasswordCommand, PasswordFile
from agent.errors import UsageError
from agent.output import Output, files_text, path_text, size_text, time_text
from agent.passwords import PasswordSource
from agent.restoring import RestoreRequest, report_document, restore

DEFAULT_TARGET = Path("restored")
SHOWN_WARNINGS = 20

app = typer.Typer(cls=RunByDefault, help="Restore a backup to this machine, or show a restore.")


@app.command("run", epilog="`space restore show ID` and `space restore cancel ID` are about one restore.")
def run(
    target: Annotated[
        Path, typer.Option("--to", metavar="DIR", help="Where the content of the backed-up folder goes.")
    ] = DEFAULT_TARGET,
    backup: Annotated[
        str | None, typer.Option("--backup", metavar="NAME|ID", help="What to restore, when signed in.")
    ] = None,
    snapshot: Annotated[
        str | None, typer.Option("--snapshot", metavar="ID|latest", help="Which of its snapshots; else the latest.")
    ] = None,
    ticket: Annotated[
        str | None, typer.Option("--ticket", metavar="TICKET", help="A one-time ticket; no sign-in is needed.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Restore into a folder that is not empty; other files in it stay.")
    ] = False,
    password_file: PasswordFile = None,
    password_command: PasswordCommand = None,
    origin: Origin = None,
    ca_file: CaFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Restore a snapshot into a folder, verified. After an interruption, run the same command again: it goes on.

    Exit code 3: all content is there and verified, but something else was not as it should be; it is listed.
    """
    out = Output(as_json=as_json)
    if (ticket is None) == (backup is None):
        raise UsageError("what_to_restore", "Give either --backup NAME|ID (signed in) or --ticket TICKET.")
    if ticket is not None and snapshot is not None:
        raise UsageError("what_to_restore", "A ticket is for one snapshot; leave out --snapshot.")
    source = PasswordSource.chosen(password_file, password_command)
    request = RestoreRequest(
        target=target,
        ticket=ticket,
        backup=backup,
        snapshot=snapshot,
        origin=origin,
        overwrite=overwrite,
        ca_file=ca_file,
    )
    report = restore(request, source, out)
    for warning in report.warnings[:SHOWN_WARNINGS]:
        out.warn(warning)
    words = (
        f"{report.backup_name}: {files_text(report.files)}, {size_text(report.bytes_restored)}, "
        f"restored to {path_text(report.folder)} and verified"
    )
    out.result(report_document(report), words)
    raise typer.Exit(report.exit_code)


@app.command("show")
def show(
    restore_id: Annotated[str, typer.Argument(metavar="ID")], origin: Origin = None, as_json: JsonFlag = False
) -> None:
    """Show a restore and what happened in it."""
    with session.open_client(origin) as client:
        restore_id = lookup.whole_id(client, "/restores", "restore_id", restore_id)
        found = client.get(f"/restores/{restore_id}")
        timeline = list(client.items(f"/restores/{restore_id}/timeline"))
    out = Output(as_json=as_json)
    if as_json:
        out.result({**found, "timeline": timeline})
        return
    out.fields({name.replace("_", " "): _shown(name, value) for name, value in found.items() if value is not None})
    rows = [
        (
            time_text(item.get("recorded_at")),
            str(item.get("kind")),
            str(item.get("state")),
            size_text(item.get("bytes_restored")),
            str(item.get("reason") or ""),
        )
        for item in timeline
    ]
    out.table(timeline, ("Time", "What", "State", "Restored", "Reason"), rows, empty="Nothing happened yet.")


@app.command("cancel")
def cancel(
    restore_id: Annotated[str, typer.Argument(metavar="ID")], origin: Origin = None, as_json: JsonFlag = False
) -> None:
    """Call a restore off: its ticket and its keys stop working."""
    with session.open_client(origin) as client:
        restore_id = lookup.whole_id(client, "/restores", "restore_id", restore_id)
        cancelled = client.post(f"/restores/{restore_id}/cancel")
    Output(as_json=as_json).result(cancelled or {"restore_id": restore_id, "state": "cancelled"}, "Cancelled.")


def restores(origin: Origin = None, as_json: JsonFlag = False) -> None:
    """List your restores."""
    with session.open_client(origin) as client:
        listed = list(client.items("/restores"))
    rows = [
        (
            time_text(item.get("created_at")),
            str(item.get("backup_name") or "-"),
            str(item.get("state")),
            size_text(item.get("bytes_restored")),
            str(item.get("restore_id")),
        )
        for item in listed
    ]
    columns = ("Begun", "Backup", "State", "Restored", "Id")
    Output(as_json=as_json).table(listed, columns, rows, empty="No restores.", optional=("Restored", "Begun"))


def _shown(name: str, value: object) -> str:
    if name.endswith("_at"):
        return time_text(value)
    return size_text(value) if name.endswith("bytes") or name == "bytes_restored" else str(value)
