"""EC2 by libcloud over HTTP: moto behind a proxy that loses answers, is late, refuses, and hides what was just made."""

import base64
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from provisioning.adapters.ec2 import Ec2Driver, Ec2Settings
from provisioning.adapters.user_data import LIMIT_BYTES, render
from provisioning.ports import (
    Machine,
    MachineState,
    MachineWanted,
    OrderRefused,
    OutOfCapacity,
    Unanswered,
)
from tests.support.ec2 import IMAGE, REGION, SETTINGS, SIZE, driver, ec2, wanted
from tests.support.ec2_proxy import Ec2Proxy

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
    tags = {"Tag.1.Key": "space:installation", "Tag.2.Key": "space:instance"}
    await cloud.send(REGION, "DeleteTags", **{"ResourceId.1": machine.reference}, **tags)
    assert await aws.list_machines(REGION) == []
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


@pytest.mark.parametrize("state", ["shutting-down", "terminated"])
async def test_a_machine_that_ends_is_left_alone(cloud: Ec2Proxy, aws: Ec2Driver, state: str) -> None:
    reference = (await aws.create(wanted())).reference
    cloud.pretend(reference, state)
    await aws.destroy(REGION, reference)
    for touch in (aws.stop, aws.start, aws.restart):
        with pytest.raises(Unanswered, match="come to its end"):
            await touch(REGION, reference)
    assert {form["Action"] for form in cloud.seen} == {"DescribeInstances", "RunInstances"}


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


# What it offers


async def test_a_type_that_a_region_has_is_not_sold_out_and_one_that_it_has_not_never_comes(
    cloud: Ec2Proxy,
) -> None:
    aws = driver(cloud)
    assert await aws.sold_out(REGION, [SIZE, "t3.small", SIZE]) == frozenset()
    with pytest.raises(OrderRefused, match=r"EC2 has no t9\.galactic in us-east-1"):
        await aws.sold_out(REGION, [SIZE, "t9.galactic"])
    with pytest.raises(OrderRefused, match="no image is named for eu-north-1"):
        await aws.sold_out("eu-north-1", [SIZE])
    cloud.seen.clear()
    assert await aws.sold_out(REGION, []) == frozenset()
    assert not cloud.seen


@pytest.mark.parametrize("asked", [wanted(region="eu-north-1"), wanted(region="@evil.test/"), wanted(region="")])
async def test_what_the_settings_do_not_name_is_refused_before_it_is_asked_for(
    cloud: Ec2Proxy, aws: Ec2Driver, asked: MachineWanted
) -> None:
    with pytest.raises(OrderRefused):
        await aws.create(asked)
    assert not cloud.asked("RunInstances")


@pytest.mark.parametrize("region", ["", "@evil.test/", "us-east-1.evil.test", "US-EAST-1"])
async def test_what_is_no_region_is_asked_for_nowhere(cloud: Ec2Proxy, aws: Ec2Driver, region: str) -> None:
    with pytest.raises(Unanswered, match="EC2 has no region"):
        await aws.find(region, uuid4())
    with pytest.raises(Unanswered, match="EC2 has no region"):
        await aws.list_machines(region)
    assert not cloud.seen


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
