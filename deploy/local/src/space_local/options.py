"""What can be chosen about a system on one machine, and where it keeps itself."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from space_local.errors import LocalError

PROJECT = Path(__file__).resolve().parents[4]


@dataclass(frozen=True)
class Options:
    """``settings`` are further settings of services by their environment names, such as IDENTITY_REGISTRATION."""

    home: Path = PROJECT / ".space"
    host: str = "127.0.0.1"
    origin_port: int = 8480
    store_port: int = 8443
    fast: bool = False
    processes: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, *, processes: bool = False) -> Self:
        environment = os.environ
        return cls(
            home=Path(environment.get("SPACE_HOME") or PROJECT / ".space").absolute(),
            host=environment.get("SPACE_HOST") or "127.0.0.1",
            origin_port=_port(environment, "SPACE_ORIGIN_PORT", 8480),
            store_port=_port(environment, "SPACE_STORE_PORT", 8443),
            processes=processes,
            settings=dict(environment),
        )

    @property
    def loopback(self) -> bool:
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def bind(self) -> str:
        return "127.0.0.1" if self.loopback else "0.0.0.0"  # noqa: S104  (other machines are to reach it)

    @property
    def origin(self) -> str:
        """Plain HTTP never leaves the machine: with a host for others, the origin has TLS by the private CA."""
        return f"{'http' if self.loopback else 'https'}://{_in_url(self.host)}:{self.origin_port}"

    @property
    def store_endpoint(self) -> str:
        return f"https://{_in_url(self.host)}:{self.store_port}"


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    value = environment.get(name) or str(default)
    if not value.isdecimal() or not 0 < int(value) < 65536:
        raise LocalError(f"{name} is {value!r}, which is not a port.")
    return int(value)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
