"""What an instance uses: traffic that is never told twice or taken back, and bytes on its disk."""

import asyncio
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from agent.instance.config import InstanceConfig
from agent.instance.disk import Disk
from agent.instance.kept import Folder, KeptNumber
from agent.instance.traffic import InterfaceTraffic, OwnTraffic
from tests.agent.running_agents import AgentProcess, free_port, living, settings, until, wait_until
from tests.support.provisioning_double import ProvisioningDouble

NET_DEV = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier
    lo: 900 9 0 0 0 0 0 0 900 9 0 0 0 0 0 0
  ens5: 1000 10 0 0 0 0 0 0 200 2 0 0 0 0 0 0
veth12:5000 50 0 0 0 0 0 0 4000 40 0 0 0 0 0 0
"""


@pytest.fixture
def double() -> Iterator[ProvisioningDouble]:
    double = ProvisioningDouble()
    yield double
    double.close()


@pytest.fixture
def agent(double: ProvisioningDouble, tmp_path: Path) -> Iterator[AgentProcess]:
    agent = AgentProcess(tmp_path, settings(double, tmp_path / "folder"))
    yield agent
    agent.kill()


def traffic(double: ProvisioningDouble) -> list[int]:
    return [beat["traffic_bytes"] for beat in double.heartbeats]


def test_own_traffic_rises_over_kills_and_restarts(double: ProvisioningDouble, agent: AgentProcess) -> None:
    for start in (1, 2, 3):
        agent.start()
        wait_until(lambda least=4 * start: len(double.heartbeats) >= least)  # type: ignore[misc]
        agent.kill()

    assert traffic(double) == sorted(traffic(double))
    assert 0 < traffic(double)[0] < 5_000


async def test_own_traffic_counts_its_calls_and_its_page(double: ProvisioningDouble, tmp_path: Path) -> None:
    port = free_port()
    async with living(settings(double, tmp_path / "folder", listen=f"127.0.0.1:{port}")):
        await until(lambda: len(double.heartbeats) >= 5)
        quiet = traffic(double)
        async with httpx.AsyncClient() as visitor:
            answers = [await visitor.get(f"http://127.0.0.1:{port}/") for _ in range(50)]
        await until(lambda: len(double.heartbeats) >= len(quiet) + 3)

    each = (quiet[-1] - quiet[0]) / (len(quiet) - 1)
    assert 500 < each < 5_000
    assert traffic(double)[-1] - quiet[-1] > 50 * len(answers[0].content)


async def test_a_counter_whose_file_is_lost_or_damaged_starts_again(double: ProvisioningDouble, tmp_path: Path) -> None:
    file = tmp_path / "folder" / "traffic"
    for content in (None, b"", b"many"):
        async with living(settings(double, tmp_path / "folder")):
            before = len(double.heartbeats)
            await until(lambda before=before: len(double.heartbeats) > before + 3)  # type: ignore[misc]
        high = traffic(double)[-1]
        file.unlink()
        if content is not None:
            file.write_bytes(content)
        async with living(settings(double, tmp_path / "folder")):
            before = len(double.heartbeats)
            await until(lambda before=before: len(double.heartbeats) > before)  # type: ignore[misc]
        assert traffic(double)[before] < high


def test_a_kept_number_is_on_the_disk_before_it_is_used(tmp_path: Path) -> None:
    number = KeptNumber(tmp_path / "number")

    assert [number.next(), number.next()] == [1, 2]
    assert KeptNumber(tmp_path / "number").value == 2
    number.keep(10**19)
    assert KeptNumber(tmp_path / "number").value == 10**19


def test_what_was_told_is_kept_and_what_was_not_told_may_be_lost(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "folder")
    counter = OwnTraffic(folder, print)
    counter.add(1000)
    told = counter.read()
    counter.add(5)

    assert OwnTraffic(folder, print).read() == told == 1000
    folder.close()


@pytest.fixture
def net(tmp_path: Path) -> InterfaceTraffic:
    (tmp_path / "dev").write_text(NET_DEV)
    (tmp_path / "class").mkdir()
    return InterfaceTraffic(tmp_path / "dev", tmp_path / "class")


def test_interfaces_count_without_the_loopback(net: InterfaceTraffic) -> None:
    net.add(1)
    assert net.read() == 1000 + 200 + 5000 + 4000


def test_where_there_are_devices_what_passes_between_containers_does_not_count(
    net: InterfaceTraffic, tmp_path: Path
) -> None:
    (tmp_path / "class" / "ens5" / "device").mkdir(parents=True)
    (tmp_path / "class" / "veth12").mkdir()

    assert net.read() == 1000 + 200


def test_the_interfaces_of_this_machine_can_be_read() -> None:
    assert InterfaceTraffic().read() >= 0


def disk(double: ProvisioningDouble, tmp_path: Path, path: Path, by: str) -> Disk:
    return Disk(InstanceConfig.model_validate(settings(double, tmp_path, disk=str(path), disk_by=by)))


async def test_a_folder_holds_the_sum_of_its_files(double: ProvisioningDouble, tmp_path: Path) -> None:
    path = tmp_path / "data"
    (path / "below").mkdir(parents=True)
    (path / "below" / "a").write_bytes(b"x" * 1000)
    (path / "b").write_bytes(b"x" * 234)
    os.link(path / "b", path / "hard link")
    (path / "link").symlink_to("/usr")
    os.mkfifo(path / "pipe")
    (path / "dangling").symlink_to("nowhere")

    assert await disk(double, tmp_path, path, "folder").used() == 1234


async def test_a_folder_that_is_not_there_yet_holds_nothing(double: ProvisioningDouble, tmp_path: Path) -> None:
    for by in ("folder", "filesystem"):
        assert await disk(double, tmp_path, tmp_path / "none", by).used() == 0


async def test_a_filesystem_holds_what_is_used_of_it(double: ProvisioningDouble, tmp_path: Path) -> None:
    used = await disk(double, tmp_path, tmp_path, "filesystem").used()

    assert abs(used - shutil.disk_usage(tmp_path).used) < 2**30


async def test_a_large_tree_does_not_hold_up_heartbeats_nor_is_it_walked_all_the_time(
    double: ProvisioningDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, walks = threading.Event(), []

    def slow(*_: object) -> list[object]:
        walks.append(time.monotonic())
        goes_on.wait(30)
        return []

    measured = disk(double, tmp_path, tmp_path, "folder")
    measured._latest = 77
    monkeypatch.setattr("agent.instance.disk.os.walk", slow)
    began = time.monotonic()

    assert await measured.used(patience_seconds=0.1) == 77
    assert await measured.used(patience_seconds=0.1) == 77
    assert time.monotonic() - began < 10
    goes_on.set()
    assert await measured.used() == 0
    assert await measured.used() == 0
    assert len(walks) == 1
    measured.rested()
    await measured.used()
    assert len(walks) == 2


async def test_a_measurement_does_not_keep_the_agent_from_ending(double: ProvisioningDouble, tmp_path: Path) -> None:
    for number in range(300):
        (tmp_path / "data" / str(number)).mkdir(parents=True)
    measured = disk(double, tmp_path, tmp_path / "data", "folder")
    measured.stop()

    assert await asyncio.wait_for(measured.used(), 5) == 0


async def test_heartbeats_tell_the_disk(double: ProvisioningDouble, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_bytes(b"x" * 4321)

    async with living(settings(double, tmp_path / "folder", disk=str(tmp_path / "data"))):
        await until(lambda: len(double.heartbeats) >= 2)

    assert {beat["disk_bytes"] for beat in double.heartbeats} == {4321}


async def test_the_last_heartbeat_has_figures_of_its_own(
    double: ProvisioningDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.instance.disk.REST", 1e6)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "file").write_bytes(b"x" * 100)
    async with living(settings(double, tmp_path / "folder", disk=str(tmp_path / "data"))) as task:
        await until(lambda: len(double.heartbeats) >= 3)
        (tmp_path / "data" / "file").write_bytes(b"x" * 5000)
        double.order("finish")
        await asyncio.wait_for(task, 10)

    assert [double.heartbeats[0]["disk_bytes"], double.heartbeats[-1]["disk_bytes"]] == [100, 5000]
