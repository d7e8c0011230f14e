"""Machines of Amazon EC2, by Apache Libcloud in threads."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import TypeVar
from uuid import UUID
from xml.etree.ElementTree import Element

from libcloud.common.types import LibcloudError
from libcloud.compute.base import Node, NodeImage, NodeSize
from libcloud.utils.iso8601 import ParseError

from provisioning.adapters.ec2_codes import verdict
from provisioning.adapters.ec2_region import Ec2Refused, Endpoint, Region, elements, filters, open_region, tags, text
from provisioning.adapters.ec2_settings import Ec2Settings
from provisioning.adapters.user_data import UserDataTooLong, render
from provisioning.ports import (
    CredentialsRefused,
    Machine,
    MachineState,
    MachineWanted,
    OrderRefused,
    OutOfCapacity,
    Unanswered,
)

__all__ = ["Ec2Driver", "Ec2Settings"]

INSTALLATION, INSTANCE = "space:installation", "space:instance"
REGION_NAME = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]+")
PAGE = "1000"
CALLS_AT_ONCE = 32
NAME_LIMIT = 256
GB = 2**30
STATES = {
    "pending": MachineState.PENDING,
    "running": MachineState.RUNNING,
    "stopping": MachineState.STOPPING,
    "stopped": MachineState.STOPPED,
    "shutting-down": MachineState.ENDING,
}
GONE = "terminated"
"""EC2 goes on listing such a machine for about an hour."""

T = TypeVar("T")


@dataclass(frozen=True)
class Listed:
    """A machine as EC2 describes it, one that is gone as well."""

    reference: str
    state: str
    public: str
    private: str
    tags: dict[str, str]

    @property
    def ends(self) -> bool:
        return self.state in ("shutting-down", GONE)

    @classmethod
    def of(cls, item: Element) -> "Listed":
        return cls(
            text(item, "instanceId"),
            text(item, "instanceState/name"),
            text(item, "ipAddress"),
            text(item, "privateIpAddress"),
            tags(item),
        )


class Ec2Driver:
    """The token of a call and two tags name the intent; a call is sent once and never repeated in here.

    Args:
        endpoint_url: Another endpoint than Amazon's, for all regions; a host and a port.
        deadline_seconds: For a whole call of the port. No request is begun after it.
    """

    settle = timedelta(minutes=5)
    """"Eventual consistency in the Amazon EC2 API": "run the Describe command repeatedly, starting with a couple of
    seconds of wait time, and increasing gradually up to five minutes of wait time"."""

    def __init__(
        self,
        provider: str,
        installation: UUID,
        settings: Ec2Settings,
        access_key_id: str,
        secret_access_key: str,
        endpoint_url: str | None = None,
        deadline_seconds: float = 60.0,
    ) -> None:
        Endpoint.of("us-east-1", endpoint_url)
        self.provider = provider
        self._installation = str(installation)
        self._settings = settings
        self._access = (access_key_id, secret_access_key, endpoint_url)
        self._deadline_seconds = deadline_seconds
        # Its own: the loop's has few threads, and calls would wait for those of others.
        self._threads = ThreadPoolExecutor(CALLS_AT_ONCE, f"ec2-{provider}")

    async def create(self, wanted: MachineWanted) -> Machine:
        """Look first: the token keeps apart only calls that are alike and into the same zone.

        "Ensuring idempotency in Amazon EC2 API requests": with other parameters EC2 refuses a token that it knows, and
        with a subnet in another zone it does not know it. Both come from settings that were changed meanwhile.
        """
        return await self._call(wanted.region, lambda region: self._create(region, wanted), OutOfCapacity, OrderRefused)

    async def find(self, region: str, instance_id: UUID) -> Sequence[Machine]:
        def find_in(opened: Region) -> list[Machine]:
            listed = self._look_up(opened, instance_id)
            return [self._machine(region, one, instance_id) for one in listed if one.state != GONE]

        return await self._call(region, find_in)

    async def list_machines(self, region: str) -> Sequence[Machine]:
        def list_in(opened: Region) -> list[Machine]:
            listed = _describe(opened, {f"tag:{INSTALLATION}": self._installation})
            ids = [(one, _instance_id(one)) for one in listed if one.state != GONE]
            return [self._machine(region, one, instance_id) for one, instance_id in ids if instance_id]

        return await self._call(region, list_in)

    async def stop(self, region: str, reference: str) -> None:
        def stop_in(opened: Region) -> None:
            if self._known(opened, reference).state not in ("stopping", "stopped"):
                opened.ask("StopInstances", **{"InstanceId.1": reference})

        await self._call(region, stop_in)

    async def start(self, region: str, reference: str) -> None:
        def start_in(opened: Region) -> None:
            if self._known(opened, reference).state not in ("pending", "running"):
                opened.ask("StartInstances", **{"InstanceId.1": reference})

        await self._call(region, start_in, OutOfCapacity)

    async def restart(self, region: str, reference: str) -> None:
        """One that is off, because its owner shut it down from within, is turned on."""

        def restart_in(opened: Region) -> None:
            state = self._known(opened, reference).state
            if state != "pending":
                action = "StartInstances" if state == "stopped" else "RebootInstances"
                opened.ask(action, **{"InstanceId.1": reference})

        await self._call(region, restart_in)

    async def destroy(self, region: str, reference: str) -> None:
        def destroy_in(opened: Region) -> None:
            listed = self._listed(opened, reference)
            if listed is not None and not listed.ends:
                opened.ask("TerminateInstances", **{"InstanceId.1": reference})

        await self._call(region, destroy_in)

    async def sold_out(self, region: str, sizes: Sequence[str]) -> frozenset[str]:
        """EC2 tells only which types a region has, not whether one is left: that shows when it is asked for."""
        self._refuse_unknown(region)
        if not sizes:
            return frozenset()

        def offered_in(opened: Region) -> set[str]:
            asked = {"LocationType": "region", **filters({"instance-type": sorted(set(sizes))})}
            pages = opened.ask_all("DescribeInstanceTypeOfferings", **asked)
            return {
                text(item, "instanceType") for page in pages for item in elements(page, "instanceTypeOfferingSet/item")
            }

        strange = sorted(set(sizes) - await self._call(region, offered_in, OrderRefused))
        if strange:
            raise OrderRefused(f"EC2 has no {', '.join(strange)} in {region}")
        return frozenset()

    async def _call(self, region: str, work: Callable[[Region], T], *may_raise: type[Exception]) -> T:
        """Do the work in a thread; of what EC2 refuses, only `may_raise` and CredentialsRefused are raised as such."""
        if not REGION_NAME.fullmatch(region):
            refusal = OrderRefused if OrderRefused in may_raise else Unanswered
            raise refusal(f"EC2 has no region {region!r}")
        until = time.monotonic() + self._deadline_seconds

        def in_thread() -> T:
            with open_region(region, *self._access, until) as opened:
                return work(opened)

        try:
            async with asyncio.timeout(self._deadline_seconds):
                return await asyncio.get_running_loop().run_in_executor(self._threads, in_thread)
        except Ec2Refused as refused:
            answer = verdict(refused)
            if isinstance(answer, (CredentialsRefused, *may_raise)):
                raise answer from refused
            raise Unanswered(str(answer)) from refused
        # What the network, or an answer that makes no sense, does to requests and to libcloud.
        except (OSError, LibcloudError, ParseError) as error:
            raise Unanswered(f"EC2 in {region} gave no certain answer: {type(error).__name__}") from error

    def _create(self, opened: Region, wanted: MachineWanted) -> Machine:
        listed = self._look_up(opened, wanted.instance_id) or [self._run(opened, wanted)]
        alive = [one for one in listed if not one.ends]
        if not alive:
            raise OrderRefused(f"the machine of {wanted.instance_id} was destroyed: {listed[0].reference}")
        return self._machine(wanted.region, alive[0], wanted.instance_id)

    def _run(self, opened: Region, wanted: MachineWanted) -> Listed:
        self._refuse_unknown(wanted.region)
        settings, region = self._settings, wanted.region
        subnet = settings.subnets.get(region)
        try:
            user_data = render(wanted.agent, settings)
        except UserDataTooLong as error:
            raise OrderRefused(str(error)) from error
        disk = {"VolumeSize": -(-wanted.disk_bytes // GB), "VolumeType": "gp3", "DeleteOnTermination": "true"}
        # A shutdown from within stops the machine, as is EC2's default: an owner's files are not lost by one.
        node = opened.create_node(
            name=wanted.name[:NAME_LIMIT],
            size=NodeSize(wanted.size, wanted.size, 0, 0, 0, 0, opened),
            image=NodeImage(settings.images[region], "", opened),
            ex_clienttoken=str(wanted.instance_id),
            ex_metadata={INSTALLATION: self._installation, INSTANCE: str(wanted.instance_id)},
            ex_userdata=user_data,
            ex_keyname=settings.key_names.get(region),
            ex_subnet=SimpleNamespace(id=subnet) if subnet else None,
            ex_security_group_ids=settings.security_groups.get(region),
            # In the default VPC that is how its subnets are set, and to say so would need one of them.
            ex_assign_public_ip=settings.public_address and subnet is not None,
            ex_blockdevicemappings=[{"DeviceName": settings.disk_device, "Ebs": disk}],
        )
        if not isinstance(node, Node):
            raise Unanswered(f"EC2 in {region} answered with {len(node)} machines where one was asked for")
        return Listed(
            str(node.id), node.extra["status"], "".join(node.public_ips[:1]), "".join(node.private_ips[:1]), {}
        )

    def _refuse_unknown(self, region: str) -> None:
        if region not in self._settings.images:
            raise OrderRefused(f"no image is named for {region}: name one under images in the offers")

    def _look_up(self, opened: Region, instance_id: UUID) -> list[Listed]:
        """An intent's machines, those that are gone too. By the token as well: tags may be seen later than it."""
        tagged = {f"tag:{INSTALLATION}": self._installation, f"tag:{INSTANCE}": str(instance_id)}
        found = [*_describe(opened, tagged), *_describe(opened, {"client-token": str(instance_id)})]
        ours = {
            one.reference: one for one in found if one.tags.get(INSTALLATION, self._installation) == self._installation
        }
        return [ours[reference] for reference in sorted(ours)]

    def _listed(self, opened: Region, reference: str) -> Listed | None:
        """The machine if it is of this installation. The filter takes wildcards, a reference is none."""
        found = _describe(opened, {"instance-id": reference, f"tag:{INSTALLATION}": self._installation})
        return next((one for one in found if one.reference == reference), None)

    def _known(self, opened: Region, reference: str) -> Listed:
        listed = self._listed(opened, reference)
        if listed is None or listed.ends:
            raise Unanswered(f"EC2 lists no machine {reference} of this installation that has not come to its end")
        return listed

    def _machine(self, region: str, listed: Listed, instance_id: UUID) -> Machine:
        state = STATES.get(listed.state)
        if state is None:
            raise Unanswered(f"EC2 says that {listed.reference} is {listed.state!r}, which is not known here")
        address = listed.public if self._settings.public_address else listed.private
        return Machine(instance_id, listed.reference, region, state, address or None)


def _describe(opened: Region, wanted: Mapping[str, str]) -> list[Listed]:
    pages = opened.ask_all("DescribeInstances", MaxResults=PAGE, **filters(wanted))
    return [Listed.of(item) for page in pages for item in elements(page, "reservationSet/item/instancesSet/item")]


def _instance_id(listed: Listed) -> UUID | None:
    try:
        return UUID(listed.tags.get(INSTANCE, ""))
    except ValueError:
        return None
