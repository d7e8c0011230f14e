"""What provisioning tells of a restore's machine, and catalog of its backup."""

import base64
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from restore import queries
from restore.domain import order, words
from restore.domain.axes import Compute
from restore.domain.facts import Fact
from restore.operations import saga
from restore.operations.saga import Cloud, Said
from shared.events.provisioning import InstanceEnrolled, InstanceFailed, InstanceReturned, InstanceRunning

Word = InstanceRunning | InstanceEnrolled | InstanceFailed | InstanceReturned

FOR_GOOD = frozenset({"offer_unknown", "offer_unavailable", "instance_name_invalid", "name_in_use"})
"""Failures that another machine would meet as well."""
EXPECTED = frozenset({Compute.WANTED, Compute.RUNNING, Compute.ENROLLED})
"""Of a machine that is to go, or is gone, no late word is kept."""
BACKUP_DELETED = Said("backup_deleted", "The backup was deleted: there is nothing left to restore.")

log = structlog.get_logger(__name__)


async def hear(session: AsyncSession, event: Word, now: datetime) -> None:
    """Heed what became of a restore's machine; word of one before it is known already."""
    if event.restore_id is None:
        return
    cloud = await saga.lock(session, event.restore_id)
    if cloud is None or cloud.rest.instance_id != event.instance_id:
        log.info("word of a machine that no restore waits for", instance_id=str(event.instance_id), word=event.name)
        return
    match event:
        case InstanceRunning():
            if cloud.saga.compute in EXPECTED:
                cloud.rest.address = event.address
                cloud.rest.running_at = event.running_at
            await saga.heed(session, cloud, Fact.MACHINE_RUNNING, now)
        case InstanceEnrolled():
            cloud.rest.agent_key = base64.urlsafe_b64decode(event.public_key + "=")
            # The machine runs at the latest since its agent was heard.
            cloud.rest.running_at = cloud.rest.running_at or event.enrolled_at
            await saga.heed(session, cloud, Fact.AGENT_ENROLLED, now)
        case InstanceFailed():
            fact = Fact.MACHINE_REFUSED if event.code in FOR_GOOD else Fact.MACHINE_LOST
            await _lose(session, cloud, fact, Said(event.code, event.reason), now)
        case InstanceReturned(cause="owner"):
            if cloud.saga.ending is None:
                cloud.rest.used_until = event.returned_at
            said = _GIVEN_UP if cloud.saga.state in order.ASKING else _TAKEN_BACK
            await saga.heed(session, cloud, Fact.MACHINE_TAKEN_BACK, now, said)
        case InstanceReturned():
            await _lose(session, cloud, Fact.MACHINE_LOST, _LOST, now)


async def end_restores_of_backup(session: AsyncSession, owner_id: UUID, backup_id: UUID, now: datetime) -> None:
    """The backup's objects are gone: undo what still needs them."""
    for restore_id in await queries.open_cloud_restores_of_backup(session, owner_id, backup_id):
        cloud = await saga.lock(session, restore_id)
        assert cloud is not None
        await saga.heed(session, cloud, Fact.BACKUP_DELETED, now, BACKUP_DELETED)


async def _lose(session: AsyncSession, cloud: Cloud, fact: Fact, said: Said, now: datetime) -> None:
    is_as_it_should_be = cloud.saga.compute is Compute.UNWANTED and fact is not Fact.MACHINE_TAKEN_BACK
    await saga.heed(session, cloud, fact, now, None if is_as_it_should_be else said)


_TAKEN_BACK = Said("instance_returned", "Its owner returned the instance.")
_GIVEN_UP = Said(_TAKEN_BACK.code, f"{_TAKEN_BACK.reason} {words.USE_CHARGED}")
_LOST = Said("machine_lost", "The provider lost the machine.")
