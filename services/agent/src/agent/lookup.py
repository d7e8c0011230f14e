"""Finding what an owner names: a backup task, a snapshot, a Terminus, an instance."""

from string import hexdigits
from uuid import UUID

from agent import api
from agent.api import Client
from agent.config import JsonObject
from agent.errors import ExitCode, NotFound, ServerRefused, SpaceError, UsageError
from agent.instance_words import OVER, status_text
from agent.output import time_text
from agent.wire import Backup, Snapshot, Terminus

MIN_ID_DIGITS = 6
LATEST = "latest"
SHOWN_CANDIDATES = 5


def backup(client: Client, name_or_id: str) -> JsonObject:
    """The backup task with this id, this name, or an id that begins like this.

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
    if not found and _is_beginning(name_or_id):
        found = [item for item in client.items("/backups") if _begins(item.get("backup_id"), name_or_id)]
        if len(found) > 1:
            raise _ambiguous(name_or_id)
    living = [item for item in found if item.get("state") != "deleted"] or found
    if not living:
        raise NotFound("backup_not_found", f"There is no backup task {name_or_id}.", hint="`space backups` lists them.")
    if len(living) > 1:
        ids = ", ".join(f"{item.get('backup_id')} ({item.get('terminus_name') or 'no Terminus'})" for item in living)
        raise SpaceError("backup_ambiguous", f"Several backup tasks are called {name_or_id}.", hint=f"Name one: {ids}")
    return living[0]


def backup_of(client: Client, name: str, terminus: Terminus | None) -> Backup | None:
    """The live task of `space` with this name under this Terminus; an Olares device's of this name is another.

    Without a Terminus it is the task under none, or the one under the owner's only Terminus: that is where the service
    puts a task that names none.
    """
    query: JsonObject = {"name": name, "terminus_id": None if terminus is None else str(terminus.terminus_id)}
    found = [api.parse(Backup, item) for item in client.items("/backups", query)]
    ours = [task for task in found if task.name == name and task.device_backup_id is None]
    live = {task.terminus_id: task for task in ours if task.state == "active"}
    if terminus is not None:
        return live.get(terminus.terminus_id)
    if None in live or not live:
        return live.get(None)
    only = [api.parse(Terminus, item) for item in client.items("/terminus")]
    return live.get(only[0].terminus_id) if len(only) == 1 else None


def terminus(client: Client, name: str) -> Terminus:
    for item in client.items("/terminus", {"name": name}):
        candidate = api.parse(Terminus, item)
        if candidate.name == name:
            return candidate
    raise NotFound(
        "terminus_not_found", f"There is no Terminus {name}.", hint=f"Add it with `space terminus add {name}`."
    )


def snapshot(client: Client, backup_id: UUID, wanted: str) -> Snapshot:
    """A successful snapshot of a task: `latest`, or the beginning of its id or of its restic id."""
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
        raise _ambiguous(wanted)
    return found[0]


def instance(client: Client, name_or_id: str) -> JsonObject:
    """The live instance of this name, the one with this id or an id that begins like this, or the only one that had it.

    Raises:
        NotFound: There is none.
        SpaceError: `instance_ambiguous`: several ids begin so, or several that are over had this name.
    """
    if _is_uuid(name_or_id):
        return client.get(f"/instances/{name_or_id.lower()}")
    named = [item for item in client.items("/instances", {"name": name_or_id.lower()}) if _has_name(item, name_or_id)]
    found = [item for item in named if item.get("status") not in OVER] or named
    if not found and _is_beginning(name_or_id):
        found = [item for item in client.items("/instances") if _begins(item.get("instance_id"), name_or_id)]
    if not found:
        raise NotFound(
            "instance_not_found", f"There is no instance {name_or_id}.", hint="`space instances --all` lists them."
        )
    if len(found) > 1:
        raise _which_instance(name_or_id, found, was_name=bool(named))
    return found[0]


def whole_id(client: Client, path: str, field: str, beginning: str) -> str:
    """The id in a list that begins like this.

    Raises:
        UsageError: `id_invalid`: this cannot be an id.
        NotFound: No id begins so.
        SpaceError: `id_ambiguous`: several do.
    """
    if _is_uuid(beginning):
        return beginning.lower()
    if not _is_beginning(beginning):
        raise UsageError(
            "id_invalid", f"{beginning} is not an id.", hint=f"Give at least its first {MIN_ID_DIGITS} digits."
        )
    found = [str(item[field]) for item in client.items(path) if _begins(item.get(field), beginning)]
    if not found:
        raise NotFound("id_not_found", f"No id begins with {beginning}.")
    if len(found) > 1:
        raise _ambiguous(beginning)
    return found[0]


def _has_name(item: JsonObject, name: str) -> bool:
    return str(item.get("name")).lower() == name.lower()


def _which_instance(wanted: str, found: list[JsonObject], *, was_name: bool) -> SpaceError:
    told = f"No live instance is called {wanted}; {len(found)} that are over were."
    message = told if was_name else f"{len(found)} ids begin with {wanted}."
    shown = [
        f"{item.get('instance_id')}  {item.get('name')}, {status_text(str(item.get('status')))}"
        f", since {time_text(item.get('updated_at'))}"
        for item in found[:SHOWN_CANDIDATES]
    ]
    more = [] if len(found) <= SHOWN_CANDIDATES else ["`space instances --all` lists all of them."]
    return SpaceError("instance_ambiguous", message, hint="\n".join(["Name one by its id:", *shown, *more]))


def _is_named(candidate: Snapshot, wanted: str) -> bool:
    return _is_beginning(wanted) and (
        _begins(candidate.snapshot_id, wanted) or candidate.restic_id.startswith(wanted.lower())
    )


def _is_beginning(text: str) -> bool:
    digits = text.replace("-", "")
    return len(digits) >= MIN_ID_DIGITS and all(digit in hexdigits for digit in digits)


def _begins(whole: object, beginning: str) -> bool:
    return str(whole).replace("-", "").startswith(beginning.replace("-", "").lower())


def _ambiguous(beginning: str) -> SpaceError:
    return SpaceError("id_ambiguous", f"Several ids begin with {beginning}.", hint="Give more of the id.")


def _is_uuid(text: str) -> bool:
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False
