"""Every event that a service publishes, and who reads it."""

import importlib
import pkgutil

import shared.events
from shared.events.base import REGISTRY, Event
from shared.service import Service
from space_local.members import MEMBERS


def events() -> list[type[Event]]:
    for module in pkgutil.iter_modules(shared.events.__path__):
        importlib.import_module(f"shared.events.{module.name}")
    ours = [event for event in REGISTRY.values() if event.__module__.startswith("shared.events.")]
    return sorted(ours, key=lambda event: event.name)


def readers() -> dict[str, set[str]]:
    """The services that subscribe to each event."""
    services: list[Service] = [importlib.import_module(f"{member.name}.app").service for member in MEMBERS]
    found: dict[str, set[str]] = {}
    for service in services:
        for subscription in service.subscriptions:
            found.setdefault(subscription.event.name, set()).add(service.name)
    return found
