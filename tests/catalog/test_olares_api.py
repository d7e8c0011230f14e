"""What Olares devices ask of catalog besides their backups: regions, keys, home clouds and their metrics."""

import asyncio
import base64
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import quote
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from catalog.domain.metrics import read_metrics
from catalog.errors import TooManyTerminus
from catalog.models import StorageKey, Terminus
from catalog.operations import sessions, terminus
from shared.auth import Caller, Scope
from shared.events.catalog import TerminusRegistered
from shared.messaging import OutboxMessage
from shared.olares import TOKEN_TYPE
from tests.support import olares_requests as requests
from tests.support.catalog_device import Device
from tests.support.olares_requests import Envelope
from tests.support.running import Running
from tests.support.tokens import Owner, TokenIssuer

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WITH_TOKEN = (
    "/v1/resource/backup/region",
    "/v1/resource/stsToken/backup",
    "/v1/resource/backup/save",
    "/v1/resource/backup/stop",
    "/v1/resource/clusterMetrics/update",
    "/v1/bind/getTerminusNames",
    "/v1/bind/bindTerminusName",
)


@pytest.fixture
def device(catalog: Running, issuer: TokenIssuer) -> Device:
    return Device(catalog, issuer)


def all_fields() -> str:
    return f"backupId={uuid4()}&name=photos&terminusName=home&content={{}}&clusterId=&durationSeconds=43200"


@pytest.mark.parametrize("path", WITH_TOKEN)
async def test_who_is_not_signed_in_is_told_so_in_the_way_clients_act_on(
    catalog: Running, issuer: TokenIssuer, path: str
) -> None:
    device, other = Device(catalog, issuer), Owner()
    expired = issuer.token(device.owner, "olares", typ=TOKEN_TYPE, exp=1_700_000_000)
    native = issuer.token(device.owner)
    refused = {
        "no token": f"userid={device.did}",
        "an empty one": f"userid={device.did}&token=",
        "another thing": f"userid={device.did}&token=a.b.c",
        "an expired one": f"userid={device.did}&token={expired}",
        "one of the console": f"userid={device.did}&token={native}",
        "somebody else's": f"userid={other.did}&token={device.token}",
        "nobody": f"token={device.token}",
    }
    for who, fields in refused.items():
        answer = await device.send_raw(path, f"{fields}&{all_fields()}".encode())
        assert (answer.status, answer.code, answer.data) == (200, 506, None), who
    async with catalog.runtime.database.transaction() as session:
        await sessions.end(session, device.owner.owner_id, device.session_id, NOW + timedelta(days=30), NOW)
    ended = await device.send_raw(path, f"userid={device.did}&token={device.token}&{all_fields()}".encode())
    assert (ended.status, ended.code, ended.data) == (200, 506, None)


async def test_a_devices_token_is_none_for_the_native_api(catalog: Running, issuer: TokenIssuer) -> None:
    device = Device(catalog, issuer)
    answer = await catalog.api.get("/api/v1/backups", headers={"Authorization": f"Bearer {device.token}"})
    assert answer.status_code == 401


async def test_the_one_region_is_listed(device: Device) -> None:
    answer = await device.send(requests.regions(device.did, device.token))
    assert answer == Envelope(200, 200, "success", [{"regionId": "space", "regionName": "Space", "cloudName": "aws"}])


async def test_keys_are_all_strings_and_lead_to_the_owners_folder(device: Device) -> None:
    await device.known()
    before = datetime.now(UTC)
    answer = await device.keys()
    assert (answer.status, answer.code) == (200, 200)
    found = answer.data
    assert found.keys() == {"cloud", "region", "bucket", "prefix", "ak", "sk", "st", "expiration", "restic_repo"}
    assert all(isinstance(value, str) for value in found.values())
    assert found["region"].startswith("space@127.0.0.1:8443/")
    did, _, suffix = found["prefix"].partition("-")
    assert did == device.did
    assert suffix.isalnum(), "exactly one dash"
    ends_at = datetime.fromtimestamp(int(found["expiration"]) / 1000, UTC)
    assert timedelta(hours=11) < ends_at - before < timedelta(hours=13)
    again = await device.keys(suffix=suffix)
    assert again.data["prefix"] == found["prefix"]
    foreign = await device.keys(suffix="000000000000")
    assert foreign.code not in (200, 506)
    assert foreign.data is None


