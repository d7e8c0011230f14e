"""The deployment's files, read once."""

import importlib
import re
from pathlib import Path
from typing import Any

import yaml
from pydantic_core import PydanticUndefined

from shared.service import Service
from space_local.members import MEMBERS

ROOT = Path(__file__).parents[2]
OBSERVABILITY = ROOT / "deploy" / "observability"
SERVICES: dict[str, Service] = {
    member.name: importlib.import_module(f"{member.name}.app").service for member in MEMBERS
}


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


def containers() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def environment(container: dict[str, Any]) -> dict[str, str | None]:
    found: dict[str, str | None] = container.get("environment") or {}
    return found


def fields(service: str) -> dict[str, bool]:
    """The settings a service has, and whether each is required."""
    return {
        name: field.default is PydanticUndefined and field.default_factory is None
        for name, field in SERVICES[service].settings.model_fields.items()
    }


def setting(service: str, variable: str) -> str:
    """The settings field an environment variable means."""
    return variable.removeprefix(f"{service.upper()}_").partition("__")[0].lower()


def edge_defaults() -> set[str]:
    """The upstreams that the Caddyfile names when it is told nothing else."""
    caddyfile = (ROOT / "deploy" / "edge" / "Caddyfile").read_text()
    return set(re.findall(r"\{\$[A-Z]+_(?:UPSTREAM|INTERNAL):([a-z]+:\d+)\}", caddyfile))
