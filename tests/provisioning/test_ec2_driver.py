"""EC2 by libcloud over HTTP: moto behind a proxy that loses answers, is late, refuses, and hides what was just made."""

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
from pydantic import ValidationError

from provisioning.adapters.ec2 import Ec2Driver, Ec2Settings
from provisioning.adapters.user_data import LIMIT_BYTES, render
from provisioning.ports import (
    CredentialsRefused,
    Machine,
    MachineState,
    MachineWanted,
    OrderRefused,
    OutOfCapacity,
    Unanswered,
)
from tests.support.ec2 import IMAGE, REGION, SETTINGS, SIZE, driver, ec2, wanted
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


async def tags_of(cloud: Ec2Proxy, reference: str) -> dict[str, str]:
    form = cloud.asked("RunInstances")[-1]
    numbers = [
        name.split(".")[3] for name in form if name.startswith("TagSpecification.1.Tag.") and name.endswith("Key")
    ]
    root = "TagSpecification.1.Tag."
    return {form[f"{root}{number}.Key"]: form[f"{root}{number}.Value"] for number in numbers}


# A machine and its intent


async def test_a_machine_is_asked_for_with_its_token_its_tags_and_everything_that_is_set(
    cloud: Ec2Proxy, aws: Ec2Driver
) -> None:
    asked = wanted()
    machine = await aws.create(asked)
    assert machine == Machine(asked.instance_id, machine.reference, REGION, MachineState.PENDING, machine.address)
    (form,) = cloud.asked("RunInstances")
    assert form["ClientToken"] == str(asked.instance_id)
    assert (form["ImageId"], form["InstanceType"], form["MinCount"], form["MaxCount"]) == (IMAGE, SIZE, "1", "1")
    disk = {name.removeprefix("BlockDeviceMapping.1."): value for name, value in form.items() if "BlockDevice" in name}
    assert disk == {
        "DeviceName": "/dev/sda1",
        "Ebs.VolumeSize": "40",
        "Ebs.VolumeType": "gp3",
        "Ebs.DeleteOnTermination": "true",
    }
    assert form["TagSpecification.1.ResourceType"] == "instance"
    assert await tags_of(cloud, machine.reference) == {
        "Name": "alice@olares.com",
        "space:installation": aws._installation,
        "space:instance": str(asked.instance_id),
    }
    told = base64.b64decode(form["UserData"]).decode()
    assert told == render(asked.agent, Ec2Settings.model_validate(SETTINGS))
    assert (form["MetadataOptions.HttpTokens"], form["MetadataOptions.HttpPutResponseHopLimit"]) == ("required", "1")
    # A shutdown from within stops the machine: that is EC2's default, and so nothing is said.
    assert not {"InstanceInitiatedShutdownBehavior", "KeyName", "SubnetId"} & set(form)


async def test_a_machine_goes_where_its_region_says_with_its_groups_its_key_and_a_public_address(
    cloud: Ec2Proxy,
) -> None:
    subnet, group = await cloud.default_subnet("eu-west-1")
    settings: dict[str, Any] = {
        "subnets": {"eu-west-1": subnet},
        "security_groups": {"eu-west-1": [group]},
        "key_names": {"eu-west-1": "operators"},
    }
    machine = await driver(cloud, **settings).create(wanted(region="eu-west-1"))
    assert machine.region == "eu-west-1"
    assert machine.address
    form = cloud.asked("RunInstances")[-1]
    assert form["KeyName"] == "operators"
    assert form["NetworkInterface.1.SubnetId"] == subnet
    assert form["NetworkInterface.1.SecurityGroupId.1"] == group
    assert form["NetworkInterface.1.AssociatePublicIpAddress"] == "true"


async def test_without_a_public_address_a_machine_is_known_by_its_private_one(cloud: Ec2Proxy) -> None:
    subnet, _ = await cloud.default_subnet(REGION)
    aws = driver(cloud, subnets={REGION: subnet}, public_address=False)
    machine = await aws.create(wanted())
    assert machine.address is not None
    assert machine.address.startswith("172.31.")
    assert "SubnetId" in cloud.asked("RunInstances")[-1]


async def test_regions_have_machines_of_their_own(cloud: Ec2Proxy, aws: Ec2Driver) -> None:
    asked = wanted(region="eu-west-1")
    machine = await aws.create(asked)
    assert await aws.find(REGION, asked.instance_id) == []
    assert [found.reference for found in await aws.find("eu-west-1", asked.instance_id)] == [machine.reference]


