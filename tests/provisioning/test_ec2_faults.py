"""EC2 at its worst: answers that are lost, late, refused or nonsense, and never a second machine for one intent."""

import asyncio
import base64
import logging
import time
import traceback
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from provisioning.adapters.ec2 import Ec2Driver, Ec2Settings
from provisioning.ports import (
    CredentialsRefused,
    OrderRefused,
    OutOfCapacity,
    Unanswered,
)
from tests.support.ec2 import REGION, SETTINGS, SIZE, driver, ec2, wanted
from tests.support.ec2_proxy import Ec2Proxy, Kind

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def moto(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ec2Proxy]:
    async with ec2(tmp_path_factory.mktemp("moto")) as proxy:
        yield proxy


@pytest.fixture
def cloud(moto: Ec2Proxy) -> Ec2Proxy:
    moto.reset()
    return moto


@pytest.fixture
def aws(cloud: Ec2Proxy) -> Ec2Driver:
    return driver(cloud)


# Never two


async def test_asked_for_at_once_and_again_there_is_one_machine(cloud: Ec2Proxy, aws: Ec2Driver) -> None:
    asked = wanted()
    machines = await asyncio.gather(*(aws.create(asked) for _ in range(6)))
    again = await aws.create(asked)
    assert len({machine.reference for machine in [*machines, again]}) == 1
    assert len(await aws.find(REGION, asked.instance_id)) == 1


async def test_the_same_intent_is_the_same_request_to_the_byte(cloud: Ec2Proxy, aws: Ec2Driver) -> None:
    asked = wanted()
    cloud.hidden.add(str(asked.instance_id))
    first, second = await aws.create(asked), await aws.create(wanted(asked.instance_id, agent=dict(asked.agent)))
    assert first.reference == second.reference
    one, other = cloud.asked("RunInstances")
    assert one == other


@pytest.mark.parametrize("kind", ["drop", "nonsense", "empty", "cut"])
async def test_a_machine_whose_answer_was_lost_is_found_and_not_made_again(
    cloud: Ec2Proxy, aws: Ec2Driver, kind: Kind
) -> None:
    asked = wanted()
    cloud.will(kind, "RunInstances")
    with pytest.raises(Unanswered):
        await aws.create(asked)
    (found,) = await aws.find(REGION, asked.instance_id)
    machine = await aws.create(asked)
    assert machine == found
    assert len(cloud.asked("RunInstances")) == 1


async def test_a_machine_that_is_not_listed_yet_is_kept_from_a_second_by_its_token(
    cloud: Ec2Proxy, aws: Ec2Driver
) -> None:
    asked = wanted()
    cloud.will("drop", "RunInstances")
    cloud.hidden.add(str(asked.instance_id))
    with pytest.raises(Unanswered):
        await aws.create(asked)
    assert await aws.find(REGION, asked.instance_id) == []
    machine = await aws.create(asked)
    cloud.hidden.clear()
    assert [found.reference for found in await aws.find(REGION, asked.instance_id)] == [machine.reference]


async def test_a_token_that_was_used_with_other_settings_is_no_proof_that_nothing_was_made(cloud: Ec2Proxy) -> None:
    installation, asked = uuid4(), wanted()
    before, after = driver(cloud, installation), driver(cloud, installation, olares_install="true")
    cloud.hidden.add(str(asked.instance_id))
    machine = await before.create(asked)
    with pytest.raises(Unanswered, match="IdempotentParameterMismatch"):
        await after.create(asked)
    cloud.hidden.clear()
    assert (await after.create(asked)).reference == machine.reference


async def test_a_machine_in_another_zone_is_found_before_its_token_would_make_a_second(cloud: Ec2Proxy) -> None:
    installation, asked = uuid4(), wanted()
    machine = await driver(cloud, installation).create(asked)
    subnet, _ = await cloud.default_subnet(REGION)
    moved = driver(cloud, installation, subnets={REGION: subnet})
    assert (await moved.create(asked)).reference == machine.reference
    assert len(cloud.asked("RunInstances")) == 1


