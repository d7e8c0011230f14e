"""The restore target and the activation of a rented machine's template, by the same agent with that machine's root."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from agent.instance.kept import Phase
from provisioning.adapters.user_data import UserDataSettings, render
from tests.agent.chroots import SPACE, Root
from tests.agent.instance_restores import FILES, RESTORED, World, tree
from tests.agent.running_agents import wait_until
from tests.support.ec2 import RESTIC

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can change a process's root")

USERSPACE = "olares/rootfs/userspace"
HOME = f"{USERSPACE}/pvc-userspace-alice-h3jwq8x2/Home"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def boot(root: Root, world: World) -> str:
    """What cloud-init writes on the machine, from the template; the command of the agent's unit."""
    names = ("origin", "instance_id", "enrolment_secret", "instance_name", "restore_id", "ca_certificate")
    settings = UserDataSettings.model_validate(
        {"agent_package": "space-agent", "restic": RESTIC, "activation": ["sh", "-c", "echo Olares is activated"]}
    )
    document = yaml.safe_load(render({name: world.told[name] for name in names}, settings))
    for file in document["write_files"]:
        root.write(file["path"], file["content"], int(file["permissions"], 8))
    unit = (root.folder / "etc/systemd/system/space-agent.service").read_text()
    return next(line.removeprefix("ExecStart=") for line in unit.splitlines() if line.startswith("ExecStart="))


def owners(folder: Path) -> set[tuple[int, int]]:
    return {(path.lstat().st_uid, path.lstat().st_gid) for path in folder.rglob("*")}


def test_a_rented_machine_restores_into_its_owners_home_and_is_activated(
    world: World, tmp_path: Path, restic_path: str
) -> None:
    root = Root(tmp_path / "root", restic_path)
    command = boot(root, world)
    assert command.split()[0] == SPACE
    output = (tmp_path / "output").open("wb")
    started = subprocess.Popen(
        ["chroot", str(root.folder), *command.split()],
        env={"PATH": PATH},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        umask=0o077,
        start_new_session=True,
    )
    try:
        # Olares is being installed: there is no home yet, so no password is asked for.
        wait_until(lambda: any("Waiting for the folder" in line for line in world.double.lines()), 60)
        assert world.double.round == 0
        root.write(f"{USERSPACE}/pvc-appcache-alice-k2", None)
        documents = root.write(f"{HOME}/Documents/of Olares", "there before")
        os.chown(documents, 7, 7)

        wait_until(lambda: world.double.states()[-1:] == ["validating"], 60)
        wait_until(lambda: world.phases()[-1] == Phase.PENDING_ACTIVATION)
        assert "usable" not in world.double.states()
        root.write("var/lib/space-set-up/olares", "")
        wait_until(lambda: world.double.states()[-1:] == ["usable"] and "Running." in world.double.lines(), 60)
    finally:
        os.killpg(started.pid, 9)
        started.wait()
        output.close()

    home = root.folder / HOME
    assert tree(home / RESTORED) == tree(world.backed_up.source)
    assert documents.read_text() == "there before"
    assert world.double.reports[-1]["files_restored"] == FILES + 1
    assert owners(home / RESTORED) == {(1000, 1000)}
    assert (home / RESTORED).stat().st_uid == 1000
    # What Olares and its owner have there is left alone.
    assert [path.stat().st_uid for path in (home, documents.parent, documents)] == [0, 0, 7]
    assert "Olares is activated" in world.double.lines()
    state = json.loads((root.folder / "var/lib/space-agent/state.json").read_text())
    assert state["restored"]["folder"] == f"/{HOME}/{RESTORED}"
    assert state["outcome_told"]
    assert stat.S_IMODE((root.folder / "var/lib/space-agent").stat().st_mode) == 0o700
