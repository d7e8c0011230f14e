"""``python -m space_local COMMAND``: run, stop, what an operator does while it runs, and what deletes it."""

import argparse
import asyncio
import errno
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from space_local import billing_tools, operator_tools, provisioning_tools, restore_tools
from space_local.errors import LocalError
from space_local.machines import end_machines, machine_folders
from space_local.options import Options
from space_local.process import end_leftovers
from space_local.system import System, running_pid

STOP_SECONDS = 90


def main() -> int:
    arguments = _parser().parse_args()
    try:
        return int(arguments.command(arguments) or 0)
    except LocalError as error:
        print(f"\n{error}", file=sys.stderr)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        remedy = "Make room on the disk." if error.errno in (errno.ENOSPC, errno.EDQUOT) else _whose(error)
        print(f"\n{error.strerror}: {error.filename or ''}. {remedy}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m space_local", description="The whole system on one machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Callable[[argparse.Namespace], int | None], help_: str) -> argparse.ArgumentParser:
        found = commands.add_parser(name, help=help_)
        found.set_defaults(command=command)
        return found

    run = add("run", _run, "start everything and stay until Ctrl-C or `stop`")
    run.add_argument("--processes", action="store_true", help="one process per service and role")
    add("stop", _stop, "end what `run` started")
    add("status", _status, "whether it runs, and where")
    add("clean", _clean, "delete what the demo made")
    destroy = add("destroy", _destroy, "delete every backup, database and key of this folder")
    destroy.add_argument("--yes", action="store_true", help="do not ask")
    invite = add("invite", _invite, "print an invitation to register")
    invite.add_argument(
        "--did", help="who alone may use it, with --name: how LarePass registers where invites are needed"
    )
    invite.add_argument("--name", help="the Olares name that DID registers by")
    dead = add("dead-letters", _dead_letters, "list the messages set aside for a person")
    dead.add_argument("--redrive", action="store_true", help="give them back to their consumers")
    prices = add("prices", _prices, "put a price book into use")
    prices.add_argument("file")
    credit = add("credit", _credit, "give an owner promotional balance")
    credit.add_argument("owner_id")
    credit.add_argument("amount", help="in units of the currency: 5.00, or 5.00 EUR")
    credit.add_argument("reason")
    add("stuck", _stuck, "list the instances and restores that wait for an operator")
    redrive = add("redrive", _redrive, "let provisioning go on with such an instance")
    redrive.add_argument("instance_id")
    redrive.add_argument("verdict", help=" or ".join(provisioning_tools.VERDICTS))
    restore = add("redrive-restore", _redrive_restore, "let such a restore ask again")
    restore.add_argument("restore_id")
    orphans = add("orphans", _orphans, "list machines of ours that no instance is known for")
    orphans.add_argument("--keep", metavar="PROVIDER/REFERENCE", help="never return this one")
    orphans.add_argument("--return", metavar="PROVIDER/REFERENCE", dest="give_back", help="return this one now")
    migrate = add("migrate", _migrate, "write a new revision of a service's database from its models")
    migrate.add_argument("service")
    migrate.add_argument("message")
    return parser


def _run(arguments: argparse.Namespace) -> int:
    options = Options.from_environment(processes=arguments.processes)

    async def serve() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        current = asyncio.current_task()
        assert current is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, current.cancel)
        started = time.monotonic()
        system = System(options, say=lambda line: print(line, flush=True))
        print(f"Starting the system in {options.home} …", flush=True)
        async with system:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop.set)
            listening = "" if options.origin == options.listening else f"  listens    {options.listening}\n"
            print(
                f"\nReady after {time.monotonic() - started:.1f} s.\n"
                f"  console    {system.origin}\n"
                f"{listening}"
                f"  documents  {system.origin}/api/v1/docs\n"
                f"  store      {system.store_endpoint}   (its CA: {system.ca_file})\n"
                f"  logs       {options.home / 'logs'}\n"
                "Ctrl-C or `make stop` ends it.",
                flush=True,
            )
            await system.watch(stop)
            print("Stopping …", flush=True)

    try:
        asyncio.run(serve())
    except asyncio.CancelledError:
        print("Stopped while starting.", flush=True)
        return 130
    print("Stopped.", flush=True)
    return 0


