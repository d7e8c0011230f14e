"""The instances of an owner."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy import RowMapping

from provisioning.adapters import ProvisioningRuntime
from provisioning.domain.lifecycle import TERMINAL, Status, Trigger, actions
from provisioning.domain.offers import Offers
from provisioning.operations import power, returning
from provisioning.queries import instances as queries
from provisioning.schemas.instances import InstanceRead
from shared.auth import Caller, Scope, require
from shared.db import ReadTx, Tx
from shared.http import RuntimeOf
from shared.paging import Page, Paging, cached_json, page_of

Reader = Annotated[Caller, Depends(require(Scope.INSTANCES_READ))]
Writer = Annotated[Caller, Depends(require(Scope.INSTANCES_WRITE))]


def _runtime(runtime: RuntimeOf) -> ProvisioningRuntime:
    found: ProvisioningRuntime = runtime
    return found


RuntimeHere = Annotated[ProvisioningRuntime, Depends(_runtime)]

router = APIRouter(prefix="/api/v1/instances", tags=["instances"])


@router.get("", response_model=Page[InstanceRead])
async def list_instances(
    request: Request,
    caller: Reader,
    paging: Paging,
    tx: ReadTx,
    runtime: RuntimeHere,
    status: Annotated[Status | None, Query(description="Only those in this status.")] = None,
    name: Annotated[str | None, Query(max_length=254, description="Only those of this name.")] = None,
    live: Annotated[bool | None, Query(description="Only those that are not over, or only those that are.")] = None,
) -> Response:
    """The owner's instances, newest first. For the owner, with the scope `instances:read`."""
    rows = await queries.list_instances(
        tx,
        caller.owner_id,
        status=status,
        name=None if name is None else name.lower(),
        live=live,
        after=paging.after(datetime, UUID),
        limit=paging.limit,
    )
    shown = [show(row, runtime.adapters.offers, datetime.now(UTC)) for row in rows]
    return cached_json(request, page_of(shown, paging.limit, ("created_at", "instance_id")))


@router.get("/{instance_id}", response_model=InstanceRead)
async def read_instance(instance_id: UUID, caller: Reader, tx: ReadTx, runtime: RuntimeHere) -> dict[str, Any]:
    """One instance. For its owner, with the scope `instances:read`; to others it is 404."""
    found = await queries.show(tx, caller.owner_id, instance_id)
    if found is None:
        raise returning.not_found()
    return show(found, runtime.adapters.offers, datetime.now(UTC))


@router.post("/{instance_id}/restart", status_code=202, response_model=InstanceRead)
async def restart_instance(instance_id: UUID, caller: Writer, tx: Tx, runtime: RuntimeHere) -> dict[str, Any]:
    """Turn an instance off and on again; 409 where its status does not allow it, 410 once it is over.

    For its owner, with the scope `instances:write`. Asking again while it restarts changes nothing.
    """
    await power.ask(tx, caller.owner_id, instance_id, Trigger.RESTART, datetime.now(UTC))
    return await read_instance(instance_id, caller, tx, runtime)


@router.post("/{instance_id}/stop", status_code=202, response_model=InstanceRead)
async def stop_instance(instance_id: UUID, caller: Writer, tx: Tx, runtime: RuntimeHere) -> dict[str, Any]:
    """Turn an instance off; what is on it stays, and so does its price.

    For its owner, with the scope `instances:write`. Asking again while it stops or is stopped changes nothing.
    """
    await power.ask(tx, caller.owner_id, instance_id, Trigger.STOP, datetime.now(UTC))
    return await read_instance(instance_id, caller, tx, runtime)


@router.post("/{instance_id}/start", status_code=202, response_model=InstanceRead)
async def start_instance(instance_id: UUID, caller: Writer, tx: Tx, runtime: RuntimeHere) -> dict[str, Any]:
    """Turn a stopped instance on.

    For its owner, with the scope `instances:write`. Asking again while it starts or runs changes nothing.
    """
    await power.ask(tx, caller.owner_id, instance_id, Trigger.START, datetime.now(UTC))
    return await read_instance(instance_id, caller, tx, runtime)


@router.post("/{instance_id}/return", status_code=202, response_model=InstanceRead)
async def return_instance(instance_id: UUID, caller: Writer, tx: Tx, runtime: RuntimeHere) -> dict[str, Any]:
    """End an instance for good, with everything on it; its name is free once the provider confirms that it is gone.

    For its owner, with the scope `instances:write`. Asking again while it ends changes nothing; 410 once it is over.
    """
    await returning.return_instance(tx, caller.owner_id, instance_id, datetime.now(UTC))
    return await read_instance(instance_id, caller, tx, runtime)


def show(row: RowMapping, offers: Offers, now: datetime) -> dict[str, Any]:
    """A row of an instance as its owner sees it; a plan that is not offered any more is known by its name alone."""
    offer = offers.find(row["provider"], row["region"], row["plan"])
    status, started_at = Status(row["status"]), row["started_at"]
    until = row["ended_at"] if status in TERMINAL else now
    shown = {name: value for name, value in dict(row).items() if name not in _APART}
    return shown | {
        "actions": [str(action) for action in actions(status)],
        "provider_name": offer[0].name if offer else row["provider"],
        "region_name": offer[1].name if offer else row["region"],
        "vcpu": offer[2].vcpu if offer else None,
        "memory_bytes": offer[2].memory_bytes if offer else None,
        "plan_disk_bytes": offer[2].disk_bytes if offer else None,
        # Off or gone, its address may be somebody else's by now.
        "address": None if status in _OFF else row["address"],
        "runtime_seconds": None if started_at is None else _runtime_seconds(until - started_at, live=until is now),
        "versions": {"agent": row["agent_version"], "olares": row["olares_version"]},
        "usage": {name: row[name] for name in _USAGE},
    }


def _runtime_seconds(runtime: timedelta, *, live: bool) -> int:
    """Of a live one full minutes, so that a list that is polled stays the same for as long."""
    seconds = max(0, int(runtime.total_seconds()))
    return seconds - seconds % 60 if live else seconds


_OFF = TERMINAL | {Status.STOPPED}
_USAGE = ("traffic_bytes", "disk_bytes", "measured_at", "included_traffic_bytes", "included_storage_bytes")
_APART = frozenset({"agent_version", "olares_version", *_USAGE})
