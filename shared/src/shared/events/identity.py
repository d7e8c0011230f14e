"""What identity tells the others."""

from datetime import datetime
from typing import ClassVar
from uuid import UUID

from shared.events.base import Event


class OwnerRegistered(Event):
    """An owner exists from now on and may sign in."""

    name: ClassVar[str] = "identity.owner.registered.v1"
    consumers: ClassVar[tuple[str, ...]] = ("catalog", "billing")

    owner_id: UUID
    did: str
    olares_name: str
    registered_at: datetime
