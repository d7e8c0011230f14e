"""The Olares dialect of backups, storage keys and home clouds, as unmodified devices speak it."""

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from catalog import queries
from catalog.domain.metrics import read_metrics
from catalog.errors import AddressMissing
from catalog.models import Terminus
from catalog.operations import olares_backups, olares_keys, sessions, terminus
from catalog.operations.olares_keys import OlaresKey
from catalog.schemas import DeviceBackup, Name
from shared.auth import Caller
from shared.db import ReadTx, Transactions, Tx
from shared.errors import RequestInvalid
from shared.http import RuntimeOf
from shared.olares import Fields, OlaresRoute, answer, parse, read_fields, require_token

USUAL_SECONDS = 43_200
KINDS: dict[str, Literal["path", "app"]] = {"1": "path", "2": "app"}
TERMINUS_SHOWN = 1000
_SECONDS = re.compile(r"[0-9]{1,9}")

router = APIRouter(prefix="/v1/resource", route_class=OlaresRoute, include_in_schema=False)
bindings = APIRouter(prefix="/v1/bind", route_class=OlaresRoute, include_in_schema=False)

OlaresOwner = Annotated[Caller, Depends(require_token(sessions.has_ended))]


class KeyWanted(BaseModel):
    duration_seconds: str = Field("", alias="durationSeconds")
    cluster_id: str = Field("", alias="clusterId")
    suffix: str = Field("", alias="backupPrefix")


class KeyHeld(BaseModel):
    access_key_id: str = Field(alias="ak")
    secret: str = Field(alias="sk")
    session_token: str = Field(alias="st")
    duration_seconds: str = Field("", alias="durationSeconds")


class BackupTold(BaseModel):
    backup_id: UUID = Field(alias="backupId")
    name: str = Field(min_length=1)
    backup_type: str = Field("", alias="backupType")
    path: str = Field("", alias="backupPath", max_length=4096)


class BackupNamed(BaseModel):
    backup_id: UUID = Field(alias="backupId")


class SnapshotHint(BackupNamed):
    did: str = Field(alias="userid")


class TerminusNamed(BaseModel):
    name: Name = Field(alias="terminusName")


class MetricsTold(TerminusNamed):
    content: str


@router.post("/backup/region")
async def list_regions(_: OlaresOwner, runtime: RuntimeOf) -> Response:
    """Where backups can go: to the one store there is."""
    address = runtime.adapters.issuer.olares_address()
    if address is None:
        raise AddressMissing("Olares devices cannot reach the store behind this Space.")
    return answer([{"regionId": address.region_id, "regionName": "Space", "cloudName": address.cloud}])


@router.post("/stsToken/backup")
async def issue_key(caller: OlaresOwner, fields: Fields, transactions: Transactions, runtime: RuntimeOf) -> Response:
    """A key to all of the owner's repositories."""
    wanted = parse(KeyWanted, fields)
    key = await olares_keys.issue(
        transactions,
        runtime.adapters,
        runtime.settings,
        caller,
        cluster_id=_cluster_id(wanted.cluster_id),
        suffix=wanted.suffix,
        duration=_duration(wanted.duration_seconds),
        now=datetime.now(UTC),
    )
    return answer(_key(key))


@router.post("/stsToken/backup/refresh")
async def renew_key(fields: Fields, transactions: Transactions, runtime: RuntimeOf) -> Response:
    """Another key, for who holds one that ends or has ended: this is all that is asked."""
    held = parse(KeyHeld, fields)
    key = await olares_keys.renew(
        transactions,
        runtime.adapters,
        runtime.settings,
        access_key_id=held.access_key_id,
        secret=held.secret,
        session_token=held.session_token,
        duration=_duration(held.duration_seconds),
        now=datetime.now(UTC),
    )
    return answer(_key(key))


