"""What an operator asks of a running system, over its internal listeners."""

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from space_local.errors import LocalError
from space_local.members import MEMBERS
from space_local.options import Options
from space_local.postgres import Postgres
from space_local.process import inherited_environment
from space_local.system import running_pid


def internal(options: Options, service: str) -> httpx.AsyncClient:
    """A client of a service's internal listener that speaks as the operator."""
    if running_pid(options.home) is None:
        raise LocalError("The system is not running. `make run` starts it.")
    port = json.loads((options.home / "ports.json").read_text())[f"{service}.internal"]
    credential = json.loads((options.home / "secrets.json").read_text())[f"internal.{service}.operator"]
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {credential}"}, timeout=30
    )


def refusal(answer: httpx.Response) -> str:
    """What a service said when it refused."""
    if answer.headers.get("content-type", "").startswith("application/problem+json"):
        return str(answer.json()["detail"])
    return f"{answer.request.url.path} answered {answer.status_code}."


def items(answer: httpx.Response) -> list[dict[str, Any]]:
    """What a service listed.

    Raises:
        LocalError: It refused.
    """
    if not answer.is_success:
        raise LocalError(refusal(answer))
    listed: list[dict[str, Any]] = answer.json()
    return listed


async def invite(options: Options, did: str | None, olares_name: str | None) -> None:
    """An invite to whoever holds it or, given both, to one DID by one name: LarePass can show no invite.

    Raises:
        LocalError: Identity refused: only one of the two is given or it is none, or it is known already.
    """
    asked = {"did": did, "olares_name": olares_name}
    async with internal(options, "identity") as client:
        answer = await client.post("/internal/invites", json={name: value for name, value in asked.items() if value})
    if not answer.is_success:
        raise LocalError(refusal(answer))
    made = answer.json()
    whose = (
        f"one registration: {did} as {olares_name}, also by LarePass, which need not show it"
        if did
        else "one registration"
    )
    print(f"{made['invite']}\n(for {whose}, until {made['expires_at']})")


async def dead_letters(options: Options, *, redrive: bool) -> None:
    for member in MEMBERS:
        async with internal(options, member.name) as client:
            if redrive:
                answer = (await client.post("/internal/dead-letters/redrive")).raise_for_status().json()
                print(f"{member.name}: {answer['given_back']} given back")
                continue
            letters = (await client.get("/internal/dead-letters")).raise_for_status().json()
            print(f"{member.name}: {len(letters)} set aside")
            for letter in letters:
                print(f"  {letter['event_id']} {letter['event_name']} in {letter['queue']}: {letter['reason']}")


async def revise(service: str, message: str) -> None:
    """Write a revision against a throw-away database at the newest revision."""
    if service not in {member.name for member in MEMBERS}:
        raise LocalError(f"SERVICE is one of {', '.join(member.name for member in MEMBERS)}.")
    home = Path(tempfile.mkdtemp(prefix="space-revise-"))
    server = Postgres(home, fast=True)
    try:
        async with server:
            await server.ensure_database(service, service, "revise")
            for step in (["migrate"], ["revise", message]):
                await _run_service(service, step, server.database_url(service, service, "revise"))
    finally:
        server.destroy()


async def _run_service(service: str, step: list[str], database_url: str) -> None:
    member = next(member for member in MEMBERS if member.name == service)
    prefix = f"{service.upper()}_"
    told = {
        "DATABASE_URL": database_url,
        "BROKER_URL": "amqp://nobody@127.0.0.1/",
        "ORIGIN": "http://127.0.0.1",
        "JWKS_URL": "http://127.0.0.1",
        **member.settings(_Nowhere()),
    }
    environment = {prefix + name: value for name, value in told.items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", service, *step, env=inherited_environment() | environment
    )
    if await process.wait() != 0:
        raise LocalError(f"{service} {step[0]} failed.")


class _Nowhere:
    """Surroundings for a step that only needs a database."""

    state = Path("/nonexistent")
    instances_folder = state / "instances"
    installation = UUID(int=0)
    origin = "http://127.0.0.1"
    store_endpoint = "https://127.0.0.1"
    vault_url = "http://127.0.0.1"

    def api_url(self, service: str) -> str:
        return f"http://{service}.invalid"

    def internal_url(self, service: str) -> str:
        return f"http://{service}.invalid"

    def credential(self, service: str, caller: str) -> str:
        return f"{service} {caller}"

    def secret(self, name: str) -> str:
        return "0" * 64 if name else ""
