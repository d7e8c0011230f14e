"""What Olares devices and their Settings page are told of quota and traffic, as they ask."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.trace import NoOpTracer

from billing import consumers, jobs
from billing.domain.prices import GB
from billing.models import EndedSession
from billing.operations import quota
from shared.errors import Fate
from shared.events.base import Envelope
from shared.events.identity import SessionEnded
from shared.inbox import Inbox
from shared.olares import TOKEN_TYPE
from tests.billing.support.world import World
from tests.support.running import Running, counted_statements
from tests.support.tokens import Owner, TokenIssuer

HOUR = timedelta(hours=1)
BACKUP, TRAFFIC = "/v1/resource/backup/usage", "/v1/resource/traffic/usage"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class OlaresDevice:
    """A device of an owner; it writes its forms by hand, without escaping."""

    billing: Running
    issuer: TokenIssuer
    owner: Owner
    session_id: UUID

    def token(self, **other: Any) -> str:
        given = {"typ": TOKEN_TYPE, "sid": str(self.session_id), **other}
        return self.issuer.token(self.owner, "olares", **given)

    async def send(self, path: str, body: str | bytes, **headers: str) -> httpx.Response:
        return await self.billing.api.post(path, content=body, headers=FORM | headers)

    async def told(self, path: str, userid: str | None = None, **other: Any) -> dict[str, Any]:
        """The envelope; its HTTP status is always 200, or the device does not read it."""
        answer = await self.send(path, f"userid={userid or self.owner.did}&token={self.token(**other)}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert answer.headers["access-control-allow-origin"] == "*"
        assert answer.headers["cache-control"] == "no-store"
        envelope: dict[str, Any] = answer.json()
        assert envelope.keys() == {"code", "message", "data"}
        return envelope

    async def usage(self) -> dict[str, Any]:
        envelope = await self.told(BACKUP)
        assert (envelope["code"], envelope["message"]) == (200, "success")
        found: dict[str, Any] = envelope["data"]
        assert found["totalSize"] >= found["usageSize"] >= 0
        assert [type(value) for value in found.values()] == [int, int, bool, int]
        return found

    async def traffic_gb(self) -> tuple[float, float, float]:
        envelope = await self.told(TRAFFIC)
        found = envelope["data"]
        assert (envelope["code"], [type(value) for value in found.values()]) == (200, [int, int, int])
        return found["totalSize"] / GB, found["usedSize"] / GB, found["overageSize"] / GB


@pytest.fixture
def device(billing: Running, world: World, issuer: TokenIssuer) -> OlaresDevice:
    world.now = datetime.now(UTC)
    return OlaresDevice(billing, issuer, Owner(owner_id=world.owner_id), uuid4())


def sizes(total_gb: float, used_gb: float, *, can: bool) -> dict[str, Any]:
    return {"totalSize": int(total_gb * GB), "usageSize": int(used_gb * GB), "canBackup": can, "planLevel": 2}


async def test_an_owner_of_whom_billing_has_not_heard_has_the_allowance(device: OlaresDevice) -> None:
    assert await device.usage() == sizes(10, 0, can=True)


async def test_an_owner_without_a_card_is_stopped_at_the_allowance(world: World, device: OlaresDevice) -> None:
    backup = uuid4()
    for size, total, can in ((4, 10, True), (9.5, 10, True), (10, 10, False), (12, 12, False), (3, 10, True)):
        world.now += timedelta(seconds=1)
        await world.measure(backup, size)
        assert await device.usage() == sizes(total, size, can=can), size


async def test_an_owner_with_a_card_goes_on_to_what_their_spend_limit_buys(world: World, device: OlaresDevice) -> None:
    await world.measure(uuid4(), 12)
    assert not (await device.usage())["canBackup"]
    await world.add_card()
    # 10.00 at 0.08 keep 125 GB for a month.
    assert await device.usage() == sizes(135, 12, can=True)
    async with world.database.transaction() as session:
        await quota.set_spend_limit(session, world.owner_id, 80, world.now)
    assert await device.usage() == sizes(20, 12, can=True)
    async with world.database.transaction() as session:
        await quota.set_spend_limit(session, world.owner_id, 16, world.now)
    assert await device.usage() == sizes(12, 12, can=False)


async def test_in_arrears_what_is_free_stays_open(world: World, device: OlaresDevice) -> None:
    world.now -= timedelta(days=40)
    await world.add_card("declines")
    backup = uuid4()
    await world.measure(backup, 110)
    await world.travel(timedelta(days=39))
    assert (await world.account()).standing in ("restricted", "suspended")
    assert await device.usage() == sizes(110, 110, can=False)
    await world.measure(backup, 5)
    assert await device.usage() == sizes(10, 5, can=True)


async def test_what_keys_have_reserved_stops_no_device(world: World, device: OlaresDevice) -> None:
    """It is the device's own key, mostly, and the next backup is asked for before that has ended."""
    await world.measure(uuid4(), 9.5)
    wanted = quota.Wanted(uuid4(), world.owner_id, uuid4(), None, None, world.now + 12 * HOUR)
    async with world.database.transaction() as session:
        assert (await quota.reserve(session, wanted, world.now)).quota.left_bytes == GB // 2
        assert not (await quota.look(session, await world.account(), world.now)).quota.can_backup
    assert await device.usage() == sizes(10, 9.5, can=True)


