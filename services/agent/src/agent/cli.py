"""The `space` command: its parts, and the one place where failures become words and exit codes."""

import signal
import sys
from importlib import metadata
from types import FrameType
from typing import Annotated

import typer

from agent.commands import (
    account,
    agent,
    backup,
    backups,
    balance,
    devices,
    instances,
    invoices,
    offers,
    olares,
    payment_methods,
    prices,
    quota,
    restore,
    restores,
    sessions,
    terminus,
    tokens,
    usage,
)
from agent.errors import ExitCode, Interrupted, SpaceError, UsageError
from agent.output import Output

_HELP = """Back up to Space, list what is there, restore it; see what it costs, and pay.

Passwords of backups never leave this machine.
"""

_EPILOG = """Exit codes: 0 done, 1 failed, 2 wrong usage, 3 done with warnings, 4 wrong backup password,
5 sign-in needed, 6 refused by the service or the store (permission, quota, conflict), 7 the service or the store
cannot be reached, 8 not found, 130 interrupted, 143 terminated."""

app = typer.Typer(
    name="space",
    help=_HELP,
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    # Tracebacks with local variables would show passwords and keys.
    pretty_exceptions_enable=False,
)
app.command("login")(account.login)
app.command("logout")(account.logout)
app.command("whoami")(account.whoami)
app.add_typer(devices.app, name="device")
app.add_typer(tokens.app, name="token")
app.add_typer(sessions.app, name="session")
app.add_typer(terminus.app, name="terminus")
app.add_typer(backup.app, name="backup")
app.command("backups")(backups.backups)
app.command("snapshots")(backups.snapshots)
app.command("delete")(backups.delete)
app.command("undelete")(backups.undelete)
app.add_typer(restore.app, name="restore")
app.command("restores")(restores.restores)
app.command("olares")(olares.olares)
app.command("backup-url")(olares.backup_url)
app.command("quota")(quota.quota)
app.command("usage")(usage.usage)
app.command("prices")(prices.prices)
app.command("invoices")(invoices.invoices)
app.command("invoice")(invoices.invoice)
app.command("pay")(invoices.pay)
app.command("balance")(balance.balance)
app.add_typer(payment_methods.app, name="payment-method")
app.add_typer(agent.app, name="agent")
app.command("offers")(offers.offers)
app.command("instances")(instances.instances)
app.add_typer(instances.app, name="instance")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"space {metadata.version('space-agent')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


class _Terminated(BaseException):
    """SIGTERM or SIGHUP: on its way out it stops restic cleanly, as Ctrl-C does."""


def main() -> None:
    """Run the command; everything kept or uploaded so far stays usable whichever way it ends."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _raise_terminated)
    # So that Ctrl-C works where a script started us in the background with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    out = Output(as_json="--json" in sys.argv[1:])
    try:
        # For people it prints usage errors itself, for programs they are errors as any other.
        sys.exit(app(standalone_mode=not out.as_json))
    except typer.TyperException as error:
        out.error(UsageError("usage", error.format_message(), hint="`space COMMAND --help` shows what it takes."))
        sys.exit(ExitCode.USAGE)
    except SpaceError as error:
        out.error(error)
        sys.exit(error.exit_code)
    except _Terminated:
        sys.exit(ExitCode.TERMINATED)
    except Interrupted as ending:
        for line in ending.words.splitlines():
            out.say(line)
        raise
    except SystemExit as ending:
        if ending.code == ExitCode.INTERRUPTED:
            out.say("Interrupted. Run the same command again to go on.")
        raise


def _raise_terminated(_number: int, _frame: FrameType | None) -> None:
    raise _Terminated
