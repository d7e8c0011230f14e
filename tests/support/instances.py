"""Instances put straight into provisioning's database, in any status, with an agent that is known or not."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr
from sqlalchemy import select, update

from provisioning.domain.enrolment import enrolment_secret
from provisioning.domain.lifecycle import TERMINAL, Status
from provisioning.models import AgentOrder, Instance
from provisioning.operations import moves
from shared.messaging import OutboxMessage
from tests.support.agent_double import AgentDouble
from tests.support.running import Running

UNASKED = frozenset({Status.UNPAID})
"""No machine was asked for yet, so nobody has the secret."""


async def put_instance(running: Running, status: Status, owner_id: UUID | None = None, **values: Any) -> UUID:
    """An instance that came into its status five minutes ago, and whose machine runs where it has one."""
    then = datetime.now(UTC) - timedelta(minutes=5)
    instance = Instance(
        id=uuid4(),
        owner_id=owner_id or uuid4(),
        name=f"{uuid4().hex[:12]}@olares.com",
        provider="local",
        region="local",
        plan="small",
        status=status,
        last_line=0,
        created_at=then,
        updated_at=then,
        started_at=then,
        acted_at=then,
        ended_at=then if status in TERMINAL else None,
        enrolment_expires_at=None if status in UNASKED else then + timedelta(minutes=45),
    )
    for name, value in values.items():
        setattr(instance, name, value)
    async with running.runtime.database.transaction() as session:
        session.add(instance)
        await session.flush()
        moves.begin(session, instance, then)
    return instance.id


async def put_agent(running: Running, status: Status, owner_id: UUID | None = None, **values: Any) -> AgentDouble:
    """The agent of such an instance, which has enrolled."""
    key = Ed25519PrivateKey.generate()
    enrolled = {"public_key": key.public_key().public_bytes_raw(), **values}
    instance_id = await put_instance(running, status, owner_id, **enrolled)
    return AgentDouble(running.api, instance_id, secret_of(running, instance_id), private_key=key)


async def put_new_agent(running: Running, status: Status, owner_id: UUID | None = None, **values: Any) -> AgentDouble:
    """The agent of such an instance, which nobody knows yet."""
    instance_id = await put_instance(running, status, owner_id, **values)
    return AgentDouble(running.api, instance_id, secret_of(running, instance_id))


async def put_order(running: Running, instance_id: UUID) -> UUID:
    order = AgentOrder(id=uuid4(), instance_id=instance_id, kind="finish", created_at=datetime.now(UTC))
    async with running.runtime.database.transaction() as session:
        session.add(order)
    return order.id


def secret_of(running: Running, instance_id: UUID) -> str:
    key: SecretStr = running.runtime.settings.enrolment_key
    return enrolment_secret(key.get_secret_value(), instance_id)


async def row_of(running: Running, instance_id: UUID) -> Instance:
    async with running.runtime.database.reading() as session:
        return (await session.scalars(select(Instance).where(Instance.id == instance_id))).one()


async def change(running: Running, instance_id: UUID, **values: Any) -> None:
    async with running.runtime.database.transaction() as session:
        await session.execute(update(Instance).where(Instance.id == instance_id).values(**values))


async def told(running: Running, event_name: str) -> list[dict[str, Any]]:
    """The payloads of the events of that name that are on their way out, in order."""
    found = select(OutboxMessage.envelope).where(OutboxMessage.event_name == event_name).order_by(OutboxMessage.id)
    async with running.runtime.database.reading() as session:
        return [json.loads(envelope)["data"] for envelope in await session.scalars(found)]
