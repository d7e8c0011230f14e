"""Finding what an owner names: a backup task, a snapshot, a Terminus."""

from uuid import UUID

from agent import api
from agent.api import Client
from agent.config import JsonObject
from agent.errors import ExitCode, NotFound, ServerRefused, SpaceError
from agent.wire import Backup, Snapshot, Terminus

MIN_RESTIC_ID = 6
LATEST = "latest"


def backup(client: Client, name_or_id: str) -> JsonObject:
    """The backup task with this id or this name.

    Raises:
        NotFound: There is none.
        SpaceError: `backup_ambiguous`: several tasks of different Terminus instances have this name.
    """
    if _is_uuid(name_or_id):
        try:
            return client.get(f"/backups/{name_or_id}")
        except ServerRefused as error:
            if error.exit_code is not ExitCode.NOT_FOUND:
                raise
    found = [item for item in client.items("/backups", {"name": name_or_id}) if item.get("name") == name_or_id]
    living = [item for item in found if item.get("state") != "deleted"] or found
    if not living:
        raise NotFound("backup_not_found", f"There is no backup task {name_or_id}.", hint="`space backups` lists them.")
    if len(living) > 1:
        ids = ", ".join(f"{item.get('backup_id')} ({item.get('terminus_name') or 'no Terminus'})" for item in living)
        raise SpaceError("backup_ambiguous", f"Several backup tasks are called {name_or_id}.", hint=f"Name one: {ids}")
    return living[0]


def backup_of(client: Client, name: str, terminus: Terminus | None) -> Backup | None:
    """The live task with this name under this Terminus (or under none)."""
    query: JsonObject = {"name": name, "terminus_id": None if terminus is None else str(terminus.terminus_id)}
    for item in client.items("/backups", query):
        candidate = api.parse(Backup, item)
        wanted = None if terminus is None else terminus.terminus_id
        if candidate.name == name and candidate.terminus_id == wanted and candidate.state == "active":
            return candidate
    return None


def terminus(client: Client, name: str) -> Terminus:
    for item in client.items("/terminus", {"name": name}):
        candidate = api.parse(Terminus, item)
        if candidate.name == name:
            return candidate
    raise NotFound(
        "terminus_not_found", f"There is no Terminus {name}.", hint=f"Add it with `space terminus add {name}`."
    )


def snapshot(client: Client, backup_id: UUID, wanted: str) -> Snapshot:
    """A successful snapshot of a task: `latest`, its id, or the beginning of its restic id."""
    listed = client.items(f"/backups/{backup_id}/snapshots", {"status": "successful"})
    successful = [api.parse(Snapshot, item) for item in listed]
    if wanted == LATEST:
        found = sorted(successful, key=lambda candidate: candidate.taken_at)[-1:]
    else:
        found = [candidate for candidate in successful if _is_named(candidate, wanted)]
    if not found:
        which = "has no successful snapshot yet" if wanted == LATEST else f"has no successful snapshot {wanted}"
        raise NotFound("snapshot_not_found", f"This backup task {which}.", hint="`space snapshots` lists them.")
    if len(found) > 1:
        raise SpaceError("snapshot_ambiguous", f"Several snapshots begin with {wanted}.", hint="Give more of the id.")
    return found[0]


def _is_named(candidate: Snapshot, wanted: str) -> bool:
    if str(candidate.snapshot_id) == wanted.lower():
        return True
    return len(wanted) >= MIN_RESTIC_ID and candidate.restic_id.startswith(wanted.lower())


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