async def test_a_region_that_libcloud_does_not_know_is_a_region(cloud: Ec2Proxy) -> None:
    aws = driver(cloud, images={"ap-southeast-3": IMAGE})
    asked = wanted(region="ap-southeast-3")
    machine = await aws.create(asked)
    assert [found.reference for found in await aws.list_machines("ap-southeast-3")] == [machine.reference]


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


# Looking


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("pending", MachineState.PENDING),
        ("running", MachineState.RUNNING),
        ("stopping", MachineState.STOPPING),
        ("stopped", MachineState.STOPPED),
        ("shutting-down", MachineState.ENDING),
    ],
)
async def test_a_machine_is_in_the_state_that_ec2_says(
    cloud: Ec2Proxy, aws: Ec2Driver, said: str, state: MachineState
) -> None:
    asked = wanted()
    machine = await aws.create(asked)
    cloud.pretend(machine.reference, said)
    assert [found.state for found in await aws.find(REGION, asked.instance_id)] == [state]
    assert [found.state for found in await aws.list_machines(REGION)] == [state]


async def test_a_machine_that_is_gone_is_none(cloud: Ec2Proxy, aws: Ec2Driver) -> None:
    asked = wanted()
    await aws.destroy(REGION, (await aws.create(asked)).reference)
    assert await aws.find(REGION, asked.instance_id) == []
    assert await aws.list_machines(REGION) == []


async def test_a_state_that_is_new_is_no_answer(cloud: Ec2Proxy, aws: Ec2Driver) -> None:
    asked = wanted()
    cloud.pretend((await aws.create(asked)).reference, "hibernating")
    with pytest.raises(Unanswered, match="hibernating"):
        await aws.find(REGION, asked.instance_id)


async def test_all_pages_are_read(cloud: Ec2Proxy, aws: Ec2Driver) -> None:
    cloud.page = 2
    made = {(await aws.create(wanted())).reference for _ in range(5)}
    cloud.seen.clear()
    assert {machine.reference for machine in await aws.list_machines(REGION)} == made
    assert len(cloud.asked("DescribeInstances")) == 3


async def test_half_a_list_is_no_list(cloud: Ec2Proxy, aws: Ec2Driver) -> None:
    for _ in range(3):
        await aws.create(wanted())
    cloud.page = 2
    cloud.will_say("RequestLimitExceeded", "DescribeInstances", status=503, after=1)
    with pytest.raises(Unanswered, match="RequestLimitExceeded"):
        await aws.list_machines(REGION)


async def test_a_machine_whose_tags_are_not_seen_yet_is_found_by_its_token(cloud: Ec2Proxy, aws: Ec2Driver) -> None:
    asked = wanted()
    machine = await aws.create(asked)
    await cloud.send(REGION, "DeleteTags", **{"ResourceId.1": machine.reference})
    assert [found.reference for found in await aws.find(REGION, asked.instance_id)] == [machine.reference]


async def test_two_machines_of_one_intent_are_both_told(cloud: Ec2Proxy, aws: Ec2Driver) -> None:
    asked = wanted()
    first = await aws.create(asked)
    twin = await cloud.make_foreign(REGION, aws._installation, str(asked.instance_id))
    assert {found.reference for found in await aws.find(REGION, asked.instance_id)} == {first.reference, twin}


async def test_machines_of_others_are_neither_seen_nor_touched(cloud: Ec2Proxy, aws: Ec2Driver) -> None:
    asked = wanted()
    theirs = (await driver(cloud).create(asked)).reference
    nobodys = await cloud.make_foreign(REGION)
    without_intent = await cloud.make_foreign(REGION, aws._installation, "a-pet-of-the-operator")
    assert await aws.find(REGION, asked.instance_id) == []
    assert await aws.list_machines(REGION) == []
    cloud.seen.clear()
    for reference in (theirs, nobodys, "*", "i-0"):
        await aws.destroy(REGION, reference)
        for touch in (aws.stop, aws.start, aws.restart):
            with pytest.raises(Unanswered, match="lists no machine"):
                await touch(REGION, reference)
    assert {form["Action"] for form in cloud.seen} == {"DescribeInstances"}
    for reference in (theirs, nobodys, without_intent):
        assert await cloud.state(REGION, reference) == "running"


# On, off and away