async def test_traffic_is_nothing_without_an_instance(world: World, device: OlaresDevice) -> None:
    assert await device.traffic_gb() == (0, 0, 0)
    await world.add_card()
    instance = await world.fulfil(await world.order())
    await world.count(instance, 30, 0)
    await world.give_back(instance)
    assert await device.traffic_gb() == (0, 0, 0)


async def test_traffic_is_that_of_the_months_that_are_paid(world: World, device: OlaresDevice) -> None:
    world.now -= timedelta(days=35)
    await world.add_card()
    old = await world.fulfil(await world.order())
    # Its first month ended before today; what passed then is over.
    for hours, gb in ((1, 40), (24 * 20, 150)):
        await world.count(old, gb, 0, at=world.now + hours * HOUR)
    await world.travel(timedelta(days=33))
    await world.count(old, 170, 0)
    new = await world.fulfil(await world.order())
    assert await device.traffic_gb() == (200, 20, 0)
    # The counter began again at 0; what one leaves unused is none of the other's.
    await world.count(new, 100, 0, at=world.now + HOUR)
    await world.count(new, 30, 0, at=world.now + 2 * HOUR)
    assert await device.traffic_gb() == (200, 150, 30)
    await world.count(new, 500, 0, at=world.now + timedelta(days=60))
    assert await device.traffic_gb() == (200, 150, 30)


async def test_each_question_is_a_few_statements_however_much_there_is(world: World, device: OlaresDevice) -> None:
    await device.usage()
    world.now -= timedelta(days=3)
    await world.add_card()
    for hours in range(1, 8):
        instance = await world.fulfil(await world.order())
        for more in range(3):
            await world.count(instance, hours, 0, at=world.now + more * HOUR)
        await world.measure(uuid4(), hours * 10, at=world.now + hours * HOUR, terminus_id=uuid4())
    for path, most in ((BACKUP, 7), (TRAFFIC, 4)):
        with counted_statements(device.billing) as statements:
            assert (await device.told(path))["code"] == 200
        assert len(statements) <= most, statements


@pytest.mark.parametrize("path", [BACKUP, TRAFFIC])
async def test_a_token_that_is_not_the_owners_device_token_asks_for_another_sign_in(
    device: OlaresDevice, path: str
) -> None:
    stranger, now = Owner(), int(time.time())
    answers = [
        await device.told(path, userid=stranger.did),
        await device.told(path, typ="at+jwt"),
        await device.told(path, exp=now - 60),
        await device.told(path, aud="http://elsewhere.test"),
    ]
    for body in (
        "", f"userid={device.owner.did}", f"token={device.token()}", f"userid={device.owner.did}&token=TOK",
        f"userid={device.owner.did}&token={device.token()[:-8]}AAAAAAAA", f"userid=&token={device.token()}",
    ):  # fmt: skip
        answer = await device.send(path, body)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "*"
        answers.append(answer.json())
    for envelope in answers:
        assert (envelope["code"], envelope["data"]) == (506, None), envelope
        assert "eyJ" not in envelope["message"]