@pytest.mark.parametrize("refuses_ended", [False, True])
@pytest.mark.parametrize("listed", [False, True])
async def test_an_intent_whose_machine_was_destroyed_gets_no_other(
    cloud: Ec2Proxy, aws: Ec2Driver, refuses_ended: bool, listed: bool
) -> None:
    asked = wanted()
    machine = await aws.create(asked)
    await aws.destroy(REGION, machine.reference)
    cloud.refuses_ended = refuses_ended
    if not listed:
        cloud.hidden.add(str(asked.instance_id))
    with pytest.raises(OrderRefused):
        await aws.create(asked)
    cloud.hidden.clear()
    assert await aws.find(REGION, asked.instance_id) == []


async def test_an_intent_whose_machine_is_on_its_way_out_gets_no_other(cloud: Ec2Proxy, aws: Ec2Driver) -> None:
    asked = wanted()
    machine = await aws.create(asked)
    cloud.pretend(machine.reference, "shutting-down")
    with pytest.raises(OrderRefused, match="was destroyed"):
        await aws.create(asked)


# What goes wrong


@pytest.mark.parametrize(
    ("code", "status", "meaning"),
    [
        # EC2 itself answers it as an error of its own.
        ("InsufficientInstanceCapacity", 500, OutOfCapacity),
        ("InsufficientFreeAddressesInSubnet", 400, OutOfCapacity),
        ("InstanceLimitExceeded", 400, OutOfCapacity),
        ("VcpuLimitExceeded", 400, OutOfCapacity),
        ("Unsupported", 400, OrderRefused),
        ("InvalidParameterValue", 400, OrderRefused),
        ("InvalidAMIID.NotFound", 400, OrderRefused),
        ("InvalidKeyPair.NotFound", 400, OrderRefused),
        ("InvalidSubnetID.NotFound", 400, OrderRefused),
        ("IdempotentInstanceTerminated", 400, OrderRefused),
        ("SomethingNew", 400, OrderRefused),
        ("AuthFailure", 401, CredentialsRefused),
        ("InvalidClientTokenId", 403, CredentialsRefused),
        ("UnauthorizedOperation", 403, CredentialsRefused),
        ("SignatureDoesNotMatch", 403, CredentialsRefused),
        ("OptInRequired", 401, CredentialsRefused),
        ("RequestExpired", 400, CredentialsRefused),
        ("RequestLimitExceeded", 503, Unanswered),
        ("RequestLimitExceeded", 400, Unanswered),
        ("InternalError", 500, Unanswered),
        ("Unavailable", 503, Unanswered),
        ("SomethingNew", 502, Unanswered),
        ("", 400, Unanswered),
    ],
)
async def test_what_ec2_says_means_something_to_us(
    cloud: Ec2Proxy, aws: Ec2Driver, code: str, status: int, meaning: type[Exception]
) -> None:
    cloud.will_say(code, "RunInstances", status=status)
    with pytest.raises(meaning, match="Said on demand") as told:
        await aws.create(wanted())
    assert type(told.value) is meaning
    assert len(cloud.asked("RunInstances")) == 1


async def test_keys_that_are_refused_are_told_by_every_call(cloud: Ec2Proxy, aws: Ec2Driver) -> None:
    calls: list[tuple[str, Callable[[], Any]]] = [
        ("DescribeInstances", lambda: aws.create(wanted())),
        ("DescribeInstances", lambda: aws.find(REGION, uuid4())),
        ("DescribeInstances", lambda: aws.list_machines(REGION)),
        ("DescribeInstances", lambda: aws.stop(REGION, "i-0")),
        ("DescribeInstances", lambda: aws.start(REGION, "i-0")),
        ("DescribeInstances", lambda: aws.restart(REGION, "i-0")),
        ("DescribeInstances", lambda: aws.destroy(REGION, "i-0")),
        ("DescribeInstanceTypeOfferings", lambda: aws.sold_out(REGION, [SIZE])),
    ]
    for action, call in calls:
        cloud.will_say("AuthFailure", action, status=401)
        with pytest.raises(CredentialsRefused, match="AuthFailure"):
            await call()


async def test_a_question_that_ec2_does_not_take_is_no_answer(cloud: Ec2Proxy, aws: Ec2Driver) -> None:
    cloud.will_say("InvalidParameterValue", "DescribeInstances")
    with pytest.raises(Unanswered, match="InvalidParameterValue"):
        await aws.find(REGION, uuid4())


