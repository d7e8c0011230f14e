"""What catalog must be told."""

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, HttpUrl, PositiveFloat, PositiveInt, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """Read once, where the process starts. Every field can be set as ``CATALOG_<FIELD>``."""

    model_config = SettingsConfigDict(env_prefix="CATALOG_")

    storage_issuer: Literal["vault", "aws"] = "vault"
    """Who makes storage keys: our own vault, or a store that speaks STS."""

    key_lifetime: timedelta = timedelta(hours=12)
    keys_an_hour: PositiveInt = 240
    """So many are given to an owner's Olares devices, and as many natively; those of restores are not counted."""
    deletion_grace: timedelta = timedelta(hours=72)
    measure_every: timedelta = timedelta(hours=24)
    """How often a quiet repository is measured."""
    measure_writing_every: timedelta = timedelta(seconds=60)
    """How often a repository is measured while a write key for it lives."""
    discover_every: timedelta = timedelta(hours=6)
    removal_pause: timedelta = timedelta(seconds=15)
    """Between revoking a backup's keys and removing its objects; longer than the gate remembers a key."""

    billing_url: HttpUrl
    """Billing's internal listener."""
    billing_credential: SecretStr
    """What billing knows the caller ``catalog`` by."""
    billing_deadline_seconds: PositiveFloat = 2.0
    """For the whole question; whoever asked for a key waits as long."""

    vault_master_key: SecretStr = SecretStr("")
    """64 hexadecimal digits; the secrets of all vault keys are derived from it."""
    vault_endpoint: HttpUrl = HttpUrl("https://127.0.0.1:8443")
    """The store gate as clients reach it."""
    vault_internal_endpoint: HttpUrl = HttpUrl("http://127.0.0.1:8444")
    """rclone itself."""
    vault_ca_file: Path | None = None
    """Certificate of the private CA, handed to clients with their keys; None when the gate's is publicly trusted."""
    vault_backend: dict[str, str] = {"type": "local"}
    """An rclone backend's options; what rclone calls a remote."""
    vault_root: str = ""
    """Folder in that backend under which every owner has one."""
    vault_bucket: str = Field("vault", pattern=r"^[a-z0-9]+$")
    vault_folder: str = Field("p1", pattern=r"^[a-z0-9]+$")
    vault_inner_bucket: str = Field("backups", pattern=r"^[a-z0-9]+$")
    """Together the fixed start of every address: ``<bucket>/<folder>.amazonaws.com/<inner bucket>/<prefix>/…``."""

    aws_region: str = "us-east-1"
    aws_bucket: str = ""
    aws_role_arn: str = ""
    """The role whose session, narrowed to one owner's prefix, is given to clients."""
    aws_endpoint_url: HttpUrl | None = None
    """Another store that speaks S3 and STS; None for AWS itself."""
    aws_access_key_id: str | None = None
    aws_secret_access_key: SecretStr | None = None
    """Catalog's own identity; None to use the machine's."""

    @model_validator(mode="after")
    def _issuer_is_complete(self) -> "Settings":
        if self.storage_issuer == "vault":
            if len(self.vault_master_key.get_secret_value()) != 64 or not self.vault_root:
                raise ValueError("the vault needs CATALOG_VAULT_MASTER_KEY (64 hex digits) and CATALOG_VAULT_ROOT")
        elif not (self.aws_bucket and self.aws_role_arn):
            raise ValueError("the aws issuer needs CATALOG_AWS_BUCKET and CATALOG_AWS_ROLE_ARN")
        return self