async def test_a_devices_token_opens_nothing_else(device: OlaresDevice) -> None:
    answer = await device.billing.api.get("/api/v1/quotas", headers={"Authorization": f"Bearer {device.token()}"})
    assert (answer.status_code, answer.json()["code"]) == (401, "sign_in_needed")


async def test_a_session_that_was_ended_is_asked_to_sign_in_again(world: World, device: OlaresDevice) -> None:
    ends = world.now + timedelta(days=30)
    event = SessionEnded(owner_id=world.owner_id, session_id=device.session_id, ended_at=world.now, tokens_end_at=ends)
    inbox = Inbox(world.database, "billing", "billing.events", consumers.SUBSCRIPTIONS, NoOpTracer())
    for _ in range(2):
        envelope = Envelope(
            id=uuid4(), source="/identity", type=event.name, time=world.now, data=event.model_dump(mode="json")
        )
        [verdict] = await inbox.accept([envelope.model_dump_json().encode()])
        assert verdict.fate is Fate.ACKNOWLEDGE
    for path in (BACKUP, TRAFFIC):
        assert (await device.told(path))["code"] == 506
    other = OlaresDevice(device.billing, device.issuer, device.owner, uuid4())
    assert (await other.usage())["planLevel"] == 2
    runtime = device.billing.runtime
    assert await jobs.forget_ended(runtime, ends - HOUR) == 0
    assert len(await world.every(EndedSession)) == 1
    assert await jobs.forget_ended(runtime, ends + HOUR) == 1
    assert await world.every(EndedSession) == []


@pytest.mark.parametrize("path", [BACKUP, TRAFFIC])
async def test_a_page_of_the_device_may_ask(device: OlaresDevice, path: str) -> None:
    asked = {
        "Origin": "https://settings.alice.olares.com",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    answer = await device.billing.api.options(path, headers=asked)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert "Content-Type" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    body = json.dumps({"userid": device.owner.did, "token": device.token()})
    answer = await device.billing.api.post(
        path, content=body, headers={"Content-Type": "application/json", "Origin": asked["Origin"]}
    )
    assert (answer.json()["code"], answer.headers["access-control-allow-origin"]) == (200, "*")
    for method in ("GET", "PUT", "DELETE"):
        assert (await device.billing.api.request(method, path)).status_code == 405


FIELDS = st.sampled_from(["userid", "token", "message", "body[did]", "%", "=", "&", "+", "\0", "{", '"', "\ud83d", "é"])
BODIES = st.one_of(
    st.binary(max_size=300),
    st.lists(FIELDS | st.text(max_size=12), max_size=40).map("".join),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=12,
    ).map(json.dumps),
    st.integers(1, 2000).map(lambda depth: '{"a":' * depth),
    st.integers(60, 70).map(lambda count: "&".join(f"f{number}=1" for number in range(count))),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=BODIES, path=st.sampled_from([BACKUP, TRAFFIC]), is_signed=st.booleans(), as_json=st.booleans())
async def test_no_body_is_more_than_these_can_bear(
    device: OlaresDevice, body: str | bytes, path: str, is_signed: bool, as_json: bool
) -> None:
    content = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    if is_signed:
        content = f"userid={device.owner.did}&token={device.token()}&".encode() + content
    headers = {"Content-Type": "application/json"} if as_json else {}
    answer = await device.send(path, content, **headers)
    assert answer.status_code == 200, answer.text
    envelope = answer.json()
    assert envelope["code"] in ((200, 422) if is_signed else (422, 506)), (content, envelope)
    assert (envelope["data"] is None) == (envelope["code"] != 200)
