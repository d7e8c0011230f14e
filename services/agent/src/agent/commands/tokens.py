"""API tokens for programs."""

from typing import Annotated

import typer

from agent import lookup, session
from agent.commands.options import JsonFlag, Origin
from agent.output import Output, time_text

app = typer.Typer(help="API tokens for programs (SPACE_API_TOKEN).", no_args_is_help=True)


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    scopes: Annotated[
        list[str], typer.Option("--scope", metavar="SCOPE", help="What it may do, e.g. backups:read; repeatable.")
    ],
    expires_in_days: Annotated[int, typer.Option("--days", min=1, help="How long it works.")] = 90,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a token; it is shown once."""
    with session.open_client(origin) as client:
        token = client.post("/tokens", {"name": name, "scopes": scopes, "expires_in_days": expires_in_days})
    out = Output(as_json=as_json)
    out.result(token, str(token.get("token")))
    out.say(f"Works until {time_text(token.get('expires_at'))}. It is not shown again.")


@app.command("list")
def list_tokens(origin: Origin = None, as_json: JsonFlag = False) -> None:
    """List your tokens, without the secrets."""
    with session.open_client(origin) as client:
        tokens = list(client.items("/tokens"))
    rows = [
        (
            str(item.get("token_id")),
            str(item.get("name")),
            " ".join(map(str, scopes)) if isinstance(scopes := item.get("scopes"), list) else "-",
            time_text(item.get("expires_at")),
        )
        for item in tokens
    ]
    columns = ("Id", "Name", "Scopes", "Expires")
    Output(as_json=as_json).table(tokens, columns, rows, empty="No API tokens.", optional=("Scopes", "Expires"))


@app.command("remove")
def remove(
    token_id: Annotated[str, typer.Argument(metavar="ID")], origin: Origin = None, as_json: JsonFlag = False
) -> None:
    """Make a token useless."""
    with session.open_client(origin) as client:
        token_id = lookup.whole_id(client, "/tokens", "token_id", token_id)
        client.delete(f"/tokens/{token_id}")
    Output(as_json=as_json).result({"token_id": token_id, "removed": True}, "Removed.")