async def test_a_machine_is_turned_off_on_and_destroyed_and_each_may_come_twice(
    cloud: Ec2Proxy, aws: Ec2Driver
) -> None:
    asked = wanted()
    reference = (await aws.create(asked)).reference

    async def state() -> MachineState | None:
        return next((found.state for found in await aws.find(REGION, asked.instance_id)), None)

    expected: list[tuple[Callable[[str, str], Any], MachineState | None]] = [
        (aws.start, MachineState.RUNNING),
        (aws.stop, MachineState.STOPPED),
        (aws.start, MachineState.RUNNING),
        (aws.restart, MachineState.RUNNING),
        (aws.destroy, None),
    ]
    for act, after in expected:
        for _ in range(2):
            await act(REGION, reference)
            assert await state() is after
    assert len(cloud.asked("TerminateInstances")) == 1


async def test_a_machine_that_was_shut_down_from_within_is_started_by_a_restart(
    cloud: Ec2Proxy, aws: Ec2Driver
) -> None:
    asked = wanted()
    reference = (await aws.create(asked)).reference
    await cloud.send(REGION, "StopInstances", **{"InstanceId.1": reference})
    await aws.restart(REGION, reference)
    assert await cloud.state(REGION, reference) == "running"
    assert not cloud.asked("RebootInstances")


async def test_a_machine_that_starts_is_not_turned_over_once_more(cloud: Ec2Proxy, aws: Ec2Driver) -> None:
    reference = (await aws.create(wanted())).reference
    cloud.pretend(reference, "pending")
    await aws.restart(REGION, reference)
    await aws.start(REGION, reference)
    assert not cloud.asked("RebootInstances") + cloud.asked("StartInstances")


async def test_the_wrong_moment_to_turn_a_machine_on_is_no_answer_and_too_few_machines_is_one(
    cloud: Ec2Proxy, aws: Ec2Driver
) -> None:
    reference = (await aws.create(wanted())).reference
    cloud.pretend(reference, "stopping")
    cloud.will_say("IncorrectInstanceState", "StartInstances")
    with pytest.raises(Unanswered, match="IncorrectInstanceState"):
        await aws.start(REGION, reference)
    cloud.pretend(reference, "stopped")
    cloud.will_say("InsufficientInstanceCapacity", "StartInstances", status=500)
    with pytest.raises(OutOfCapacity):
        await aws.start(REGION, reference)
    cloud.will_say("InsufficientInstanceCapacity", "StartInstances", status=500)
    with pytest.raises(Unanswered, match="InsufficientInstanceCapacity"):
        await aws.restart(REGION, reference)


async def test_what_never_was_is_destroyed_without_a_word(cloud: Ec2Proxy, aws: Ec2Driver) -> None:
    await aws.destroy(REGION, "i-0123456789abcdef0")
    await aws.destroy(REGION, "no such thing")
    assert not cloud.asked("TerminateInstances")


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
        await driver(cloud, disk_gb={"t9.galactic": 40}).create(wanted(size="t9.galactic"))


async def test_nobody_there_is_no_answer() -> None:
    aws = Ec2Driver("aws", uuid4(), Ec2Settings.model_validate(SETTINGS), "k", "s", "http://127.0.0.1:9", 5)
    with pytest.raises(Unanswered, match="ConnectionError"):
        await aws.find(REGION, uuid4())


@pytest.mark.parametrize("kind", ["delay", "slow"])
async def test_who_is_late_has_not_answered_and_the_deadline_is_for_the_whole_call(cloud: Ec2Proxy, kind: Kind) -> None:
    aws, asked = driver(cloud, deadline_seconds=1), wanted()
    cloud.will(kind, "RunInstances", seconds=2)
    began = time.monotonic()
    with pytest.raises(Unanswered):
        await aws.create(asked)
    assert time.monotonic() - began < 1.5
    await asyncio.sleep(2)
    assert len(await driver(cloud, UUID(aws._installation)).find(REGION, asked.instance_id)) == 1
    assert len(cloud.asked("RunInstances")) == 1


async def test_nothing_is_asked_for_once_the_deadline_has_passed(cloud: Ec2Proxy) -> None:
    aws, asked = driver(cloud, deadline_seconds=0.5), wanted()
    cloud.will("delay", "DescribeInstances", seconds=1)
    with pytest.raises(Unanswered):
        await aws.create(asked)
    await asyncio.sleep(1)
    assert not cloud.asked("RunInstances")