@pytest.mark.parametrize("seconds", ["", "0", "-5", "forever", "1e9", "9" * 40, "900", "٤٣"])
async def test_any_duration_gives_a_key(device: Device, seconds: str) -> None:
    await device.known()
    await device.keys()
    answer = await device.ask("/v1/resource/stsToken/backup", durationSeconds=seconds, clusterId="QzE=")
    assert answer.code == 200, answer


async def test_keys_are_renewed_by_themselves_alone(device: Device) -> None:
    await device.known()
    found = (await device.keys()).data
    body = requests.refreshed_keys(found["ak"], found["sk"], found["st"])
    renewed = await device.send(body)
    assert renewed.code == 200
    assert renewed.data["prefix"] == found["prefix"]
    assert renewed.data["ak"] != found["ak"]
    for wrong in ((found["ak"], found["sk"], "x"), (found["ak"], "x", found["st"]), ("x", found["sk"], found["st"])):
        refused = await device.send(requests.refreshed_keys(*wrong))
        assert (refused.status, refused.code, refused.data) == (200, 506, None)
    without = await device.send_raw(body.path, b"ak=only")
    assert (without.status, without.data) == (200, None)
    assert without.code not in (0, 200)


async def test_a_key_can_be_renewed_as_long_as_its_token_is_good(device: Device) -> None:
    await device.known()
    token = await device.catalog.runtime.verifier.verify(device.token, TOKEN_TYPE)
    found = (await device.keys()).data
    async with device.catalog.runtime.database.reading() as session:
        key = await session.get_one(StorageKey, found["ak"])
    assert key.renewable_until is not None
    assert abs(key.renewable_until - token.expires_at) < timedelta(minutes=1)


async def of_cluster(device: Device, encoded: str) -> str | None:
    answer = await device.ask("/v1/resource/stsToken/backup", clusterId=encoded, backupPrefix="")
    assert answer.code == 200, answer
    async with device.catalog.runtime.database.reading() as session:
        query = select(Terminus.cluster_id).order_by(Terminus.last_seen_at.desc()).limit(1)
        return await session.scalar(query)


async def test_a_cluster_is_known_by_its_id_however_it_was_written(device: Device) -> None:
    await device.known()
    await device.keys("b+/?>~")
    raw = base64.b64encode(b"\xfb\xef\xbe cluster").decode()
    assert "+" in raw
    cases = {
        base64.b64encode(b"C/+1??>>").decode(): "C/+1??>>",
        base64.b64encode(b"??>>~~").decode(): "??>>~~",
        base64.b64encode(b"??>>~~").decode().replace("+", " "): "??>>~~",
        quote(base64.b64encode(b"~~>>??!").decode(), safe=""): "~~>>??!",
        "no base64 at all!": "no base64 at all!",
        raw: raw,
    }
    for encoded, expected in cases.items():
        assert await of_cluster(device, encoded) == expected


async def test_the_only_home_without_an_id_is_the_first_cluster_and_others_are_new(device: Device) -> None:
    await device.known()
    for cluster in ("first", "second", "third", "second"):
        assert (await device.keys(cluster)).code == 200
    found = (await device.ask("/v1/bind/getTerminusNames")).data["terminusNames"]
    named = {item["clusterID"]: item["terminusName"] for item in found}
    assert named["first"] == "home"
    assert named["second"] == device.owner.olares_name
    assert named["third"].startswith(f"{device.owner.olares_name} ")
    assert len(named["third"]) == len(device.owner.olares_name) + 9
    assert len(found) == 3
    async with device.catalog.runtime.database.reading() as session:
        told = select(func.count()).where(OutboxMessage.event_name == TerminusRegistered.name)
        assert await session.scalar(told) == 3


