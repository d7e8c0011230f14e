"""The owner's Terminus (Olares) instances."""

from typing import Annotated

import typer

from agent import session
from agent.commands.options import JsonFlag, Origin
from agent.output import Output, time_text

app = typer.Typer(help="Your Terminus (Olares) instances.", no_args_is_help=True)


@app.command("add")
def add(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    version: Annotated[str | None, typer.Option("--version", help="The system's version.")] = None,
    cluster_id: Annotated[str | None, typer.Option("--cluster-id", help="The system's own id.")] = None,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """Register a Terminus; one that is known already is shown."""
    optional = {"version": version, "cluster_id": cluster_id}
    body: dict[str, object] = {"name": name, **{key: value for key, value in optional.items() if value is not None}}
    with session.open_client(origin) as client:
        terminus = client.post("/terminus", body)
    Output(as_json=as_json).result(terminus, f"{terminus.get('name')}: {terminus.get('terminus_id')}")


@app.command("list")
def list_terminus(origin: Origin = None, as_json: JsonFlag = False) -> None:
    """List your Terminus instances."""
    with session.open_client(origin) as client:
        instances = list(client.items("/terminus"))
    rows = [
        (
            str(item.get("name")),
            str(item.get("version") or "-"),
            time_text(item.get("created_at")),
            time_text(item.get("last_seen_at")),
            str(item.get("terminus_id")),
        )
        for item in instances
    ]
    columns = ("Name", "Version", "Added", "Last seen", "Id")
    empty = "No Terminus yet. `space terminus add NAME` adds one."
    Output(as_json=as_json).table(instances, columns, rows, empty=empty, optional=("Version", "Added", "Last seen"))
