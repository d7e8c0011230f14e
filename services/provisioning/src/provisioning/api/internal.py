"""What restore and the operator ask, each with a credential of its own."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends

from provisioning.api.instances import RuntimeHere
from provisioning.models import Instance, Orphan
from provisioning.operations import operator, wanting
from provisioning.queries import instances as queries
from provisioning.queries import orphans
from provisioning.schemas.instances import (
    InstanceCheck,
    InstanceOffered,
    InstanceReserve,
    InstanceReserved,
    OrphanRead,
    Redrive,
    StuckInstance,
)
from shared.auth import require_internal
from shared.db import ReadTx, Tx

router = APIRouter(prefix="/internal")

FROM_RESTORE = [Depends(require_internal("restore"))]
FROM_OPERATOR = [Depends(require_internal("operator"))]


@router.post("/instances/checks", response_model=InstanceOffered, dependencies=FROM_RESTORE)
async def check_instance(wanted: InstanceCheck, tx: ReadTx, runtime: RuntimeHere) -> InstanceOffered:
    """What is offered there, if such an instance could be had just now; if not, the refusal says why."""
    found = await wanting.check(tx, runtime.adapters.offers, datetime.now(UTC), **wanted.model_dump())
    return InstanceOffered.of(found)


@router.post("/instances", status_code=201, response_model=InstanceReserved, dependencies=FROM_RESTORE)
async def reserve_instance(wanted: InstanceReserve, tx: Tx, runtime: RuntimeHere) -> dict[str, Any]:
    """Keep a name for an order that is being paid; asking again with the same id changes nothing."""
    reserved = wanting.Wanted(**wanted.model_dump())
    instance = await wanting.reserve(tx, runtime.adapters.offers, reserved, datetime.now(UTC))
    return {"instance_id": instance.id, "status": instance.status}


@router.get("/instances/stuck", response_model=list[StuckInstance], dependencies=FROM_OPERATOR)
async def list_stuck(tx: ReadTx) -> list[dict[str, Any]]:
    """Instances of which their provider has given no certain word for long, the longest first."""
    return [_stuck(instance) for instance in await queries.stuck(tx)]


@router.post("/instances/{instance_id}/redrive", response_model=InstanceReserved, dependencies=FROM_OPERATOR)
async def redrive_instance(instance_id: UUID, body: Redrive, tx: Tx) -> dict[str, Any]:
    """Look again at once, or take the operator's word that no machine exists."""
    no_machine = body.verdict == "no_machine"
    instance = await operator.redrive(tx, instance_id, no_machine=no_machine, now=datetime.now(UTC))
    return {"instance_id": instance.id, "status": instance.status}


@router.get("/orphans", response_model=list[OrphanRead], dependencies=FROM_OPERATOR)
async def list_orphans(tx: ReadTx) -> Sequence[Orphan]:
    """Machines that no instance is known for, and what became of them; newest first, at most 500."""
    return await orphans.list_orphans(tx)


@router.post("/orphans/{provider}/{reference}/keep", response_model=OrphanRead, dependencies=FROM_OPERATOR)
async def keep_orphan(provider: str, reference: str, tx: Tx) -> Orphan:
    """Leave a machine alone for good."""
    return await operator.decide(tx, provider, reference, keep=True, now=datetime.now(UTC))


@router.post("/orphans/{provider}/{reference}/return", response_model=OrphanRead, dependencies=FROM_OPERATOR)
async def return_orphan(provider: str, reference: str, tx: Tx) -> Orphan:
    """End a machine at the next sweep."""
    return await operator.decide(tx, provider, reference, keep=False, now=datetime.now(UTC))


def _stuck(instance: Instance) -> dict[str, Any]:
    # What its owner reads as the reason is of its status; an operator needs the provider's own words.
    apart = {"instance_id": instance.id, "reason": instance.trouble}
    return {name: getattr(instance, name) for name in StuckInstance.model_fields.keys() - apart.keys()} | apart
