"""`space backup PATH` and `space backup show NAME|ID`."""

from pathlib import Path
from typing import Annotated

import typer

from agent import lookup, session
from agent.backing_up import BackupRequest, back_up, check_source
from agent.backup_report import BackupReport, report_document
from agent.commands.groups import RunByDefault
from agent.commands.options import BackupName, JsonFlag, Origin, PasswordCommand, PasswordFile
from agent.errors import UsageError
from agent.output import Output, files_text, path_text, readable, size_text, time_text
from agent.passwords import PasswordSource

MAX_NAME_LENGTH = 255
SHOWN_SKIPPED = 20
SHOWN_USAGE = 20

app = typer.Typer(cls=RunByDefault, help="Back up a folder (PATH), or show a backup task.")


@app.command("run", epilog="`space backup show NAME|ID` shows a task; a folder called show is ./show.")
def run(
    path: Annotated[Path, typer.Argument(metavar="PATH", readable=False, help="The folder or file to back up.")],
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="The backup task's name; else the folder's name.")
    ] = None,
    terminus: Annotated[
        str | None, typer.Option("--terminus", metavar="NAME", help="The Terminus it belongs to.")
    ] = None,
    tags: Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="A tag; repeatable.")] = None,
    excludes: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="PATTERN", help="Leave out what matches; repeatable.")
    ] = None,
    exclude_files: Annotated[
        list[Path] | None, typer.Option("--exclude-file", metavar="FILE", help="Patterns from a file; repeatable.")
    ] = None,
    moved: Annotated[bool, typer.Option("--moved", help="The task's folder is at another path now.")] = False,
    wait_seconds: Annotated[
        float, typer.Option("--wait", min=0, metavar="SECONDS", help="How long to wait until the snapshot is listed.")
    ] = 60.0,
    password_file: PasswordFile = None,
    password_command: PasswordCommand = None,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """Back up a folder or a file. Running it again adds a snapshot with what has changed.

    Exit code 3: the snapshot was made, but some files vanished or could not be read; they are listed.
    """
    out = Output(as_json=as_json)
    passwords = PasswordSource.chosen(password_file, password_command)
    check_source(path)
    for file in exclude_files or []:
        if not file.is_file():
            raise UsageError("exclude_file_unusable", f"{path_text(file)} is not a file.")
    request = BackupRequest(
        path=path.absolute(),
        name=_task_name(path) if name is None else name,
        terminus=terminus,
        tags=tags or (),
        excludes=excludes or (),
        exclude_files=exclude_files or (),
        moved=moved,
        wait_seconds=wait_seconds,
    )
    with session.open_client(origin) as client:
        report = back_up(client, request, passwords, out)
    _print_report(report, out)
    raise typer.Exit(report.exit_code)


@app.command("show")
def show(backup: BackupName, origin: Origin = None, as_json: JsonFlag = False) -> None:
    """Show a backup task: its times, storage usage since it was created, and its snapshots."""
    with session.open_client(origin) as client:
        task = lookup.backup(client, backup)
        usage = list(client.items(f"/backups/{task['backup_id']}/usage"))
        snapshots = list(client.items(f"/backups/{task['backup_id']}/snapshots", {"status": "successful"}))
    out = Output(as_json=as_json)
    if as_json:
        out.result({**task, "usage": usage, "snapshots": snapshots})
        return
    fields = (
        ("Name", task.get("name")),
        ("Id", task.get("backup_id")),
        ("Terminus", task.get("terminus_name") or "-"),
        ("Source", task.get("path") or task.get("app") or "-"),
        ("State", task.get("state")),
        ("Created", time_text(task.get("created_at"))),
        ("Latest snapshot", time_text(task.get("latest_snapshot_at"))),
        ("Storage used", size_text(task.get("storage_bytes"))),
        ("Snapshots", task.get("snapshot_count")),
    )
    out.fields({label: str(value) for label, value in fields})
    recent = usage[-SHOWN_USAGE:]
    rows = [(time_text(item.get("measured_at")), size_text(item.get("storage_bytes"))) for item in recent]
    out.table(usage, ("Measured", "Storage used"), rows, empty="Not measured yet.")
    print_snapshots(snapshots, out)


def print_snapshots(snapshots: list[dict[str, object]], out: Output) -> None:
    rows = [
        (
            time_text(item.get("taken_at")),
            size_text(item.get("size_added_bytes")) + (" (full)" if item.get("kind") == "full" else ""),
            str(item.get("version") or "-"),
            str(item.get("status")),
            str(item.get("restic_id"))[:8],
            str(item.get("snapshot_id")),
        )
        for item in snapshots
    ]
    columns = ("Snapshot time", "Size", "Version", "Status", "restic", "Id")
    out.table(snapshots, columns, rows, empty="No snapshots yet.", optional=("restic", "Version", "Status"))


def _task_name(path: Path) -> str:
    name = readable(path.resolve().name)[:MAX_NAME_LENGTH]
    if not name:
        raise UsageError("name_needed", "Give this backup task a name with --name.")
    return name


def _print_report(report: BackupReport, out: Output) -> None:
    if report.skipped_count:
        out.warn(f"{report.skipped_count} files or folders vanished or could not be read, and are not in the snapshot:")
        for error in report.skipped[:SHOWN_SKIPPED]:
            out.say(f"  {error.item}: {error.message}")
        if report.skipped_count > SHOWN_SKIPPED:
            out.say(f"  … and {report.skipped_count - SHOWN_SKIPPED} more (--json lists them)")
    if report.status == "pending":
        out.say("The snapshot is recorded; it appears in the list once the service has measured it.")
    words = (
        f"{report.backup.name}: snapshot {report.restic_id[:8]}, {files_text(report.files)}, "
        f"{size_text(report.bytes_processed)} in all, {size_text(report.bytes_added)} added"
    )
    out.result(report_document(report), words)
