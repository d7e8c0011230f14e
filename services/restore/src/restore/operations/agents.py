"""What the agent of a restore's instance does here: it shows who it is, fetches keys to the store, and reports."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from restore import errors, queries
from restore.catalog_client import CatalogClient, RestoreKeys
from restore.domain import order
from restore.domain.facts import Fact
from restore.domain.order import READING, State
from restore.domain.reports import AgentState
from restore.models import Restore
from restore.operations import passwords, saga
from restore.operations.history import add_entry, announce_end
from restore.operations.progress import PROGRESS_EVERY, Progress, note
from restore.operations.saga import Cloud, Said
from shared import agent_token
from shared.db import Database

REASON_OF_NONE = "The agent gave no reason."


@dataclass(frozen=True)
class AgentReport:
    """How far an agent has come with the password of a round."""

    round: int
    state: AgentState
    progress: Progress
    code: str | None
    reason: str | None


async def verify(session: AsyncSession, restore_id: UUID, token: str, audience: str, now: datetime) -> UUID:
    """Make sure that the agent of this restore's instance asks; the instance's id.

    Raises:
        AgentUnknown: If it is not; the same whether the restore exists or not, and while its enrolment is not known.
    """
    found = await queries.find_agent(session, restore_id)
    if found is None:
        raise agent_unknown(now)
    instance_id, key = found
    try:
        agent_token.verify(token, key, instance_id=instance_id, audience=audience, now=now)
    except agent_token.TokenRefused as error:
        raise agent_unknown(now) from error
    return instance_id


def agent_unknown(now: datetime) -> errors.AgentUnknown:
    return errors.AgentUnknown(
        "This is not signed by the agent of this restore's instance, or not just now. Sign it anew, with the time of "
        "`server_time`.",
        server_time=now.isoformat().replace("+00:00", "Z"),
    )


async def issue_keys(
    database: Database, catalog: CatalogClient, restore_id: UUID, instance_id: UUID, now: datetime
) -> tuple[Restore, RestoreKeys]:
    """Keys that read the backup's repository, for the agent.

    Raises:
        RestoreEnded: If the restore is over or being undone.
        PasswordNotExpected: If it has not come so far, or needs no keys any more.
        ServiceError: What catalog refuses, with its code.
        ServiceUnavailable: If catalog does not answer in time; the agent asks again.
    """
    async with database.transaction() as session:
        cloud = await saga.lock_live(session, restore_id, instance_id)
        if cloud.saga.state not in READING:
            raise errors.PasswordNotExpected("Keys are given out when there is a password to open the backup with.")
        restore = cloud.restore
    keys = await catalog.issue_keys(restore.owner_id, restore.id, restore.snapshot_id)
    async with database.transaction() as session:
        current = await saga.lock(session, restore_id)
        assert current is not None
        if current.saga.state in order.TERMINAL:
            # It ended while catalog was making the keys: say so once more, so that these end as well.
            announce_end(session, current.restore, now)
        else:
            add_entry(session, current.restore, "keys_issued", now)
    saga.require_live(current, instance_id)
    return restore, keys


async def record_report(
    session: AsyncSession, restore_id: UUID, instance_id: UUID, report: AgentReport, now: datetime
) -> None:
    """Act on what the agent says; a late or repeated report changes nothing.

    Raises:
        RestoreEnded: If the restore is over or being undone, so that the agent stops.
    """
    cloud = await saga.lock_live(session, restore_id, instance_id)
    if cloud.saga.state in saga.DONE:
        return
    cloud.restore.heard_at = now
    if report.round != cloud.rest.round:
        # What an agent said before it was restarted is not so any more.
        return
    match report.state:
        case AgentState.PASSWORD_WRONG:
            await passwords.judge(session, cloud, is_right=False, now=now)
            return
        case AgentState.FAILED:
            said = Said(report.code or "restore_failed", report.reason or REASON_OF_NONE)
            await saga.heed(session, cloud, Fact.DATA_FAILED, now, said)
            return
    await passwords.judge(session, cloud, is_right=True, now=now)
    if report.state is AgentState.VALIDATING:
        await saga.heed(session, cloud, Fact.DATA_VALIDATING, now)
    await _note(session, cloud, report, now)
    if report.state is AgentState.USABLE:
        await saga.heed(session, cloud, Fact.DATA_USABLE, now)


async def _note(session: AsyncSession, cloud: Cloud, report: AgentReport, now: datetime) -> None:
    """Keep how far it has come; the time that runs is since the agent was last heard."""
    restore, state = cloud.restore, cloud.saga.state
    if state not in (State.RESTORING, State.VALIDATING):
        return
    restore.due_at = order.due_at(state, now)
    if note(restore, report.progress) and now - restore.updated_at >= PROGRESS_EVERY:
        restore.updated_at = now
        await queries.forget_last_progress(session, restore.id, restore.last_number)
        add_entry(session, restore, "progress", now)
