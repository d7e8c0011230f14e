"""What identity tells the others."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from pydantic import Field

from shared.events.base import Event


class OwnerRegistered(Event):
    """An owner exists from now on and may sign in."""

    name: ClassVar[str] = "identity.owner.registered.v1"
    consumers: ClassVar[tuple[str, ...]] = ("catalog", "billing")

    owner_id: UUID
    did: str
    olares_name: str
    registered_at: datetime


class SessionEnded(Event):
    """A session of Olares devices was ended before its time: its tokens are good for nothing more.

    Other sessions are not told of: their tokens end within minutes by themselves.
    """

    name: ClassVar[str] = "identity.session.ended.v1"
    consumers: ClassVar[tuple[str, ...]] = ("catalog", "billing")

    owner_id: UUID
    session_id: UUID
    ended_at: datetime
    tokens_end_at: datetime = Field(description="When the last of its tokens would have ended by itself.")
