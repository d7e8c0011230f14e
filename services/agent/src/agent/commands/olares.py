"""What the programs of Olares need of this Space: the options of `olares-cli backups`, and Backup Urls."""

import shlex
from typing import Annotated

import typer

from agent import api, lookup, session
from agent.commands.options import BackupName, JsonFlag, Origin
from agent.output import Output, time_text
from agent.wire import Backup, BackupUrl, OlaresToken

CLUSTER_ID = "CLUSTER_ID"
"""Stands for what only the device knows."""
_WHICH_CLUSTER = (
    f"Put the cluster's id where {CLUSTER_ID} stands: the label bytetrade.io/cluster-id of `kubectl get terminus -o "
    "yaml` on the device. Or name it with --cluster-id."
)


def olares(
    cluster_id: Annotated[
        str, typer.Option("--cluster-id", metavar="ID", help="The Olares device's cluster, if you know it.")
    ] = CLUSTER_ID,
    client_name: Annotated[
        str, typer.Option("--client-name", metavar="NAME", help="How this token is listed by `space session list`.")
    ] = "olares-cli",
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a token for `olares-cli backups`, and print the options with which it uses this Space."""
    with session.open_client(origin) as client:
        made = api.parse(OlaresToken, client.post("/auth/olares-tokens", {"client_name": client_name}))
    options = {
        "--cloud-api-mirror": client.origin,
        "--olares-did": made.userid,
        "--access-token": made.token.get_secret_value(),
        # Empty where a command that was to find it found none.
        "--cluster-id": cluster_id or CLUSTER_ID,
        "--cloud-name": "aws",
        "--region-id": "space",
    }
    out = Output(as_json=as_json)
    ends = made.expires_at.isoformat()
    document = {"userid": made.userid, "token": made.token.get_secret_value(), "expires_at": ends, "options": options}
    out.result(document, shlex.join(word for option in options.items() for word in option))
    out.say(
        "Add these to `olares-cli backups backup space`, `snapshots space` and `restore space`; `region space` takes "
        "the first three of them. --repo-name and --path are yours to choose."
    )
    if cluster_id in ("", CLUSTER_ID):
        out.say(_WHICH_CLUSTER)
    out.say(f"The token is a secret: whoever has it reads and writes your backups until {time_text(ends)}.")
    out.say(f"`space session list` lists it as {client_name}, and `space session remove ID` makes it useless.")
    out.say("When its time is over, make another one with `space olares`.")


def backup_url(
    backup: BackupName,
    snapshot: Annotated[str, typer.Argument(metavar="SNAPSHOT", help="A snapshot's id, or latest.")] = lookup.LATEST,
    origin: Origin = None,
    as_json: JsonFlag = False,
) -> None:
    """Print the Backup Url of a snapshot, which an Olares device restores it by."""
    with session.open_client(origin) as client:
        task = api.parse(Backup, lookup.backup(client, backup))
        chosen = lookup.snapshot(client, task.backup_id, snapshot)
        found = api.parse(BackupUrl, client.get(f"/snapshots/{chosen.snapshot_id}/backup-url"))
    out = Output(as_json=as_json)
    taken_at = chosen.taken_at.isoformat()
    named = {"backup_id": str(task.backup_id), "snapshot_id": str(chosen.snapshot_id), "taken_at": taken_at}
    out.result({**named, "backup_url": found.backup_url}, found.backup_url)
    out.say(
        f"The snapshot of {time_text(taken_at)}. On the Olares device: Settings > Restore, and paste it. It holds no "
        "secret; the device asks for the backup password, and must be connected to this Space."
    )
