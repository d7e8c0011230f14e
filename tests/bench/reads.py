"""Restore's hot reads: a page of an owner's restores to the cloud, and the question agents ask while they wait."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
from joserfc import jwt
from joserfc.jwk import OKPKey

from restore.app import service
from restore.encoding import decode
from space_local import ports
from tests.bench.figures import Figure, Scale, alternate, duration, rate
from tests.bench.load import press
from tests.bench.servers import Servers, bare_at_work, execute, server
from tests.support.tokens import ORIGIN, Owner

PATH = "/api/v1/restores"
BARE = "bare ASGI and asyncpg: the same query and JSON"
UNKNOWN = "http://127.0.0.1:1"
NEEDED = {
    f"{neighbour}_{what}": value
    for neighbour in ("catalog", "billing", "provisioning")
    for what, value in (("url", UNKNOWN), ("credential", "unused"))
}
"""What restore must be told of neighbours that it does not ask here."""
INSERT_RESTORES = """
    INSERT INTO restores (id, owner_id, target, backup_id, snapshot_id, backup_name, terminus_name, path, restic_id,
                          snapshot_taken_at, size_processed_bytes, state, bytes_restored, files_restored, total_bytes,
                          warnings, created_at, updated_at, heard_at, ended_at, last_number)
    SELECT gen_random_uuid(), $1, 'cloud', gen_random_uuid(), gen_random_uuid(), 'backup ' || n, 'home',
           '/home/alice/Photos/' || n, repeat('ab', 32), now(), n * 1000003::bigint, 'completed', n * 1000003::bigint,
           n, n * 1000003::bigint, 0, now() - n * interval '1 minute', now(), now(), now(), 14
    FROM generate_series(1, $2::int) n
"""
INSERT_CLOUD = """
    INSERT INTO cloud_restores (restore_id, provider, region, plan, instance_name, quote_id, quote, estimate_seconds,
                                payment, compute, data, machine, asked, instance_id, address, running_at, round,
                                wrong_passwords)
    SELECT id, 'local', 'here', 'small', 'alice@olares.com', gen_random_uuid(), '{"expires_at": "soon"}', 400,
           'captured', 'enrolled', 'whole', 1, 0, gen_random_uuid(), '127.0.0.1:18123', now(), 1, 0
    FROM restores
"""
WAIT = """
    UPDATE restores SET state = 'awaiting_password', ended_at = NULL, due_at = now() + interval '1 day'
    WHERE id = (SELECT id FROM restores ORDER BY created_at LIMIT 1) RETURNING id
"""
OFFER = """
    UPDATE cloud_restores SET agent_key = $2, round_key = sha256('a key'), asked_because = 'first'
    WHERE restore_id = $1 RETURNING instance_id
"""


@dataclass(frozen=True)
class AtWork:
    """A restore service in a process of its own, whose one owner has many restores; an agent waits in one of them."""

    port: int
    database_url: str
    owner: Owner
    restore_id: UUID
    instance_id: UUID
    key: OKPKey

    @property
    def round(self) -> str:
        return f"{PATH}/{self.restore_id}/agent/rounds/1"

    def agent(self) -> dict[str, str]:
        """What the agent signs, with a minute to go."""
        now = int(datetime.now(UTC).timestamp())
        said = {"iss": str(self.instance_id), "sub": str(self.instance_id), "aud": ORIGIN, "iat": now, "exp": now + 60}
        header = {"alg": "Ed25519", "typ": "agent+jwt"}
        return {"Authorization": "Bearer " + jwt.encode(header, said, self.key, algorithms=["Ed25519"])}


async def measure(servers: Servers, scale: Scale) -> list[Figure]:
    async with restore_at_work(servers, scale.backups) as restore:
        url, owner = restore.database_url, restore.owner
        async with (
            bare_at_work(servers, "restores", database_url=url, owner_id=owner.owner_id) as page,
            bare_at_work(servers, "round", database_url=url, restore_id=restore.restore_id) as bare_round,
        ):
            headers = servers.issuer.headers(owner)
            await check(restore, headers, page, bare_round)
            pages = await alternate(
                scale.rounds,
                lambda: press(restore.port, PATH, headers, scale.seconds),
                lambda: press(page, "/", {}, scale.seconds),
            )
            polls = await alternate(
                scale.rounds,
                lambda: press(restore.port, restore.round, restore.agent(), scale.seconds),
                lambda: press(bare_round, "/", {}, scale.seconds),
            )
    return [
        rate("restores_page", "pages/s", BARE, [(ours.per_second, bare.per_second) for ours, bare in pages]),
        duration("restores_page_p99", "ms", BARE, [(ours.p99, bare.p99) for ours, bare in pages]),
        rate("agent_poll", "polls/s", BARE, [(ours.per_second, bare.per_second) for ours, bare in polls]),
        duration("agent_poll_p99", "ms", BARE, [(ours.p99, bare.p99) for ours, bare in polls]),
    ]


async def check(restore: AtWork, headers: dict[str, str], page: int, bare_round: int) -> None:
    """Both servers say the same of the same restores, and of the round that waits."""
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:

        async def get(port: int, path: str, headers: dict[str, str]) -> Any:
            return (await client.get(f"http://127.0.0.1:{port}{path}", headers=headers)).raise_for_status().json()

        ours, theirs = await get(restore.port, PATH, headers), await get(page, "/", {})
        assert len(ours["items"]) == 20
        assert ours["items"] == theirs["items"], "the limit does not do the same work"
        asked = await get(restore.port, restore.round, restore.agent())
        assert asked.items() >= (await get(bare_round, "/", {})).items()


@asynccontextmanager
async def restore_at_work(servers: Servers, restores: int) -> AsyncIterator[AtWork]:
    url = await servers.databases.clone(service, **NEEDED)
    owner, key, port = Owner(), OKPKey.generate_key("Ed25519"), ports.pick()
    await execute(url, INSERT_RESTORES, owner.owner_id, restores)
    await execute(url, INSERT_CLOUD)
    restore_id = await execute(url, WAIT)
    instance_id = await execute(url, OFFER, restore_id, decode(str(key.as_dict(private=False)["x"])))
    await execute(url, "ANALYZE")
    environment = {
        "RESTORE_DATABASE_URL": url,
        "RESTORE_BROKER_URL": servers.rabbitmq.url,
        "RESTORE_ORIGIN": ORIGIN,
        "RESTORE_JWKS_URL": servers.issuer.jwks_url,
        "RESTORE_API_LISTEN": f"127.0.0.1:{port}",
        "RESTORE_INTERNAL_LISTEN": f"127.0.0.1:{ports.pick()}",
        "RESTORE_INTERNAL_CREDENTIALS": json.dumps({"operator": uuid4().hex}),
        **{f"RESTORE_{name.upper()}": value for name, value in NEEDED.items()},
    }
    async with server(servers.home, "restore", port, environment):
        yield AtWork(port, url, owner, restore_id, instance_id, key)
    await servers.databases.drop(url)
