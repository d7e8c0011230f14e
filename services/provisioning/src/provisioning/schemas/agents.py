"""What agents say and are told."""

import base64
from datetime import UTC, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, SecretStr

from provisioning.domain.counters import LARGEST
from provisioning.domain.lifecycle import Status
from provisioning.domain.log_text import visible

MAX_NUMBER = 2**62
MAX_LINES = 500
MAX_LINE = 4000
MAX_DONE_ORDERS = 100

INSTANCE_ID = "6a1f3a0e-2f0b-4c55-9f0e-6f2a7f4f2b11"
ORDER_ID = "b0c9f0d2-9a4e-4b8e-8f43-0d5a1f1f7c22"
PUBLIC_KEY = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"


def _utc(instant: datetime) -> datetime:
    # Clocks that were never set begin in 1970; at the far ends of time the database has infinities instead.
    if not 1970 <= instant.year <= 9000:
        raise ValueError("not between the years 1970 and 9000")
    return instant.astimezone(UTC)


Number = Annotated[int, Field(ge=1, le=MAX_NUMBER, strict=True)]
Count = Annotated[int, Field(ge=0, le=LARGEST, strict=True)]
Instant = Annotated[AwareDatetime, AfterValidator(_utc)]
Version = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(visible)]


class Said(BaseModel):
    """What an agent sends; a field we do not know is refused, because it would silently do nothing."""

    model_config = ConfigDict(extra="forbid")


class EnrolmentRequest(Said):
    """The secret that the machine was given, and the public half of the key pair that its agent has made."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"secret": "…", "public_key": PUBLIC_KEY, "agent_version": "0.1.0"}]}
    )

    secret: SecretStr = Field(min_length=1, max_length=200)
    public_key: str = Field(
        pattern=r"^[A-Za-z0-9_-]{43}$", description="Ed25519, 32 bytes in base64url without padding."
    )
    agent_version: Version

    @property
    def key(self) -> bytes:
        return base64.urlsafe_b64decode(self.public_key + "=")


class Enrolled(BaseModel):
    """The agent's key is known from now on."""

    instance_id: UUID = Field(examples=[INSTANCE_ID])
    instance_name: str = Field(examples=["alice@olares.com"])
    restore_id: UUID | None = Field(description="The restore that the instance was wanted for; null for none.")
    server_time: datetime
    heartbeat_seconds: float = Field(description="How often to report.", examples=[10.0])


class HeartbeatRequest(Said):
    """How an instance is, as its agent says."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "number": 4711,
                    "sent_at": "2026-07-01T12:00:00Z",
                    "phase": "running",
                    "agent_version": "0.1.0",
                    "olares_version": "1.12.0",
                    "traffic_bytes": 734003200,
                    "disk_bytes": 2512555868,
                    "done_orders": [],
                }
            ]
        }
    )

    number: Number = Field(description="Rises by 1 from 1, for ever: also over restarts of the agent.")
    sent_at: Instant
    phase: Literal[Status.INSTALLING, Status.RESTORING, Status.RESTORE_ERROR, Status.PENDING_ACTIVATION, Status.RUNNING]
    agent_version: Version
    olares_version: Version | None = None
    traffic_bytes: Count = Field(description="Sent and received since the counter began; it may begin again at 0.")
    disk_bytes: Count = Field(description="In use now: a level, not a change.")
    done_orders: list[UUID] = Field(default=[], max_length=MAX_DONE_ORDERS, description="Orders that are carried out.")


class AgentOrderRead(BaseModel):
    """Something to do; it is told again until a heartbeat says that it is done."""

    order_id: UUID = Field(examples=[ORDER_ID])
    kind: Literal["finish"] = Field(description="`finish`: send one more heartbeat, with the last counters, and stop.")


class HeartbeatTaken(BaseModel):
    """What the agent should know and do."""

    server_time: datetime
    heartbeat_seconds: float = Field(examples=[10.0])
    orders: list[AgentOrderRead]


class LogLineSaid(Said):
    """A line of the agent's log."""

    number: Number = Field(description="Rises, for ever: also over restarts of the agent.")
    logged_at: Instant
    line: Annotated[str, Field(max_length=MAX_LINE), AfterValidator(visible)]


class LogRequest(Said):
    """Lines of the agent's log, oldest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"lines": [{"number": 1, "logged_at": "2026-07-01T12:00:00Z", "line": "installing"}]}]
        }
    )

    lines: list[LogLineSaid] = Field(max_length=MAX_LINES)


class LogTaken(BaseModel):
    """How far the log is known."""

    next_number: int = Field(description="Of the line that should come next; those before need not be sent again.")
