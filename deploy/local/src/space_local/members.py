"""Which services there are, what each is told, and who may call it inside. A new service is one line here."""

import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from uuid import UUID

from space_local.options import PROJECT

SET_UP_RESTIC = PROJECT / ".space" / "tools" / "restic"


class Surroundings(Protocol):
    """What a service's settings are made from."""

    @property
    def state(self) -> Path: ...

    @property
    def origin(self) -> str: ...

    @property
    def installation(self) -> UUID: ...

    @property
    def instances_folder(self) -> Path: ...

    @property
    def store_endpoint(self) -> str: ...

    @property
    def vault_url(self) -> str: ...

    def api_url(self, service: str) -> str: ...

    def internal_url(self, service: str) -> str: ...

    def credential(self, service: str, caller: str) -> str: ...

    def secret(self, name: str) -> str: ...


@dataclass(frozen=True)
class Member:
    """One service of the system; ``callers`` are those its internal listener knows besides the operator."""

    name: str
    settings: Callable[[Surroundings], Mapping[str, str]]
    callers: tuple[str, ...] = ()


def _identity(around: Surroundings) -> dict[str, str]:
    return {"SIGNING_KEY_FILE": str(around.state / "identity-keys.json")}


def _catalog(around: Surroundings) -> dict[str, str]:
    return {
        "VAULT_MASTER_KEY": around.secret("vault_master_key"),
        "VAULT_ENDPOINT": around.store_endpoint,
        "VAULT_INTERNAL_ENDPOINT": around.vault_url,
        "VAULT_CA_FILE": str(around.state / "tls" / "ca.pem"),
        "VAULT_ROOT": str(around.state / "store"),
        "BILLING_URL": around.internal_url("billing"),
        "BILLING_CREDENTIAL": around.credential("billing", "catalog"),
    }


def _billing(around: Surroundings) -> dict[str, str]:
    return {
        "QUOTE_KEY": around.secret("billing_quote_key"),
        # Hexadecimal digits are base64 digits as well.
        "WEBHOOK_SECRET": f"whsec_{around.secret('billing_webhook')}",
        # Not by the origin: the sandbox would not trust the private CA, and this machine may not reach itself there.
        "WEBHOOK_URL": f"{around.api_url('billing')}/api/v1/payments/webhooks/sandbox",
    }


def _provisioning(around: Surroundings) -> dict[str, str]:
    told = {
        "INSTALLATION": str(around.installation),
        "ENROLMENT_KEY": around.secret("provisioning_enrolment_key"),
        "LOCAL_ROOT": str(around.instances_folder),
        "LOCAL_COMMAND": json.dumps([*_with_restic(), sys.executable, "-m", "agent", "agent", "run"]),
    }
    if around.origin.startswith("https://"):
        told["CA_FILE"] = str(around.state / "tls" / "ca.pem")
    return told


def _with_restic() -> list[str]:
    """What begins a machine's command so that its agent finds the restic of the set-up, whatever our PATH is."""
    restic = os.environ.get("RESTIC") or (str(SET_UP_RESTIC) if SET_UP_RESTIC.exists() else None)
    return [] if restic is None else ["env", f"RESTIC={restic}"]


def _restore(around: Surroundings) -> dict[str, str]:
    neighbours = ("catalog", "billing", "provisioning")
    urls = {f"{name.upper()}_URL": around.internal_url(name) for name in neighbours}
    return urls | {f"{name.upper()}_CREDENTIAL": around.credential(name, "restore") for name in neighbours}


MEMBERS = (
    Member("identity", _identity),
    Member("catalog", _catalog, callers=("gate", "vault", "restore")),
    Member("billing", _billing, callers=("catalog", "restore")),
    Member("provisioning", _provisioning, callers=("restore",)),
    Member("restore", _restore),
)
