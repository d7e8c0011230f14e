"""What every event is: a fact with a versioned name, and the envelope it travels in."""

from datetime import datetime
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

REGISTRY: dict[str, type["Event"]] = {}
"""Every event class by its versioned name; filled as the contract modules are imported."""


class Event(BaseModel):
    """A fact that became true in one service, in the words of its publisher.

    A subclass sets ``name`` (``<publisher>.<thing>.<past participle>.v<N>``) and the services that read it.
    A change may add optional fields; anything else is a new class with a new version in its name.
    """

    model_config = ConfigDict(frozen=True)

    name: ClassVar[str]
    consumers: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        # A class without a name is what several events have in common, not one itself.
        if "name" in cls.__dict__ and REGISTRY.setdefault(cls.name, cls) is not cls:
            raise TypeError(f"two events are named {cls.name}")

    @classmethod
    def publisher(cls) -> str:
        """The service whose module this event belongs to."""
        return cls.name.split(".", 1)[0]


class Envelope(BaseModel):
    """CloudEvents 1.0 attributes (JSON format) with the distributed tracing extension."""

    specversion: Literal["1.0"] = "1.0"
    id: UUID
    source: str
    type: str
    time: datetime
    datacontenttype: Literal["application/json"] = "application/json"
    traceparent: str | None = None
    data: dict[str, Any]
