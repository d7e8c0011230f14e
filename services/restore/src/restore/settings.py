"""What restore must be told."""

from pydantic import HttpUrl, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """Read once, where the process starts. Every field can be set as ``RESTORE_<FIELD>``."""

    model_config = SettingsConfigDict(env_prefix="RESTORE_")

    catalog_url: HttpUrl
    """Catalog's internal listener."""
    catalog_credential: SecretStr
    """What catalog knows the caller ``restore`` by."""
    catalog_deadline_seconds: PositiveFloat = 10.0
    """For a whole call, however slowly the answer trickles."""

    billing_url: HttpUrl
    """Billing's internal listener."""
    billing_credential: SecretStr
    """What billing knows the caller ``restore`` by."""
    provisioning_url: HttpUrl
    """Provisioning's internal listener."""
    provisioning_credential: SecretStr
    """What provisioning knows the caller ``restore`` by."""
    call_deadline_seconds: PositiveFloat = 10.0
    """For a whole call to billing or provisioning."""

    expected_start_seconds: PositiveFloat = 300.0
    """Until a machine is installed, for the estimate shown with a quote."""
    expected_bytes_per_second: PositiveFloat = 25e6
    """How fast files are restored and checked, for the same."""

    agent_poll_seconds: PositiveFloat = 2.0
    """How often an agent that waits for a password asks for it."""

    redeem_attempts_per_minute: PositiveInt = 30
    """From one client address; redeeming needs no sign-in."""
    streams_per_process: PositiveInt = 500
    streams_per_owner: PositiveInt = 10
    """Timelines that one owner may follow at once in one process."""
