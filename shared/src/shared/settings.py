"""What every service must be told."""

from typing import Annotated

from pydantic import AmqpDsn, HttpUrl, PostgresDsn, SecretStr, StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict

Listen = Annotated[str, StringConstraints(pattern=r"^[^:]+:\d{1,5}$")]


class ServiceSettings(BaseSettings):
    """Read once, where the process starts. A service's subclass sets the prefix of its environment variables."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid")

    database_url: PostgresDsn
    broker_url: AmqpDsn
    origin: HttpUrl
    """The one public origin; also the issuer and the audience of access tokens."""
    jwks_url: HttpUrl
    api_listen: Listen = "127.0.0.1:8000"
    internal_listen: Listen = "127.0.0.1:9000"
    """Internal paths, health and metrics; never reachable through the edge."""
    internal_credentials: dict[str, SecretStr] = {}
    """Which internal callers there are, and the secret of each."""
    edge_addresses: str = "127.0.0.1"
    """Addresses or networks of the edge, separated by commas: only they are believed about a client's address."""
    log_level: str = "INFO"
    otlp_endpoint: HttpUrl | None = None
    """Where traces are sent (OTLP over HTTP); none when absent."""
    database_pool_size: int = 10

    @property
    def issuer(self) -> str:
        """The origin as it is written in tokens: no trailing slash."""
        return str(self.origin).rstrip("/")

    @property
    def async_database_url(self) -> str:
        return str(self.database_url).replace("postgresql://", "postgresql+asyncpg://", 1)


def address(listen: str) -> tuple[str, int]:
    """Host and port of a listen address."""
    host, _, port = listen.rpartition(":")
    return host, int(port)
