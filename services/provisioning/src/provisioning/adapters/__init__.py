"""The outside world of provisioning: the providers of machines."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType

from pydantic import SecretStr

from provisioning import offers_file
from provisioning.adapters.ec2 import Ec2Driver, Ec2Settings
from provisioning.adapters.local import LocalDriver
from provisioning.adapters.sandbox import SandboxDriver
from provisioning.domain.offers import Offers, Provider
from provisioning.ports import InstanceDriver
from provisioning.settings import Settings
from provisioning.streams import Streams
from shared.service import Runtime

DRIVERS: offers_file.Drivers = MappingProxyType({"local": None, "sandbox": None, "ec2": Ec2Settings})
"""What an offers file may name as a driver, and what settings it has."""


@dataclass(frozen=True)
class Adapters:
    """Drivers by provider, what they offer, and the count of logs that are being followed."""

    drivers: Mapping[str, InstanceDriver]
    offers: Offers
    streams: Streams


ProvisioningRuntime = Runtime[Settings, Adapters]


@asynccontextmanager
async def open_adapters(settings: Settings) -> AsyncIterator[Adapters]:
    """Raises SystemExit with every problem of an offers file that cannot be used."""
    offers = offers_file.load_or_exit(settings.offers, DRIVERS)
    drivers = {name: _driver(provider, settings) for name, provider in offers.providers.items()}
    yield Adapters(drivers, offers, Streams(settings.streams_per_process, settings.streams_per_owner))


def _driver(provider: Provider, settings: Settings) -> InstanceDriver:
    match provider.driver:
        case "ec2":
            return Ec2Driver(
                provider.provider,
                settings.installation,
                Ec2Settings.model_validate(provider.settings),
                access_key_id=_needed(settings.aws_access_key_id, "PROVISIONING_AWS_ACCESS_KEY_ID", provider),
                secret_access_key=_needed(
                    settings.aws_secret_access_key, "PROVISIONING_AWS_SECRET_ACCESS_KEY", provider
                ),
                endpoint_url=str(settings.aws_endpoint_url) if settings.aws_endpoint_url else None,
                deadline_seconds=settings.driver_deadline_seconds,
            )
        case "sandbox":
            return SandboxDriver(_local(provider, settings))
        case _:
            return _local(provider, settings)


def _local(provider: Provider, settings: Settings) -> LocalDriver:
    if settings.local_root is None:
        raise SystemExit(f"The offers have {provider.provider} on this machine: set PROVISIONING_LOCAL_ROOT.")
    return LocalDriver(
        provider.provider,
        settings.local_root / provider.provider,
        settings.local_command,
        settings.local_capacity,
        settings.installation,
        deadline_seconds=settings.driver_deadline_seconds,
    )


def _needed(secret: SecretStr | None, name: str, provider: Provider) -> str:
    if secret is None:
        raise SystemExit(f"The offers have {provider.provider} on EC2: set {name}.")
    return secret.get_secret_value()