@pytest.mark.parametrize("kind", ["drop", "refuse", "nonsense", "empty", "cut"])
async def test_a_look_that_is_not_answered_makes_nothing(cloud: Ec2Proxy, aws: Ec2Driver, kind: Kind) -> None:
    cloud.will(kind, "DescribeInstances")
    with pytest.raises(Unanswered):
        await aws.create(wanted())
    assert not cloud.asked("RunInstances")
    cloud.will(kind, "DescribeInstances")
    with pytest.raises(Unanswered):
        await aws.list_machines(REGION)


async def test_a_real_refusal_is_one(cloud: Ec2Proxy) -> None:
    with pytest.raises(OrderRefused, match=r"InvalidAMIID\.NotFound"):
        await driver(cloud, images={REGION: "ami-0123456789"}).create(wanted())
    with pytest.raises(OrderRefused, match="InvalidInstanceType"):
        await driver(cloud).create(wanted(size="t9.galactic"))


async def test_nobody_there_is_no_answer() -> None:
    aws = Ec2Driver("aws", uuid4(), Ec2Settings.model_validate(SETTINGS), "k", "s", "http://127.0.0.1:9", 5)
    with pytest.raises(Unanswered, match="ConnectionError"):
        await aws.find(REGION, uuid4())


@pytest.mark.parametrize("kind", ["delay", "slow"])
async def test_who_is_late_has_not_answered_and_the_deadline_is_for_the_whole_call(cloud: Ec2Proxy, kind: Kind) -> None:
    aws, asked = driver(cloud, deadline_seconds=3), wanted()
    cloud.will(kind, "RunInstances", seconds=8)
    began = time.monotonic()
    with pytest.raises(Unanswered):
        await aws.create(asked)
    assert time.monotonic() - began < 7.5
    patient = driver(cloud, UUID(aws._installation))
    async with asyncio.timeout(20):
        while not (found := await patient.find(REGION, asked.instance_id)):
            await asyncio.sleep(0.1)
    assert len(found) == 1
    assert len(cloud.asked("RunInstances")) == 1


@pytest.mark.parametrize("kind", ["delay", "trickle"])
async def test_nothing_is_asked_for_once_the_deadline_has_passed(cloud: Ec2Proxy, kind: Kind) -> None:
    """An answer that trickles outlasts the time-outs of its socket."""
    aws, asked = driver(cloud, deadline_seconds=0.5), wanted()
    cloud.will(kind, "DescribeInstances", seconds=1)
    with pytest.raises(Unanswered):
        await aws.create(asked)
    await asyncio.sleep(1.5)
    assert len(cloud.seen) == 1


async def test_a_request_is_sent_once_even_where_libcloud_is_told_to_repeat(
    cloud: Ec2Proxy, aws: Ec2Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIBCLOUD_RETRY_FAILED_HTTP_REQUESTS", "1")
    cloud.will("refuse", "RunInstances")
    with pytest.raises(Unanswered):
        await aws.create(wanted())
    assert len(cloud.asked("RunInstances")) == 1


async def test_calls_do_not_wait_for_those_that_hang(cloud: Ec2Proxy, aws: Ec2Driver) -> None:
    for _ in range(8):
        cloud.will("slow", "DescribeInstanceTypeOfferings", seconds=10)
    hanging = [asyncio.create_task(aws.sold_out(REGION, [SIZE])) for _ in range(8)]
    while len(cloud.asked("DescribeInstanceTypeOfferings")) < 6:
        await asyncio.sleep(0.05)
    assert await aws.list_machines(REGION) == []
    assert not any(task.done() for task in hanging)
    for task in hanging:
        task.cancel()
    await asyncio.wait(hanging)


# Secrets


async def test_secrets_are_in_no_address_no_error_and_no_log(
    cloud: Ec2Proxy, aws: Ec2Driver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    asked, told = wanted(), ""
    kinds: list[Kind] = ["refuse", "drop", "nonsense"]
    for kind in kinds:
        cloud.will(kind, "RunInstances")
        cloud.hidden.add(str(asked.instance_id))
        with pytest.raises(Unanswered) as unanswered:
            await aws.create(asked)
        told += "".join(traceback.format_exception(unanswered.value))
    user_data = cloud.asked("RunInstances")[0]["UserData"]
    assert b"an-enrolment-secret" in base64.b64decode(user_data)
    assert set(cloud.targets) == {"/"}
    for secret in ("an-enrolment-secret", user_data[:200], "secret-of-the-tests"):
        assert secret not in told
        assert secret not in caplog.text
        assert secret not in repr(asked)
