"""The backup password on its way from its owner to the agent: sealed by the one, opened by the other, not read here."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from restore import errors, queries
from restore.domain import passwords, words
from restore.domain.facts import Fact
from restore.domain.order import READING, State
from restore.domain.passwords import Asked
from restore.models import CloudRestore
from restore.operations import saga
from restore.operations.history import add_entry
from restore.operations.saga import Cloud, Said

LOST = frozenset({State.VERIFYING_PASSWORD, State.RESTORING, State.VALIDATING})
"""Whose agent had a password, or was about to get one."""

MANY_ROUNDS = 100
"""More than there are wrong passwords and restarts; each is kept in the timeline, and an agent could offer for ever."""
NOW_AND_THEN = timedelta(minutes=1)


@dataclass(frozen=True)
class Round:
    """What became of a key that the agent offered."""

    is_current: bool
    sealed_password: bytes | None


async def offer_key(
    session: AsyncSession, restore_id: UUID, instance_id: UUID, public_key: bytes, now: datetime
) -> int:
    """The agent has a new key that a password can be sealed for; the same key again changes nothing.

    Returns:
        The number of the key's round, from 1.

    Raises:
        RestoreEnded: If the restore is over or being undone, so that the agent stops.
        PasswordNotExpected: If everything is restored already.
        TooSoon: If it is one of very many, and not a minute after the one before.
    """
    cloud = await saga.lock_live(session, restore_id, instance_id)
    if cloud.rest.round_key == public_key:
        return cloud.rest.round
    state = cloud.saga.state
    if state not in READING | {State.PROVISIONING, State.INSTALLING}:
        raise errors.PasswordNotExpected("Everything was restored: no password is needed any more.")
    rest = cloud.rest
    if rest.round >= MANY_ROUNDS and now - cloud.restore.updated_at < NOW_AND_THEN:
        raise errors.TooSoon(
            "This agent has offered very many keys. Offer the next one a little later.",
            retry_after_seconds=ceil(NOW_AND_THEN.total_seconds()),
        )
    if state in LOST:
        rest.asked_because = Asked.AGENT_RESTARTED
    elif state is not State.AWAITING_PASSWORD:
        rest.asked_because = Asked.FIRST
    rest.round += 1
    rest.round_key, rest.sealed_password = public_key, None
    cloud.restore.heard_at = now
    await _heed_password(session, cloud, Fact.KEY_OFFERED, now)
    return rest.round


async def send_password(
    session: AsyncSession, owner_id: UUID, restore_id: UUID, number: int, sealed: bytes, now: datetime
) -> None:
    """Keep a sealed password for the agent to fetch.

    Raises:
        RestoreNotFound: If the owner has no such restore to the cloud.
        PasswordNotExpected: If the restore does not wait for one.
        AgentNotReady: If the agent has no key yet.
        RoundOver: If it was sealed for a key that the agent does not have any more.
        TooSoon: If it comes too soon after a wrong one.
    """
    cloud = await saga.lock(session, restore_id, owner_id)
    if cloud is None:
        raise errors.RestoreNotFound("You have no such restore.")
    rest, state = cloud.rest, cloud.saga.state
    if state is not State.AWAITING_PASSWORD:
        raise errors.PasswordNotExpected(
            f"This restore is {words.NAMES[state]}: it does not wait for a password now.", state=state
        )
    if rest.round_key is None:
        raise errors.AgentNotReady(
            "The machine is not ready for the password yet. Seal it again when it shows its next key.",
            retry_after_seconds=2,
        )
    if number != rest.round:
        raise errors.RoundOver("The machine has another key by now. Seal the password for that one.", round=rest.round)
    if rest.password_not_before is not None and now < rest.password_not_before:
        seconds = ceil((rest.password_not_before - now).total_seconds())
        raise errors.TooSoon(
            f"After a wrong password the next is taken in {seconds} seconds.", retry_after_seconds=seconds
        )
    rest.sealed_password = sealed
    await saga.heed(session, cloud, Fact.PASSWORD_SEALED, now)


async def find_round(session: AsyncSession, restore_id: UUID, instance_id: UUID, number: int) -> Round:
    """What a round has for its agent, who is known for certain.

    Raises:
        RestoreEnded: If the restore is over or being undone, so that the agent stops.
    """
    found = await queries.find_cloud(session, restore_id)
    # Its agent's key was found.
    assert found is not None
    cloud = Cloud(*found)
    saga.require_live(cloud, instance_id)
    is_current = number == cloud.rest.round and cloud.rest.round_key is not None
    waiting = is_current and cloud.saga.state is State.VERIFYING_PASSWORD
    return Round(is_current, cloud.rest.sealed_password if waiting else None)


async def judge(session: AsyncSession, cloud: Cloud, *, is_right: bool, now: datetime) -> None:
    """The agent's verdict on the password of the newest round."""
    rest, state = cloud.rest, cloud.saga.state
    if is_right:
        if state in (State.VERIFYING_PASSWORD, State.AWAITING_PASSWORD):
            _forget(rest)
            rest.password_not_before = None
            await saga.heed(session, cloud, Fact.PASSWORD_RIGHT, now)
    elif state is State.VERIFYING_PASSWORD:
        await _refuse(session, cloud, now)


async def lose_verdict(session: AsyncSession, cloud: Cloud, now: datetime) -> None:
    """The agent took too long: it is asked again, and no attempt is counted."""
    _forget(cloud.rest)
    cloud.rest.asked_because = Asked.AGENT_SILENT
    await _heed_password(session, cloud, Fact.TIME_OVER, now)


async def _refuse(session: AsyncSession, cloud: Cloud, now: datetime) -> None:
    rest = cloud.rest
    _forget(rest)
    rest.wrong_passwords += 1
    rest.asked_because = Asked.WRONG
    rest.password_not_before = now + passwords.delay(rest.wrong_passwords)
    if passwords.attempts_left(rest.wrong_passwords):
        await _heed_password(session, cloud, Fact.PASSWORD_WRONG, now)
    else:
        said = Said("too_many_wrong_passwords", f"{rest.wrong_passwords} passwords were wrong. {words.USE_CHARGED}")
        await saga.heed(session, cloud, Fact.PASSWORDS_OVER, now, said)


async def _heed_password(session: AsyncSession, cloud: Cloud, fact: Fact, now: datetime) -> None:
    await saga.heed(session, cloud, fact, now)
    if cloud.saga.state is State.AWAITING_PASSWORD:
        add_entry(session, cloud.restore, "password", now, code=cloud.rest.asked_because)


def _forget(rest: CloudRestore) -> None:
    rest.sealed_password = rest.round_key = None
