"""The gate's decision alone: what a request to the store costs before its first byte moves."""

import hmac

from tests.bench.figures import Figure, Scale, alternate, duration, rate
from tests.bench.load import press
from tests.bench.servers import Servers, bare_at_work, catalog_at_work, execute
from tests.support.store import CREDENTIALS, MASTER_KEY

KEY_ID = "SPKABCDEFGHIJKLMNOPQ"
BARE = "bare ASGI that answers 200"
INSERT_KEY = """
    INSERT INTO storage_keys (access_key_id, owner_id, backup_id, access, issuer, issued_at, expires_at)
    SELECT $1, owner_id, id, 'read', 'vault', now(), now() + interval '1 day' FROM backups LIMIT 1
"""
PLACE = """
    SELECT '/vault/p1.amazonaws.com/backups/' || prefix || '/olares-backups/' || repository
    FROM storage_keys JOIN backups ON backups.id = backup_id
    JOIN owner_spaces ON owner_spaces.owner_id = backups.owner_id
"""


async def measure(servers: Servers, scale: Scale) -> list[Figure]:
    async with catalog_at_work(servers, backups=1) as catalog, bare_at_work(servers, "nothing") as bare:
        await execute(catalog.database_url, INSERT_KEY, KEY_ID)
        headers = headers_of(await execute(catalog.database_url, PLACE))
        rounds = await alternate(
            scale.rounds,
            lambda: press(catalog.internal_port, "/internal/store/gate", headers, scale.seconds),
            lambda: press(bare, "/internal/store/gate", headers, scale.seconds),
        )
    return [
        rate("gate_decision", "decisions/s", BARE, [(ours.per_second, bare.per_second) for ours, bare in rounds]),
        duration("gate_decision_p99", "ms", BARE, [(ours.p99, bare.p99) for ours, bare in rounds]),
    ]


def headers_of(place: str) -> dict[str, str]:
    """What Caddy says of a restic client's request for a pack."""
    token = hmac.digest(bytes.fromhex(MASTER_KEY), f"session\0{KEY_ID}".encode(), "sha256").hex()
    credential = f"{KEY_ID}/20261101/us-east-1/s3/aws4_request"
    signed = "host;range;x-amz-content-sha256;x-amz-date;x-amz-security-token"
    return {
        "Authorization": f"Bearer {CREDENTIALS['gate']}",
        "X-Forwarded-Method": "GET",
        "X-Forwarded-Uri": f"{place}/data/ab/{'ab' * 32}",
        "X-Store-Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={signed}, "
        f"Signature={'cd' * 32}",
        "X-Amz-Security-Token": token,
        "X-Amz-Date": "20261101T100000Z",
        "X-Amz-Content-Sha256": "UNSIGNED-PAYLOAD",
        "Range": "bytes=0-4194303",
    }