def _stop(_: argparse.Namespace) -> int:
    options = Options.from_environment()
    home = options.home
    pid = running_pid(home)
    if pid is None:
        left = [*end_leftovers(home), *(f"instance {name}" for name in end_machines(System(options).instances_folder))]
        print(f"Ended what a killed run had left: {', '.join(left)}." if left else "The system is not running.")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while running_pid(home) is not None:
        if time.monotonic() > deadline:
            raise LocalError(f"Process {pid} has not ended within {STOP_SECONDS} s. See {home / 'logs'}.")
        time.sleep(0.05)
    print("Stopped.")
    return 0


def _status(_: argparse.Namespace) -> int:
    home = Options.from_environment().home
    pid = running_pid(home)
    try:
        origin = (home / "origin").read_text().strip()
    except FileNotFoundError:
        origin = ""
    if pid is None:
        print("The system is not running.")
        return 3
    print(f"The system runs as process {pid}" + (f" at {origin}" if origin else ", and is still starting"))
    return 0


def _clean(_: argparse.Namespace) -> int:
    home = Options.from_environment().home / "demo"
    end_leftovers(home)
    System(replace(Options.from_environment(), home=home / "system")).destroy()
    shutil.rmtree(home, ignore_errors=True)
    return 0


def _destroy(arguments: argparse.Namespace) -> int:
    options = Options.from_environment()
    pid = running_pid(options.home)
    if pid is not None:
        raise LocalError(f"The system is running (process {pid}). `make stop` first.")
    system = System(options)
    if not arguments.yes:
        _confirm(system)
    end_leftovers(options.home)
    _clean(arguments)
    system.destroy()
    print(f"Deleted {options.home}.")
    return 0


def _confirm(system: System) -> None:
    """Raises LocalError unless a person types what is asked for."""
    files = [file for file in system.store_folder.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    instances = len(machine_folders(system.instances_folder))
    print(
        f"{system.state} holds {len(files)} objects of backups, {size / 2**20:.1f} MB, and {instances} local instances."
        " They cannot be had back."
    )
    if not sys.stdin.isatty() or input("Type «delete» to delete everything: ").strip() != "delete":
        raise LocalError("Nothing was deleted.")


def _invite(arguments: argparse.Namespace) -> int:
    return _tool(operator_tools.invite(Options.from_environment(), arguments.did, arguments.name))


def _dead_letters(arguments: argparse.Namespace) -> int:
    return _tool(operator_tools.dead_letters(Options.from_environment(), redrive=arguments.redrive))


def _prices(arguments: argparse.Namespace) -> int:
    return _tool(billing_tools.load_prices(Options.from_environment(), arguments.file))


def _credit(arguments: argparse.Namespace) -> int:
    options = Options.from_environment()
    return _tool(billing_tools.give_credit(options, arguments.owner_id, arguments.amount, arguments.reason))


def _stuck(_: argparse.Namespace) -> int:
    options = Options.from_environment()
    _tool(provisioning_tools.list_stuck(options))
    return _tool(restore_tools.list_parked(options))


def _redrive(arguments: argparse.Namespace) -> int:
    return _tool(provisioning_tools.redrive(Options.from_environment(), arguments.instance_id, arguments.verdict))


def _redrive_restore(arguments: argparse.Namespace) -> int:
    return _tool(restore_tools.redrive(Options.from_environment(), arguments.restore_id))


def _orphans(arguments: argparse.Namespace) -> int:
    options = Options.from_environment()
    return _tool(provisioning_tools.orphans(options, keep=arguments.keep, give_back=arguments.give_back))


def _migrate(arguments: argparse.Namespace) -> int:
    return _tool(operator_tools.revise(arguments.service, arguments.message))


def _tool(work: Coroutine[Any, Any, None]) -> int:
    asyncio.run(work)
    return 0


def _whose(error: OSError) -> str:
    return f"We run as user {os.geteuid()}: give this user the file, or run as the user who made it."


if __name__ == "__main__":
    sys.exit(main())