@router.post("/backup/save")
async def save_backup(caller: OlaresOwner, fields: Fields, tx: Tx) -> Response:
    """Register a backup, or say once more what is known of it."""
    told = parse(BackupTold, fields)
    backup = DeviceBackup(told.backup_id, told.name, KINDS.get(told.backup_type), told.path or None)
    await olares_backups.save_backup(tx, caller, backup, datetime.now(UTC))
    return answer()


@router.post("/backup/stop")
async def stop_backup(caller: OlaresOwner, fields: Fields, tx: Tx) -> Response:
    """The device makes no more snapshots of this backup."""
    await olares_backups.stop_backup(tx, caller.owner_id, parse(BackupNamed, fields).backup_id, datetime.now(UTC))
    return answer()


@router.post("/snapshot/save")
async def hint_snapshot(request: Request, transactions: Transactions) -> Response:
    """Whoever sends this proves nothing: at most the store is looked at, and the answer tells nothing."""
    try:
        hint = parse(SnapshotHint, read_fields(await request.body()))
    except RequestInvalid:
        return answer()
    await olares_backups.hint(transactions, hint.did, hint.backup_id, datetime.now(UTC))
    return answer()


@router.post("/clusterMetrics/update")
async def update_metrics(caller: OlaresOwner, fields: Fields, tx: Tx) -> Response:
    """What a device measured of its cluster, kept for its owner to look at."""
    told = parse(MetricsTold, fields)
    try:
        metrics = read_metrics(told.content)
    except ValueError as error:
        raise RequestInvalid("These metrics cannot be kept: send a JSON object of 64 kB at most.") from error
    await terminus.note_metrics(tx, caller, told.name, metrics, datetime.now(UTC))
    return answer()


@bindings.post("/getTerminusNames")
async def list_terminus(caller: OlaresOwner, tx: ReadTx) -> Response:
    """The owner's home clouds, oldest first."""
    rows = await queries.terminus.list_terminus(tx, caller.owner_id, name=None, after=None, limit=TERMINUS_SHOWN)
    return answer({"terminusNames": [_terminus(caller, row.terminus_id, row) for row in rows]})


@bindings.post("/bindTerminusName")
async def bind_terminus(caller: OlaresOwner, fields: Fields, tx: Tx) -> Response:
    """Register a home cloud by its name."""
    found = await terminus.register_named(tx, caller, parse(TerminusNamed, fields).name, datetime.now(UTC))
    return answer(_terminus(caller, found.id, found))


ROUTERS = (router, bindings)


def _key(key: OlaresKey) -> dict[str, str]:
    """All strings: a device reads nothing of an answer in which one of them is not."""
    return {
        "cloud": key.address.cloud,
        "region": key.address.host,
        "bucket": key.address.bucket,
        "prefix": key.prefix,
        "ak": key.issued.access_key_id,
        "sk": key.issued.secret_access_key,
        "st": key.issued.session_token,
        "expiration": str(_milliseconds(key.issued.expires_at)),
        "restic_repo": "",
    }


def _terminus(caller: Caller, terminus_id: UUID, found: Terminus | queries.AnyRow) -> dict[str, Any]:
    return {
        "id": str(terminus_id),
        "terminusName": found.name,
        "selfHosted": True,
        "clusterID": found.cluster_id or "",
        "userid": caller.did,
        "status": "Active",
        "createAt": _milliseconds(found.created_at),
        "updateAt": _milliseconds(found.last_seen_at),
    }


def _duration(seconds: str) -> timedelta:
    return timedelta(seconds=int(seconds) if _SECONDS.fullmatch(seconds) else USUAL_SECONDS)


def _cluster_id(encoded: str) -> str | None:
    """The id of a cluster from its base64, or as it stands when it is none; None when there is none to speak of."""
    try:
        # Whoever reads a form strictly, such as a proxy on the way, makes a space of a plus.
        found = base64.b64decode(encoded.replace(" ", "+"), validate=True).decode()
    except ValueError:
        found = encoded
    return found if found.isprintable() and 0 < len(found) <= 255 else None


def _milliseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1000)
