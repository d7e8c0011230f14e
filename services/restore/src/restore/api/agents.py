"""What the agents of restores' instances ask: to be sent a password, for keys to the store, and to be heard."""

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from restore.api.callers import NO_STORE, RestoreRuntimeOf
from restore.encoding import encode
from restore.operations import agents, passwords
from restore.operations.agents import AgentReport
from restore.operations.progress import Progress
from restore.schemas.agents import AgentKeys, AgentReportRequest, RoundAnswer, RoundRead, RoundRequest
from shared.db import ReadTx, Transactions, Tx

router = APIRouter(prefix="/api/v1/restores/{restore_id}/agent", tags=["agents"])

_bearer = HTTPBearer(
    auto_error=False, scheme_name="agent", bearerFormat="agent+jwt", description="A JWT that the agent signs itself."
)


async def _agent(
    restore_id: UUID,
    database: Transactions,
    runtime: RestoreRuntimeOf,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> UUID:
    """The id of the instance whose agent asks, for certain."""
    now = datetime.now(UTC)
    if credentials is None:
        raise agents.agent_unknown(now)
    async with database.reading() as session:
        return await agents.verify(session, restore_id, credentials.credentials, runtime.settings.issuer, now)


Agent = Annotated[UUID, Depends(_agent)]


@router.post("/rounds", response_model=RoundRead)
async def offer_key(
    restore_id: UUID, agent: Agent, body: RoundRequest, tx: Tx, runtime: RestoreRuntimeOf
) -> dict[str, Any]:
    """Offer a key that the backup password may be sealed for; the same key again is the same round.

    For the agent of the restore's instance, with a token that it signs. Another key while it restores means that it was
    restarted and has the password no more. 410 `restore_ended`: stop for good.
    """
    now = datetime.now(UTC)
    number = await passwords.offer_key(tx, restore_id, agent, body.key, now)
    return {"round": number, "poll_seconds": runtime.settings.agent_poll_seconds, "server_time": now}


@router.get("/rounds/{number}", response_model=RoundAnswer)
async def read_round(
    restore_id: UUID,
    number: Annotated[int, Path(ge=1, le=2**31)],
    agent: Agent,
    tx: ReadTx,
    response: Response,
    runtime: RestoreRuntimeOf,
) -> dict[str, Any]:
    """The password that was sealed for the key of a round, once its owner has sent it.

    For the agent of the restore's instance, with a token that it signs. 410 `restore_ended`: stop for good.
    """
    found = await passwords.find_round(tx, restore_id, agent, number)
    response.headers.update(NO_STORE)
    return {
        "is_current": found.is_current,
        "sealed": None if found.sealed_password is None else encode(found.sealed_password),
        "poll_seconds": runtime.settings.agent_poll_seconds,
        "server_time": datetime.now(UTC),
    }


@router.post("/keys", response_model=AgentKeys)
async def issue_keys(
    restore_id: UUID, agent: Agent, database: Transactions, response: Response, runtime: RestoreRuntimeOf
) -> dict[str, Any]:
    """Keys that read the backup's repository, and its key files to check the password with.

    For the agent of the restore's instance, with a token that it signs, from when a password may come until all is
    restored. 410 `restore_ended`: stop for good. They end with the restore, and not before.
    """
    now = datetime.now(UTC)
    restore, keys = await agents.issue_keys(database, runtime.adapters.catalog, restore_id, agent, now)
    response.headers.update(NO_STORE)
    return {
        "restore_id": restore.id,
        "backup_name": restore.backup_name,
        "snapshot": {
            "snapshot_id": restore.snapshot_id,
            "restic_id": restore.restic_id,
            "taken_at": restore.snapshot_taken_at,
            "size_processed_bytes": restore.size_processed_bytes,
            "path": restore.path,
        },
        **keys.model_dump(),
    }


@router.post("/reports", status_code=204)
async def record_report(restore_id: UUID, agent: Agent, body: AgentReportRequest, tx: Tx) -> None:
    """Say whether the password was right, how far the restore has come, or what came of it.

    For the agent of the restore's instance, with a token that it signs. Repeating a report or sending it late does no
    harm. 410 `restore_ended`: stop for good.
    """
    report = AgentReport(
        round=body.round,
        state=body.state,
        progress=Progress(body.bytes_restored, body.files_restored, body.total_bytes, body.warnings),
        code=body.code,
        reason=body.reason,
    )
    await agents.record_report(tx, restore_id, agent, report, datetime.now(UTC))