def caller(device: Device) -> Caller:
    owner = device.owner
    return Caller(owner.owner_id, owner.did, owner.olares_name, frozenset(Scope), device.session_id, NOW)


async def test_two_requests_of_a_new_cluster_at_once_register_it_once(device: Device) -> None:
    await device.known()
    database = device.catalog.runtime.database

    async def ask(cluster_id: str) -> UUID | None:
        async with database.transaction() as session:
            return await terminus.of_cluster(session, caller(device), cluster_id, NOW)

    taken = await ask("the one that takes home")
    async with database.transaction() as session:
        first = await terminus.of_cluster(session, caller(device), "new", NOW)
        contender = asyncio.create_task(ask("new"))
        other = asyncio.create_task(ask("newer"))
        await asyncio.sleep(0.2)
        assert not contender.done()
    assert await contender == first != taken
    assert await other not in (None, first, taken)


async def test_a_device_registers_so_many_clusters_and_no_more(device: Device) -> None:
    async with device.catalog.runtime.database.transaction() as session:
        found = [await terminus.of_cluster(session, caller(device), f"cluster {n}", NOW) for n in range(51)]
        assert len(set(found)) == 51
        assert found[50] is None
        later = NOW + timedelta(hours=1)
        assert await terminus.of_cluster(session, caller(device), "cluster 7", later) == found[7]
    async with device.catalog.runtime.database.reading() as session:
        seventh = found[7]
        assert seventh is not None
        assert (await session.get_one(Terminus, seventh)).last_seen_at == later


async def test_a_device_names_so_many_homes_and_no_more(device: Device) -> None:
    async with device.catalog.runtime.database.transaction() as session:
        for number in range(49):
            await terminus.register_named(session, caller(device), f"home {number}", NOW)
    last = {"terminusName": "the last", "content": "{}"}
    assert (await device.ask("/v1/resource/clusterMetrics/update", **last)).code == 200
    more = {"terminusName": "one more", "content": "{}"}
    for path in ("/v1/bind/bindTerminusName", "/v1/resource/clusterMetrics/update"):
        refused = await device.ask(path, **more)
        assert (refused.status, refused.code, refused.data) == (200, 409, None)
        assert refused.message.startswith("You have 50 Terminus, and devices can register 50 at most.")
        assert (await device.ask(path, **last)).code == 200, "those that are known stay so"
    assert len((await device.ask("/v1/bind/getTerminusNames")).data["terminusNames"]) == 50
    assert (await device.keys("another cluster")).code == 200, "a key is none of its Terminus"
    native = await device.catalog.api.post("/api/v1/terminus", json={"name": "one more"}, headers=device.headers)
    assert native.status_code == 201
    assert (await device.ask("/v1/bind/bindTerminusName", **more)).code == 200


async def test_of_two_homes_that_are_named_at_once_none_is_too_many(device: Device) -> None:
    database = device.catalog.runtime.database

    async def name_another() -> None:
        async with database.transaction() as session:
            await terminus.register_named(session, caller(device), "another", NOW)

    async with database.transaction() as session:
        for number in range(49):
            await terminus.register_named(session, caller(device), f"home {number}", NOW)
    async with database.transaction() as session:
        await terminus.register_named(session, caller(device), "the last", NOW)
        contender = asyncio.create_task(name_another())
        await asyncio.sleep(0.2)
        assert not contender.done()
    with pytest.raises(TooManyTerminus):
        await contender


async def test_homes_are_bound_and_listed_by_name(device: Device) -> None:
    body = f"userid={device.did}&token={device.token}&isAdmin=false&terminusName={quote('alice@olares.com')}&jwt=e.y.j"
    bound = await device.send_raw("/v1/bind/bindTerminusName", body.encode())
    assert bound.code == 200
    assert (await device.send_raw("/v1/bind/bindTerminusName", body.encode())).data["id"] == bound.data["id"]
    listed = (await device.ask("/v1/bind/getTerminusNames")).data
    assert listed == {"terminusNames": [listed["terminusNames"][0]]}
    item = listed["terminusNames"][0]
    assert item == {**bound.data, "updateAt": item["updateAt"]}
    assert item.keys() == {
        "id", "terminusName", "selfHosted", "clusterID", "userid", "status", "createAt", "updateAt"
    }  # fmt: skip
    assert (item["terminusName"], item["status"], item["userid"]) == ("alice@olares.com", "Active", device.did)


