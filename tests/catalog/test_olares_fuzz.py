"""Whatever is sent to the paths of Olares devices: the envelope comes back, never a failure of ours."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.catalog_device import Device
from tests.support.running import Running
from tests.support.tokens import TokenIssuer

PATHS = (
    "/v1/resource/backup/region",
    "/v1/resource/stsToken/backup",
    "/v1/resource/stsToken/backup/refresh",
    "/v1/resource/backup/save",
    "/v1/resource/backup/stop",
    "/v1/resource/snapshot/save",
    "/v1/resource/clusterMetrics/update",
    "/v1/bind/getTerminusNames",
    "/v1/bind/bindTerminusName",
)
FIELDS = (
    "userid", "token", "backupId", "name", "backupType", "backupTime", "backupPath", "backupLocation", "clusterId",
    "backupPrefix", "durationSeconds", "ak", "sk", "st", "snapshotId", "resticSnapshotId", "size", "status",
    "terminusName", "content", "message", "region", "cloudName", "body[did]",
)  # fmt: skip
ROUNDS = 250

texts = st.text(max_size=40) | st.sampled_from(
    ["%", "%%41", "+", "\x00", "%00", "\ud800", "🏔", "a" * 3000, "{}", '{"a":' * 2000, '{"a":"\\u0000"}', "-1", "1e999",
     "9" * 5000, "0c0a5d1e-9b1f-4f6b-8a53-6a1f0c9f7d11", "../..", "/", "'; DROP TABLE backups; --", "\u202e", " "]
)  # fmt: skip
known = st.sampled_from(["<did>", "<token>", "<backup>", "<ak>", "<sk>", "<st>"])
values: st.SearchStrategy[Any] = st.recursive(
    known | texts | st.integers() | st.floats() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(FIELDS) | texts
forms = st.lists(st.tuples(names, known | texts | st.integers().map(str)), max_size=12)
documents = st.dictionaries(names, values, max_size=12)
signed_in = st.booleans()
COMPLETE = {
    "backupId": "0c0a5d1e-9b1f-4f6b-8a53-6a1f0c9f7d11", "name": "photos", "backupType": "1", "backupPath": "/a",
    "clusterId": "QzE=", "backupPrefix": "", "durationSeconds": "900", "ak": "<ak>", "sk": "<sk>", "st": "<st>",
    "terminusName": "home", "content": '{"cpu":1}',
}  # fmt: skip


@pytest.fixture
async def device(catalog: Running, issuer: TokenIssuer) -> Device:
    device = Device(catalog, issuer)
    await device.known()
    await device.save(uuid4())
    return device


async def test_any_body_is_answered_in_the_envelope_and_without_its_secrets(device: Device) -> None:
    backup_id = str((await device.rows())[0].device_backup_id)
    keys = (await device.keys()).data
    meant = {"<did>": device.did, "<token>": device.token, "<backup>": backup_id,
             "<ak>": keys["ak"], "<sk>": keys["sk"], "<st>": keys["st"]}  # fmt: skip
    loop = asyncio.get_running_loop()

    def say(value: Any) -> Any:
        if isinstance(value, dict):
            return {say(name): say(item) for name, item in value.items()}
        if isinstance(value, list):
            return [say(item) for item in value]
        return meant.get(value, value) if isinstance(value, str) else value

    fine: set[str] = set()

    async def check(path: str, body: bytes) -> None:
        answer = await device.catalog.api.post(path, content=body)
        assert answer.status_code == 200, (path, body, answer.text)
        found = answer.json()
        assert found.keys() == {"code", "message", "data"}, (path, body)
        assert found["code"] < 500 or found["code"] == 506, (path, body, found)
        assert found["code"] == 200 or found["data"] is None, (path, body)
        fine.update([path] if found["code"] == 200 else [])
        assert meant["<token>"] not in found["message"]
        assert meant["<sk>"] not in found["message"]

    @settings(max_examples=ROUNDS, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.sampled_from(PATHS), st.binary(max_size=60) | forms | documents, signed_in)
    def send(path: str, said: Any, has_token: bool) -> None:
        who = {"userid": meant["<did>"], "token": meant["<token>"]} if has_token else {}
        if isinstance(said, bytes):
            start = "&".join(f"{name}={value}" for name, value in who.items())
            body = start.encode() + b"&" + said if who else said
        elif isinstance(said, list):
            # What comes first counts: the usual fields are what the others leave.
            said = [*said, *COMPLETE.items()]
            pairs = [*who.items(), *((say(name), say(value)) for name, value in said)]
            body = "&".join(f"{name}={value}" for name, value in pairs).encode("utf-8", "surrogatepass")
        else:
            body = json.dumps({**say({**COMPLETE, **said}), **who}).encode()
        asyncio.run_coroutine_threadsafe(check(path, body), loop).result()

    for path in PATHS:
        # Chance does not bring each of them every time.
        send = example(path, [], True)(example(path, {}, True)(send))
    await asyncio.to_thread(send)
    assert fine == set(PATHS), "each was also asked something it does"
