"""What an operator is shown."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from restore.domain.axes import Compute, Payment
from restore.domain.order import State, Trigger


class ParkedRestore(BaseModel):
    """A restore to the cloud that waits for an operator, and what it waits for."""

    restore_id: UUID
    owner_id: UUID
    instance_id: UUID | None
    quote_id: UUID | None
    ending: Trigger | None = Field(description="Why it is undone; null when only its payment is waited for.")
    payment: Payment = Field(description="`void_asked`, `capture_asked` or `asked`: billing has not answered.")
    compute: Compute = Field(description="`unwanted`: provisioning has not said that the machine is gone.")
    code: str | None
    reason: str | None
    parked_at: datetime


class Redriven(BaseModel):
    restore_id: UUID
    state: State
