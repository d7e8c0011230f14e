"""`space restore` to this machine or to the cloud."""

from pathlib import Path
from typing import Annotated

import typer

from agent import session
from agent.cloud_choosing import CloudRequest
from agent.cloud_restoring import restore_to_cloud
from agent.commands import restores
from agent.commands.groups import RunByDefault
from agent.commands.options import CaFile, JsonFlag, Origin, PasswordCommand, PasswordFile
from agent.config import JsonObject
from agent.errors import UsageError
from agent.output import Output, files_text, path_text, size_text
from agent.passwords import PasswordSource
from agent.restoring import RestoreRequest, report_document, restore

DEFAULT_TARGET = Path("restored")
SHOWN_WARNINGS = 20
_HERE = "To this machine"
_CLOUD = "To the cloud"
_EPILOG = "`space restore show ID`, `log ID` and `cancel ID` are about one restore; `space restores` lists them."

app = typer.Typer(cls=RunByDefault, help="Restore a backup to this machine or to the cloud, or show a restore.")
app.command("show")(restores.show)
app.command("log")(restores.log)
app.command("cancel")(restores.cancel)


@app.command("run", epilog=_EPILOG)
def run(
    backup: Annotated[
        str | None, typer.Option("--backup", metavar="NAME|ID", help="What to restore, when signed in.")
    ] = None,
    snapshot: Annotated[
        str | None, typer.Option("--snapshot", metavar="ID|latest", help="Which of its snapshots; else the latest.")
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option(
            "--to",
            metavar="DIR",
            help="Where the content of the backed-up folder goes; else ./restored.",
            rich_help_panel=_HERE,
        ),
    ] = None,
    ticket: Annotated[
        str | None,
        typer.Option(
            "--ticket", metavar="TICKET", help="A one-time ticket; no sign-in is needed.", rich_help_panel=_HERE
        ),
    ] = None,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Restore into a folder that is not empty; other files in it stay.",
            rich_help_panel=_HERE,
        ),
    ] = False,
    to_cloud: Annotated[
        bool,
        typer.Option(
            "--to-cloud", help="Order an instance with it; what no option says is asked.", rich_help_panel=_CLOUD
        ),
    ] = False,
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="NAME", help="As in `space offers`.", rich_help_panel=_CLOUD)
    ] = None,
    region: Annotated[
        str | None, typer.Option("--region", metavar="NAME", help="As in `space offers`.", rich_help_panel=_CLOUD)
    ] = None,
    plan: Annotated[
        str | None, typer.Option("--plan", metavar="NAME", help="As in `space offers`.", rich_help_panel=_CLOUD)
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", metavar="NAME", help="The instance's name; else that of its Terminus.", rich_help_panel=_CLOUD
        ),
    ] = None,
    payment_method: Annotated[
        str | None,
        typer.Option("--payment-method", metavar="ID", help="Else the default one.", rich_help_panel=_CLOUD),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Order without being asked.", rich_help_panel=_CLOUD)
    ] = False,
    no_wait: Annotated[
        bool,
        typer.Option(
            "--no-wait",
            help="Return once it is ordered; it waits for the password, which --resume enters.",
            rich_help_panel=_CLOUD,
        ),
    ] = False,
    resume: Annotated[
        str | None,
        typer.Option("--resume", metavar="ID", help="Go on with a restore to the cloud.", rich_help_panel=_CLOUD),
    ] = None,
    password_file: PasswordFile = None,
    password_command: PasswordCommand = None,
    origin: Origin = None,
    ca_file: CaFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Restore a snapshot into a folder, or to a new instance in the cloud, verified.

    After an interruption the same command goes on in the same folder. A restore to the cloud goes on by itself: come
    back to it with --resume. The password leaves this machine only sealed, and only the new instance can open it.

    Exit code 3: all content is there and verified, but something else was not as it should be; it is listed.
    """
    out = Output(as_json=as_json)
    source = PasswordSource.chosen(password_file, password_command)
    place: JsonObject = {"--provider": provider, "--region": region, "--plan": plan, "--name": name}
    what: JsonObject = {"--backup": backup, "--snapshot": snapshot}
    here: JsonObject = {"--to": target, "--ticket": ticket, "--overwrite": overwrite}
    order: JsonObject = {"--payment-method": payment_method, "--yes": yes, "--no-wait": no_wait}
    if to_cloud or resume is not None:
        _refuse(here, "is for a restore to this machine")
        if resume is not None:
            _refuse({"--to-cloud": to_cloud} | what | place, "was said when the restore was ordered")
        request = CloudRequest(
            backup=backup,
            snapshot=snapshot,
            provider=provider,
            region=region,
            plan=plan,
            name=name,
            payment_method=payment_method,
            resume=resume,
            yes=yes,
            wait=not no_wait,
        )
        with session.open_client(origin, ca_file) as client:
            raise typer.Exit(restore_to_cloud(client, request, source, out))
    _refuse(place | order, "is for a restore --to-cloud")
    if (ticket is None) == (backup is None):
        raise UsageError("what_to_restore", "Give either --backup NAME|ID (signed in) or --ticket TICKET.")
    if ticket is not None and snapshot is not None:
        raise UsageError("what_to_restore", "A ticket is for one snapshot; leave out --snapshot.")
    _restore_here(
        RestoreRequest(
            target=target or DEFAULT_TARGET,
            ticket=ticket,
            backup=backup,
            snapshot=snapshot,
            origin=origin,
            overwrite=overwrite,
            ca_file=ca_file,
        ),
        source,
        out,
    )


def _restore_here(request: RestoreRequest, source: PasswordSource, out: Output) -> None:
    report = restore(request, source, out)
    for warning in report.warnings[:SHOWN_WARNINGS]:
        out.warn(warning)
    words = (
        f"{report.backup_name}: {files_text(report.files)}, {size_text(report.bytes_restored)}, "
        f"restored to {path_text(report.folder)} and verified"
    )
    out.result(report_document(report), words)
    raise typer.Exit(report.exit_code)


def _refuse(options: JsonObject, why: str) -> None:
    """Options that would be without effect."""
    given = [option for option, value in options.items() if value]
    if given:
        raise UsageError("option_out_of_place", f"{given[0]} {why}.")
