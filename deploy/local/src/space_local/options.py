"""What can be chosen about a system on one machine, and where it keeps itself."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pydantic import HttpUrl, TypeAdapter, ValidationError

from space_local.errors import LocalError

PROJECT = Path(__file__).resolve().parents[4]


@dataclass(frozen=True)
class Options:
    """What the environment says, or the usual.

    ``public_origin`` is where others find the origin, when that is not where it listens. ``trusted_proxies`` are the
    addresses and networks whose word about a client's address is taken, separated by spaces. ``settings`` are further
    settings of services by their environment names, such as IDENTITY_REGISTRATION.
    """

    home: Path = PROJECT / ".space"
    host: str = "127.0.0.1"
    origin_port: int = 8480
    store_port: int = 8443
    public_origin: str | None = None
    trusted_proxies: str = ""
    fast: bool = False
    processes: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_environment(cls, *, processes: bool = False) -> Self:
        """
        Raises:
            LocalError: When something in it cannot be.
        """
        environment = os.environ
        host = environment.get("SPACE_HOST") or "127.0.0.1"
        return cls(
            home=Path(environment.get("SPACE_HOME") or PROJECT / ".space").absolute(),
            host=host,
            origin_port=_port(environment, "SPACE_ORIGIN_PORT", 8480),
            store_port=_port(environment, "SPACE_STORE_PORT", 8443),
            public_origin=_origin(environment, host),
            trusted_proxies=_networks(environment, "SPACE_TRUSTED_PROXIES"),
            processes=processes,
            settings=dict(environment),
        )

    @property
    def loopback(self) -> bool:
        return _is_loopback(self.host)

    @property
    def bind(self) -> str:
        return "127.0.0.1" if self.loopback else "0.0.0.0"  # noqa: S104  (other machines are to reach it)

    @property
    def scheme(self) -> str:
        """Plain HTTP never leaves the machine: with a host for others, the origin has TLS by the private CA."""
        return "http" if self.loopback else "https"

    @property
    def listening(self) -> str:
        """The origin by the address that it listens at."""
        return f"{self.scheme}://{_in_url(self.host)}:{self.origin_port}"

    @property
    def origin(self) -> str:
        """The one that everybody is told, and that tokens are for."""
        return self.public_origin or self.listening

    @property
    def store_endpoint(self) -> str:
        return f"https://{_in_url(self.host)}:{self.store_port}"


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    value = environment.get(name) or str(default)
    if not value.isdecimal() or not 0 < int(value) < 65536:
        raise LocalError(f"{name} is {value!r}, which is not a port.")
    return int(value)


def _origin(environment: Mapping[str, str], host: str) -> str | None:
    """SPACE_ORIGIN as services write it. Their registration is open where it is loopback, so it must say the truth."""
    value = environment.get("SPACE_ORIGIN")
    if not value:
        return None
    told = f"SPACE_ORIGIN is {value!r}, "
    try:
        url = TypeAdapter(HttpUrl).validate_python(value)
    except ValidationError as error:
        raise LocalError(f"{told}which is no address. It is like https://space.example.com.") from error
    if url.username or url.password or url.path not in (None, "/") or url.query or url.fragment:
        raise LocalError(f"{told}which is more than an origin. It is like https://space.example.com, without a path.")
    loopback = _is_loopback((url.host or "").strip("[]"))
    if url.scheme == "http" and not loopback:
        raise LocalError(f"{told}but plain HTTP is for this machine alone. Put a proxy with a certificate in front.")
    if loopback and not _is_loopback(host):
        raise LocalError(
            f"{told}which is this machine alone, but SPACE_HOST={host} lets others in. Change one of them."
        )
    return str(url).rstrip("/")


def _networks(environment: Mapping[str, str], name: str) -> str:
    found = (environment.get(name) or "").split()
    for each in found:
        try:
            ipaddress.ip_network(each)
        except ValueError as error:
            raise LocalError(
                f"{each!r} in {name} is no address and no network: 192.168.1.2 or 10.0.0.0/24, separated by spaces."
            ) from error
    return " ".join(found)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
