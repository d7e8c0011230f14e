"""One-time links, by which an owner, and nobody else, is let into the page that an instance shows itself."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from provisioning import errors
from provisioning.domain import links, words
from provisioning.domain.lifecycle import Status
from provisioning.models import Instance, InstanceLink
from provisioning.operations import agents, moves, returning
from provisioning.queries import instances
from provisioning.queries import links as queries


@dataclass(frozen=True)
class Link:
    """Where an owner goes to see their instance's page, and until when that works."""

    url: str
    expires_at: datetime


async def make(session: AsyncSession, owner_id: UUID, instance_id: UUID, now: datetime) -> Link:
    """A link that lets in whoever uses it first; only its digest is kept.

    Raises:
        InstanceNotFound: If the owner has no such instance.
        PageUnavailable: If it has no page of its own, or does not show it in its status.
    """
    instance = await instances.lock(session, instance_id, owner_id)
    if instance is None:
        raise returning.not_found()
    token = secrets.token_urlsafe(links.LINK_BYTES)
    url = _url(instance, token)
    expires_at = now + links.LASTS
    await queries.forget_beyond(session, instance_id, links.MOST_OPEN - 1)
    session.add(
        InstanceLink(digest=links.digest(token), instance_id=instance_id, created_at=now, expires_at=expires_at)
    )
    return Link(url, expires_at)


async def redeem(session: AsyncSession, instance_id: UUID, link: str, now: datetime) -> None:
    """Use a link up, for the agent that was shown it; the instance's log says so.

    Raises:
        InstanceOver: If the instance has ended.
        LinkOver: If the link was used, is too old, or never was one of this instance.
    """
    instance = await agents.lock_live(session, instance_id)
    if not await queries.take(session, instance_id, links.digest(link), now):
        raise errors.LinkOver("This link was used before, or its minute is over. Make another one.")
    moves.add_line(session, instance, "Its page was opened with a link of its owner.", now)


async def forget(session: AsyncSession, now: datetime) -> int:
    """Forget links that are over; how many."""
    return await queries.forget_expired(session, now)


def _url(instance: Instance, token: str) -> str:
    status = Status(instance.status)
    if status not in links.SHOWN_IN:
        raise errors.PageUnavailable(
            f"This instance is {words.NAMES[status]}. Its page can be opened while it is running or pending activation."
        )
    url = links.page_url(instance.address, token)
    if url is None:
        raise errors.PageUnavailable(
            "This instance has no page of its own for what was restored. Sign in at its address instead."
        )
    return url
