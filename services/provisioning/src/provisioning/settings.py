"""What provisioning must be told."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, HttpUrl, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings

PACKAGED_OFFERS = Path(__file__).parent / "offers" / "default.yaml"


def _32_bytes(secret: SecretStr) -> SecretStr:
    try:
        is_key = len(bytes.fromhex(secret.get_secret_value())) == 32
    except ValueError:
        is_key = False
    if not is_key:
        raise ValueError("32 bytes in hexadecimal are needed: 64 digits")
    return secret


class Settings(ServiceSettings):
    """Read once, where the process starts. Every field can be set as ``PROVISIONING_<FIELD>``."""

    model_config = SettingsConfigDict(env_prefix="PROVISIONING_")

    offers: Path = PACKAGED_OFFERS
    """Providers, regions and plans, and which driver makes their machines."""
    installation: UUID
    """Names this installation in the tags of its machines; it must never change, and no other may have it."""
    enrolment_key: Annotated[SecretStr, AfterValidator(_32_bytes)]
    """Master key of the one-time secrets that agents enrol with: 32 bytes in hexadecimal."""
    ca_file: Path | None = None
    """What agents are to trust when they call the origin, where it is not a public authority (PEM)."""
    driver_deadline_seconds: PositiveFloat = 60.0
    """For a whole call to a driver; after that its outcome is unknown and is looked for."""
    heartbeat_seconds: PositiveFloat = 10.0
    """How often agents are told to report."""
    usage_every: timedelta = timedelta(minutes=5)
    """How often an instance's counters are told to billing, at most; always when it ends."""
    orphan_grace: timedelta = timedelta(hours=24)
    """How long a machine of ours that no instance is known for is kept, for an operator to look at."""

    local_root: Path | None = None
    """Where the driver `local` keeps its machines; needed when it is offered."""
    local_command: list[str] = ["space", "agent", "run"]
    """What a local machine runs, followed by ``--config FILE``."""
    local_capacity: PositiveInt = 8
    """Local machines that may exist at once."""
    aws_access_key_id: SecretStr | None = None
    aws_secret_access_key: SecretStr | None = None
    aws_endpoint_url: HttpUrl | None = None
    """Another EC2 endpoint than Amazon's."""

    streams_per_process: PositiveInt = 500
    streams_per_owner: PositiveInt = 10
    """Logs that one owner may follow at once in one process."""