async def test_metrics_are_kept_as_told_last_and_shown_to_their_owner(device: Device) -> None:
    told = {"cpu": {"total": 8, "usage": 1.5, "ratio": "19%&+="}, "memory": {"total": 16 * 2**30}, "名": [None, True]}
    for content in ({"cpu": 1}, told):
        fields = quote(json.dumps(content, ensure_ascii=False))
        answer = await device.ask("/v1/resource/clusterMetrics/update", terminusName="alice", content=fields)
        assert (answer.code, answer.data) == (200, None)
    listed = (await device.catalog.api.get("/api/v1/terminus", headers=device.headers)).json()["items"]
    assert len(listed) == 1
    assert not {"metrics", "metrics_at"} & listed[0].keys()
    path = f"/api/v1/terminus/{listed[0]['terminus_id']}"
    read = (await device.catalog.api.get(path, headers=device.headers)).json()
    assert read["metrics"] == told
    assert read["metrics_at"] is not None
    stranger = Device(device.catalog, device.issuer)
    assert (await device.catalog.api.get(path, headers=stranger.headers)).status_code == 404


UNKEEPABLE = {
    "no JSON": "{",
    "a list": "[1]",
    "a number": "7",
    "too large": json.dumps({"a": "x" * 65_530}),
    "too deep": '{"a":' * 33 + "1" + "}" * 33,
    "deeper than Python goes": '{"a":' * 12_000 + "1" + "}" * 12_000,
    "half a surrogate pair": '{"a":"\\ud800"}',
    "half a pair as a name": '{"\\udfff":1}',
    "NUL": '{"a":["\\u0000"]}',
    "NaN": '{"a":NaN}',
    "infinity": '{"a":1e999}',
    "a number of five thousand digits": '{"a":' + "9" * 5000 + "}",
}


@pytest.mark.parametrize("content", UNKEEPABLE.values(), ids=UNKEEPABLE.keys())
async def test_metrics_that_cannot_be_kept_are_refused_and_change_nothing(device: Device, content: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_metrics(content)
    answer = await device.ask("/v1/resource/clusterMetrics/update", terminusName="alice", content=quote(content))
    assert (answer.status, answer.code, answer.data) == (200, 422, None)
    assert (await device.ask("/v1/bind/getTerminusNames")).data == {"terminusNames": []}


@pytest.mark.parametrize(
    "content", ['{"a":' * 32 + "1" + "}" * 32, '{"a":1.7e30,"b":5e-324,"c":' + "9" * 300 + "}", "{}"]
)
async def test_metrics_at_the_bounds_are_kept_and_can_be_read(device: Device, content: str) -> None:
    answer = await device.ask("/v1/resource/clusterMetrics/update", terminusName="alice", content=quote(content))
    assert answer.code == 200
    found = (await device.ask("/v1/bind/getTerminusNames")).data["terminusNames"][0]
    read = await device.catalog.api.get(f"/api/v1/terminus/{found['id']}", headers=device.headers)
    assert read.status_code == 200
    assert json.loads(read.text, parse_int=float)["metrics"] == json.loads(content, parse_int=float)


async def test_paths_of_devices_are_not_in_the_document_and_answer_nothing_else(catalog: Running) -> None:
    document = (await catalog.api.get("/api/v1/openapi/catalog.json")).json()
    assert all(path.startswith("/api/v1/") for path in document["paths"])
    for path in (*WITH_TOKEN, "/v1/resource/snapshot/save", "/v1/resource/stsToken/backup/refresh"):
        assert (await catalog.api.get(path)).status_code == 405
