"""What an agent is told by whoever made its machine: one JSON file, checked as a whole before anything is done."""

import json
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from uuid import UUID

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, ValidationError

from agent.errors import UsageError


def _origin(text: str) -> str:
    parts = urlsplit(text.rstrip("/"))
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query or parts.fragment:
        raise ValueError("not an address like https://space.example")
    return text.rstrip("/")


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 2**16:
        raise ValueError("not an address like 127.0.0.1:18123")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _listen(text: str) -> str:
    _address(text)
    return text


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError("not an absolute path")
    return path


def _certificate(pem: str) -> str:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError) as error:
        raise ValueError("not a certificate in PEM") from error
    return pem


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]


class RestoreTarget(BaseModel):
    """Where a restore goes on this machine, and whose its files are then."""

    model_config = ConfigDict(frozen=True)

    path: AbsolutePath
    uid: int = Field(ge=0)
    gid: int = Field(ge=0)


class InstanceConfig(BaseModel):
    """Unknown fields are let through: a machine may have an older agent than the service that made it."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    origin: Annotated[str, AfterValidator(_origin)]
    instance_id: UUID
    enrolment_secret: SecretStr = Field(min_length=1)
    instance_name: str = Field(min_length=1)
    restore_id: UUID | None
    ca_certificate: Annotated[str, AfterValidator(_certificate)] | None = None
    folder: AbsolutePath
    listen: Annotated[str, AfterValidator(_listen)] | None = None
    traffic: Literal["own", "interfaces"]
    disk: AbsolutePath | None = None
    disk_by: Literal["folder", "filesystem"] = "folder"
    restore_target: RestoreTarget | None = None
    restic_seconds: float = Field(900.0, ge=0)
    activation: Annotated[list[str], Field(min_length=1)] | None = None

    def listen_address(self) -> tuple[str, int] | None:
        return None if self.listen is None else _address(self.listen)

    def trust(self) -> ssl.SSLContext:
        """Public authorities, and the installation's own beside them."""
        context = httpx.create_ssl_context()
        if self.ca_certificate is not None:
            context.load_verify_locations(cadata=self.ca_certificate)
        return context


def load(path: Path) -> InstanceConfig:
    """The file's content; the file has a secret, so others' access to it is taken away.

    Raises:
        UsageError: `config_unreadable` or `config_invalid`, with all that is wrong and none of the values.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError("config_unreadable", f"{path} cannot be read: {error.strerror}.") from error
    with suppress(OSError):
        path.chmod(0o600)
    try:
        return InstanceConfig.model_validate(json.loads(content))
    except ValidationError as error:
        faults = [_fault(item["loc"], item["msg"]) for item in error.errors(include_input=False, include_url=False)]
    except (ValueError, RecursionError):
        faults = ["it is not JSON"]
    raise UsageError(
        "config_invalid",
        f"{path} is not a configuration of an agent: {'; '.join(faults)}.",
        hint="Whoever made this machine writes it; services/agent/README.md says what belongs in it.",
    )


def _fault(location: tuple[int | str, ...], message: str) -> str:
    words = message.removeprefix("Value error, ")
    return f"{'.'.join(map(str, location))}: {words}" if location else words
