"""What instances' agents ask: to be known, to be heard, and to have their logs kept."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from provisioning.operations import agents, logs
from provisioning.operations.agents import Enrolment, Heartbeat
from provisioning.operations.logs import Line
from provisioning.schemas.agents import (
    Enrolled,
    EnrolmentRequest,
    HeartbeatRequest,
    HeartbeatTaken,
    LogRequest,
    LogTaken,
)
from provisioning.settings import Settings
from shared.db import Tx
from shared.http import RuntimeOf

router = APIRouter(prefix="/api/v1/instances/{instance_id}", tags=["agents"])

_bearer = HTTPBearer(
    auto_error=False, scheme_name="agent", bearerFormat="agent+jwt", description="A JWT that the agent signs itself."
)


async def _settings(runtime: RuntimeOf) -> Settings:
    found: Settings = runtime.settings
    return found


SettingsOf = Annotated[Settings, Depends(_settings)]


async def _agent(
    instance_id: UUID,
    tx: Tx,
    settings: SettingsOf,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> UUID:
    """The id of the instance whose agent asks, for certain."""
    now = datetime.now(UTC)
    if credentials is None:
        raise agents.agent_unknown(now)
    await agents.verify(tx, instance_id, credentials.credentials, settings.issuer, now)
    return instance_id


Agent = Annotated[UUID, Depends(_agent)]


@router.post("/enrolment", response_model=Enrolled)
async def enrol_agent(instance_id: UUID, body: EnrolmentRequest, tx: Tx, settings: SettingsOf) -> dict[str, Any]:
    """Bind an instance to the key of its agent.

    For whoever has the secret that the machine was given. It serves once: the same key may come again, any other is
    answered 410 `enrolment_spent`. 410 `enrolment_expired` and `instance_over` mean: give up for good.
    """
    now = datetime.now(UTC)
    given = Enrolment(body.secret.get_secret_value(), body.key, body.agent_version)
    instance = await agents.enrol(tx, instance_id, given, settings.enrolment_key.get_secret_value(), now)
    return {
        "instance_id": instance.id,
        "instance_name": instance.name,
        "restore_id": instance.restore_id,
        "server_time": now,
        "heartbeat_seconds": settings.heartbeat_seconds,
    }


@router.post("/heartbeats", response_model=HeartbeatTaken)
async def record_heartbeat(agent: Agent, body: HeartbeatRequest, tx: Tx, settings: SettingsOf) -> dict[str, Any]:
    """Say how an instance is, and hear what is to be done.

    For its agent, with a token that it signs. A heartbeat whose number is not above the newest changes nothing. 422
    `heartbeat_from_future` and 401 `agent_unknown` have the `server_time` to go by. 410 means: stop for good.
    """
    now = datetime.now(UTC)
    orders = await agents.record_heartbeat(tx, agent, Heartbeat(**body.model_dump()), settings.usage_every, now)
    return {
        "server_time": now,
        "heartbeat_seconds": settings.heartbeat_seconds,
        "orders": [{"order_id": order.id, "kind": order.kind} for order in orders],
    }


@router.post("/log", response_model=LogTaken)
async def add_log_lines(agent: Agent, body: LogRequest, tx: Tx) -> dict[str, Any]:
    """Add lines to an instance's log; lines that are known are passed over.

    For its agent, with a token that it signs. What would steer a terminal is taken out of the lines. 410 means: stop
    for good.
    """
    return {"next_number": await logs.add_lines(tx, agent, [Line(**line.model_dump()) for line in body.lines])}
