"""Who is signed in: machines of the owner, Olares devices and `olares-cli`."""

from typing import Annotated

import typer

from agent import lookup, session
from agent.commands.options import JsonFlag, Origin
from agent.output import Output, time_text

app = typer.Typer(help="Who is signed in as you, Olares devices too.", no_args_is_help=True)


@app.command("list")
def list_sessions(origin: Origin = None, as_json: JsonFlag = False) -> None:
    """List the sessions that have not ended; this machine's own is marked."""
    with session.open_client(origin) as client:
        sessions = list(client.items("/me/sessions"))
    rows = [
        (
            str(item.get("session_id")),
            str(item.get("client_name") or "-"),
            "Olares" if item.get("kind") == "olares" else "space",
            time_text(item.get("last_used_at")) + (" (this one)" if item.get("is_current") else ""),
            time_text(item.get("expires_at")),
        )
        for item in sessions
    ]
    columns = ("Id", "Name", "Of", "Last used", "Expires")
    Output(as_json=as_json).table(sessions, columns, rows, empty="No sessions.", optional=("Expires", "Last used"))


@app.command("remove")
def remove(
    session_id: Annotated[str, typer.Argument(metavar="ID")], origin: Origin = None, as_json: JsonFlag = False
) -> None:
    """End a session: its tokens are good for nothing within minutes, those of an Olares device within seconds."""
    with session.open_client(origin) as client:
        session_id = lookup.whole_id(client, "/me/sessions", "session_id", session_id)
        client.delete(f"/me/sessions/{session_id}")
    Output(as_json=as_json).result({"session_id": session_id, "removed": True}, "Ended.")