async def test_a_request_is_sent_once_even_where_libcloud_is_told_to_repeat(
    cloud: Ec2Proxy, aws: Ec2Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIBCLOUD_RETRY_FAILED_HTTP_REQUESTS", "1")
    cloud.will("refuse", "RunInstances")
    with pytest.raises(Unanswered):
        await aws.create(wanted())
    assert len(cloud.asked("RunInstances")) == 1


async def test_calls_do_not_wait_for_one_that_hangs(cloud: Ec2Proxy, aws: Ec2Driver) -> None:
    for _ in range(8):
        cloud.will("slow", "DescribeInstanceTypeOfferings", seconds=2)
    hanging = [asyncio.create_task(aws.sold_out(REGION, [SIZE])) for _ in range(8)]
    await asyncio.sleep(0.3)
    began = time.monotonic()
    assert await aws.list_machines(REGION) == []
    assert time.monotonic() - began < 1.5
    await asyncio.gather(*hanging)


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


# Offers and settings


async def test_a_type_that_a_region_has_is_not_sold_out_and_one_that_it_has_not_never_comes(
    cloud: Ec2Proxy,
) -> None:
    aws = driver(cloud, disk_gb={SIZE: 40, "t3.small": 20, "t9.galactic": 8})
    assert await aws.sold_out(REGION, [SIZE, "t3.small", SIZE]) == frozenset()
    with pytest.raises(OrderRefused, match=r"EC2 has no t9\.galactic in us-east-1"):
        await aws.sold_out(REGION, [SIZE, "t9.galactic"])
    with pytest.raises(OrderRefused, match=r"no disk is named for c5\.large"):
        await aws.sold_out(REGION, ["c5.large"])
    with pytest.raises(OrderRefused, match="no image is named for eu-north-1"):
        await aws.sold_out("eu-north-1", [SIZE])
    cloud.seen.clear()
    assert await aws.sold_out(REGION, []) == frozenset()
    assert not cloud.seen


@pytest.mark.parametrize(
    "asked", [wanted(region="eu-north-1"), wanted(size="c5.large"), wanted(region="@evil.test/"), wanted(region="")]
)
async def test_what_the_settings_do_not_name_is_refused_before_it_is_asked_for(
    cloud: Ec2Proxy, aws: Ec2Driver, asked: MachineWanted
) -> None:
    with pytest.raises(OrderRefused):
        await aws.create(asked)
    assert not cloud.asked("RunInstances")


async def test_more_than_ec2_lets_a_machine_be_told_is_refused(cloud: Ec2Proxy, aws: Ec2Driver) -> None:
    asked = wanted()
    long = {**asked.agent, "ca_certificate": "x" * LIMIT_BYTES}
    with pytest.raises(OrderRefused, match="16384 are possible"):
        await aws.create(wanted(agent=long))
    nearly = {**asked.agent, "ca_certificate": "x" * (LIMIT_BYTES - 6000)}
    assert (await aws.create(wanted(agent=nearly))).reference


async def test_a_name_is_data_whatever_it_is(cloud: Ec2Proxy, aws: Ec2Driver) -> None:
    name = "a&Action=TerminateInstances#\"'<x>;é\U0001f600" * 20
    machine = await aws.create(wanted(name=name))
    assert (await tags_of(cloud, machine.reference))["Name"] == name[:256]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"images": {}}, "images"),
        ({"images": {"us-east-1": "debian"}}, "ami-"),
        ({"images": {"US East": IMAGE}}, "images"),
        ({"disk_gb": {SIZE: 4}}, "greater than or equal to 8"),
        ({"disk_gb": {}}, "disk_gb"),
        ({"agent_package": ""}, "agent_package"),
        ({"agent_package": "a\n--index-url https://evil.test"}, "agent_package"),
        ({"subnets": {"eu-north-1": "subnet-1"}}, "no image is named for eu-north-1"),
        ({"security_groups": {REGION: ["sg-1"]}}, "subnets has none for us-east-1"),
        ({"disk": "olares"}, "disk"),
        ({"restore_target": {"path": "Home"}}, "path"),
        ({"activation": "olares-cli activate"}, "activation"),
        ({"activations": ["x"]}, "Extra inputs are not permitted"),
    ],
)
async def test_settings_that_cannot_be_are_refused_in_words(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Ec2Settings.model_validate({**SETTINGS, **change})


@pytest.mark.parametrize("url", ["ftp://host", "http://", "https://host/path", "https://host?x=1", "host:80"])
async def test_an_endpoint_is_a_host_and_a_port(url: str) -> None:
    with pytest.raises(ValueError, match="https://host:port"):
        Ec2Driver("aws", uuid4(), Ec2Settings.model_validate(SETTINGS), "k", "s", url)
