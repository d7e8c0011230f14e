"""Other machines of the same owner, each with a key pair of its own."""

from typing import Annotated

import typer

from agent import lookup, session
from agent.commands.options import JsonFlag, Origin
from agent.output import Output, time_text

app = typer.Typer(help="Other machines of yours.", no_args_is_help=True)


@app.command("add")
def add(origin: Origin = None, as_json: JsonFlag = False) -> None:
    """Make a one-time code that lets another machine join."""
    with session.open_client(origin) as client:
        enrolment = client.post("/me/devices/enrolments")
        command = f"space login --origin {client.origin} --enrol {enrolment['code']}"
        words = f"On the other machine, before {time_text(enrolment.get('expires_at'))}:\n\n    {command}"
        out = Output(as_json=as_json)
        out.result({**enrolment, "command": command}, words)


@app.command("list")
def list_devices(origin: Origin = None, as_json: JsonFlag = False) -> None:
    """List your machines."""
    with session.open_client(origin) as client:
        devices = list(client.items("/me/devices"))
    rows = [
        (
            str(item.get("device_id")),
            str(item.get("name") or "-"),
            time_text(item.get("created_at")),
            str(item.get("did")),
        )
        for item in devices
    ]
    columns = ("Id", "Name", "Added", "Key")
    Output(as_json=as_json).table(devices, columns, rows, empty="No devices.", optional=("Key", "Added"))


@app.command("remove")
def remove(
    device_id: Annotated[str, typer.Argument(metavar="ID")], origin: Origin = None, as_json: JsonFlag = False
) -> None:
    """Take a machine's access away."""
    with session.open_client(origin) as client:
        device_id = lookup.whole_id(client, "/me/devices", "device_id", device_id)
        client.delete(f"/me/devices/{device_id}")
    Output(as_json=as_json).result({"device_id": device_id, "removed": True}, "Removed.")
