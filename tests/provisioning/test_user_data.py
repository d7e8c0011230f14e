"""What a rented machine does at its first boot: read as cloud-init reads it, written down and run in a scratch root."""

import bz2
import configparser
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.errors import ExitCode
from agent.instance import config as agent_config
from provisioning.adapters.user_data import (
    DOWNLOAD_SECONDS,
    LIMIT_BYTES,
    RESTIC_SECONDS,
    ResticArchive,
    UserDataSettings,
    UserDataTooLong,
    render,
)
from space_local import certificates
from tests.support import ec2
from tests.support.ec2 import wanted

RESTIC = ResticArchive.model_validate(ec2.RESTIC)
SETTINGS = UserDataSettings(agent_package="space-agent==0.1.0", restic=RESTIC)
AGENT = wanted().agent
SECRET = "an-enrolment-secret"
HOSTILE = [
    "al'ice",
    'al"ice',
    "$(touch /tmp/owned)",
    "`id`; rm -rf /",
    "{{ 7 * 7 }} {% raw %} {# no #}",
    "a\nruncmd: [reboot]\n---\n...",
    "- &a *a !!python/object:os.system",
    "\\x41 \\u0041 \\n",
    "tab\tnul-ish\x01\x7f\x85\u2028\u2029\ufeff",
    "\u00e9\u4e2d\U0001f600",
    "EOF\n%s %n\n#cloud-config",
    "",
]


def document(agent: Any = AGENT, settings: UserDataSettings = SETTINGS) -> dict[str, Any]:
    """As cloud-init reads it."""
    read: dict[str, Any] = yaml.safe_load(render(agent, settings))
    return read


def files(agent: Any = AGENT, settings: UserDataSettings = SETTINGS) -> dict[str, dict[str, str]]:
    return {file["path"]: file for file in document(agent, settings)["write_files"]}


def unit(name: str) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(interpolation=None, strict=True, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # systemd's names have capitals
    parser.read_string(files()[f"/etc/systemd/system/{name}"]["content"])
    return {section: dict(parser[section]) for section in parser.sections()}


def told(agent: Any = AGENT, settings: UserDataSettings = SETTINGS) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(files(agent, settings)["/etc/space/agent.json"]["content"])
    return config


# The document


def test_it_is_a_cloud_config_with_its_files_and_one_unit_to_start() -> None:
    text = render(AGENT, SETTINGS)
    assert text.startswith("#cloud-config\n")
    assert text.isascii()
    read = document()
    assert set(read) == {"package_update", "packages", "write_files", "runcmd"}
    assert read["package_update"] is True
    assert {"python3-venv", "bzip2", "curl"} <= set(read["packages"])
    assert read["runcmd"] == [
        ["systemctl", "daemon-reload"],
        ["systemctl", "enable", "--now", "--no-block", "space-set-up.service"],
    ]
    modes = {path: (file["owner"], file["permissions"]) for path, file in files().items()}
    assert modes == {
        "/etc/space/agent.json": ("root:root", "0600"),
        "/etc/space/agent-requirements.txt": ("root:root", "0644"),
        "/etc/space/restic-address": ("root:root", "0644"),
        "/etc/space/restic.sha256": ("root:root", "0644"),
        "/etc/space/install-olares.sh": ("root:root", "0644"),
        "/usr/local/lib/space/set-up": ("root:root", "0755"),
        "/usr/local/lib/space/activate": ("root:root", "0755"),
        "/etc/systemd/system/space-set-up.service": ("root:root", "0644"),
        "/etc/systemd/system/space-agent.service": ("root:root", "0644"),
    }


def test_the_same_intent_gives_the_same_text_however_its_fields_are_ordered() -> None:
    assert render(dict(reversed(list(AGENT.items()))), SETTINGS) == render(AGENT, SETTINGS)
    # In another process the hashes, and with them the order of sets, are others.
    program = (
        "import json, sys; from provisioning.adapters.user_data import *; agent, settings = json.load(sys.stdin); "
        "sys.stdout.write(render(agent, UserDataSettings.model_validate(settings)))"
    )
    other = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps([dict(AGENT), SETTINGS.model_dump()]),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "1"},
    )
    assert other.stdout == render(AGENT, SETTINGS)


def test_the_agent_is_told_what_it_was_meant_to_be_and_what_this_machine_is() -> None:
    assert told() == {
        **AGENT,
        "folder": "/var/lib/space-agent",
        "listen": None,
        "traffic": "interfaces",
        "disk": "/olares",
        "disk_by": "filesystem",
        "restore_target": {"path": "/olares/rootfs/userspace/pvc-userspace-*/Home", "uid": 1000, "gid": 1000},
        "restic_seconds": RESTIC_SECONDS,
        "activation": ["/usr/local/lib/space/activate"],
    }


def test_an_operator_may_choose_the_disk_the_target_and_the_activation() -> None:
    settings = UserDataSettings.model_validate(
        {
            "agent_package": "https://space.test/space_agent-0.1.0-py3-none-any.whl",
            "restic": ec2.RESTIC,
            "disk": "/data",
            "restore_target": {"path": "/data/home", "uid": 0, "gid": 7},
            "activation": ["olares-cli", "activate", "it's; $HOME"],
        }
    )
    config = told(settings=settings)
    assert (config["disk"], config["restore_target"]) == ("/data", {"path": "/data/home", "uid": 0, "gid": 7})
    assert config["activation"] == ["/usr/local/lib/space/activate", "olares-cli", "activate", "it's; $HOME"]
    assert told(settings=SETTINGS.model_copy(update={"restore_target": None}))["restore_target"] is None


def test_the_agent_itself_accepts_what_it_is_told(tmp_path: Path) -> None:
    certificates.ensure(tmp_path, "space.test")
    pem = (tmp_path / "ca.pem").read_text()
    path = tmp_path / "agent.json"
    path.write_text(files({**AGENT, "ca_certificate": pem})["/etc/space/agent.json"]["content"])
    read = agent_config.load(path)
    assert read.ca_certificate == pem
    assert read.enrolment_secret.get_secret_value() == SECRET
    assert read.disk_by == "filesystem"


@pytest.mark.parametrize("value", HOSTILE)
def test_whatever_a_value_holds_it_arrives_as_it_was_and_changes_nothing_else(value: str) -> None:
    agent = {**AGENT, "instance_name": value, "ca_certificate": value, "origin": value}
    read = told(agent)
    assert [read[field] for field in ("instance_name", "ca_certificate", "origin")] == [value] * 3
    plain, hostile = document(), document(agent)
    for changed in (plain, hostile):
        changed["write_files"][0]["content"] = ""
    assert plain == hostile


@pytest.mark.parametrize("value", [value for value in HOSTILE if value])
def test_whatever_an_operators_command_holds_it_arrives_as_it_was(value: str) -> None:
    read = files(settings=SETTINGS.model_copy(update={"olares_install": value}))
    assert read["/etc/space/install-olares.sh"]["content"] == value + "\n"


def test_secrets_are_in_the_agents_file_and_nowhere_else() -> None:
    text = render(AGENT, SETTINGS)
    assert text.count(SECRET) == 1
    holders = [path for path, file in files().items() if SECRET in file["content"]]
    assert holders == ["/etc/space/agent.json"]


def test_more_than_a_machine_can_be_told_is_refused() -> None:
    long = {**AGENT, "ca_certificate": "x" * LIMIT_BYTES}
    with pytest.raises(UserDataTooLong, match="16384 are possible"):
        render(long, SETTINGS)
    room = LIMIT_BYTES - len(render({**AGENT, "ca_certificate": ""}, SETTINGS))
    assert len(render({**AGENT, "ca_certificate": "x" * room}, SETTINGS)) == LIMIT_BYTES
    with pytest.raises(UserDataTooLong):
        render({**AGENT, "ca_certificate": "x" * (room + 1)}, SETTINGS)


# The units


def test_the_agent_runs_for_ever_but_for_its_final_exit_codes() -> None:
    service = unit("space-agent.service")["Service"]
    assert service["ExecStart"] == "/opt/space-agent/bin/space agent run --config /etc/space/agent.json"
    assert (service["Restart"], service["RestartSec"]) == ("always", "5")
    final = {int(code) for code in service["RestartPreventExitStatus"].split()}
    assert final == {ExitCode.OK, ExitCode.REFUSED}
    assert unit("space-agent.service")["Unit"]["StartLimitIntervalSec"] == "0"
    assert unit("space-agent.service")["Install"]["WantedBy"] == "multi-user.target"
    # systemd makes the agent's folder, for root alone.
    assert f"/var/lib/{service['StateDirectory']}" == told()["folder"]
    assert (service["StateDirectoryMode"], service["UMask"]) == ("0700", "0077")


def test_the_set_up_is_begun_again_until_olares_is_there() -> None:
    read = unit("space-set-up.service")
    assert read["Service"]["ExecStart"] in files()
    assert (read["Service"]["Type"], read["Service"]["Restart"]) == ("oneshot", "on-failure")
    assert read["Unit"]["ConditionPathExists"] == "!/var/lib/space-set-up/olares"
    # While the agent waits for restic, a fetch that comes to nothing ends and is begun again.
    assert DOWNLOAD_SECONDS + int(read["Service"]["RestartSec"]) < RESTIC_SECONDS - 300


# The scripts, for real


class Root:
    """A machine's files in a folder: the same scripts, with their absolute paths led in here."""

    def __init__(self, folder: Path, agent: Any, settings: UserDataSettings) -> None:
        self.folder = folder
        self.bin = folder / "bin"
        self.bin.mkdir(parents=True)
        self.calls = folder / "calls"
        self.calls.touch()
        (folder / "usr/local/bin").mkdir(parents=True)
        for file in files(agent, settings).values():
            path = folder / file["path"].lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.led_in(file["content"]) if "/lib/space/" in file["path"] else file["content"])
            path.chmod(int(file["permissions"], 8))
        self.program("systemctl", 'echo "systemctl $*" >> "$CALLS"')

    def led_in(self, script: str) -> str:
        return re.sub(
            r"/(?=(etc/space|opt/space-agent|usr/local/bin|var/lib/space-set-up)\b)", f"{self.folder}/", script
        )

    def program(self, name: str, body: str) -> None:
        (self.bin / name).write_text(f"#!/bin/bash\n{body}\n")
        (self.bin / name).chmod(0o755)

    def run(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{self.bin}:{os.environ['PATH']}", "CALLS": str(self.calls)}
        return subprocess.run(
            [str(self.folder / "usr/local/lib/space" / name), *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def done(self) -> set[str]:
        return {path.name for path in (self.folder / "var/lib/space-set-up").iterdir()}


def wheel(folder: Path) -> Path:
    """A package that pip can install without a network, with a `space` of its own."""
    path = folder / "space_agent-9.9-py3-none-any.whl"
    info = "space_agent-9.9.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("space_agent_stub.py", "def main():\n    print('the agent')\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: space-agent\nVersion: 9.9\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/entry_points.txt", "[console_scripts]\nspace = space_agent_stub:main\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


class Shelf:
    """Where a machine fetches restic: what is there, and how often the answer is that it is not there just now."""

    def __init__(self) -> None:
        self.archive = bz2.compress(b"#!/bin/sh\necho restic 0.18.0 of the tests\n")
        self.asked = self.refusals = 0
        shelf = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                shelf.asked += 1
                self.send_response(503 if shelf.asked <= shelf.refusals else 200)
                self.send_header("Content-Length", str(len(shelf.archive)))
                self.end_headers()
                self.wfile.write(shelf.archive)

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def restic(self) -> ResticArchive:
        """As it is told to a machine now."""
        address = f"http://127.0.0.1:{self.server.server_address[1]}/restic.bz2"
        return ResticArchive(address=address, sha256=hashlib.sha256(self.archive).hexdigest())


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    shelf = Shelf()
    yield shelf
    shelf.server.shutdown()
    shelf.server.server_close()


INSTALL = 'echo "olares for $TERMINUS_OS_USERNAME at $TERMINUS_OS_DOMAINNAME in $HOME" >> "$CALLS"'


def prepared(folder: Path, install: str = INSTALL, agent: Any = AGENT) -> Root:
    """As after a run that has installed the agent and restic."""
    root = with_agent(folder, SETTINGS.model_copy(update={"olares_install": install}), agent)
    (root.folder / "var/lib/space-set-up/restic").touch()
    return root


def with_agent(folder: Path, settings: UserDataSettings, agent: Any = AGENT) -> Root:
    root = Root(folder / "root", agent, settings)
    (root.folder / "var/lib/space-set-up").mkdir(parents=True)
    (root.folder / "var/lib/space-set-up/agent").touch()
    return root


@pytest.mark.parametrize("name", ["set-up", "activate"])
def test_each_script_is_bash_to_bash(name: str) -> None:
    script = files()[f"/usr/local/lib/space/{name}"]["content"]
    assert script.startswith("#!/bin/bash\n")
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_the_default_install_command_is_bash_to_bash() -> None:
    script = files()["/etc/space/install-olares.sh"]["content"]
    assert script == "curl -fsSL https://olares.sh | bash -\n"
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_each_command_of_the_boot_is_one_that_a_shell_reads_as_meant() -> None:
    for command in document()["runcmd"]:
        assert shlex.split(shlex.join(command)) == command


def test_the_set_up_installs_the_agent_starts_it_and_then_installs_restic_and_olares(
    tmp_path: Path, shelf: Shelf
) -> None:
    settings = UserDataSettings(agent_package=str(wheel(tmp_path)), restic=shelf.restic, olares_install=INSTALL)
    root = Root(tmp_path / "root", AGENT, settings)
    assert (root.folder / "etc/space/agent.json").stat().st_mode & 0o777 == 0o600
    ended = root.run("set-up")
    assert ended.returncode == 0, ended.stderr
    said = subprocess.run([root.folder / "opt/space-agent/bin/space"], capture_output=True, text=True, check=True)
    assert said.stdout == "the agent\n"
    assert root.calls.read_text().splitlines() == [
        "systemctl enable --now space-agent.service",
        "olares for alice at olares.com in /root",
    ]
    assert root.done() == {"agent", "restic", "olares"}
    restic = root.folder / "usr/local/bin/restic"
    assert subprocess.run([restic], capture_output=True, text=True, check=True).stdout.startswith("restic 0.18.0")
    assert restic.stat().st_mode & 0o777 == 0o755
    # After a reboot: nothing is installed twice.
    assert root.run("set-up").returncode == 0
    assert shelf.asked == 1
    assert root.calls.read_text().count("olares for") == 1
    assert SECRET not in ended.stdout + ended.stderr


def test_without_its_agent_a_machine_begins_again_and_has_started_nothing(tmp_path: Path) -> None:
    root = Root(tmp_path / "root", AGENT, SETTINGS)
    pip = root.folder / "opt/space-agent/bin/pip"
    root.program("python3", f'mkdir -p {pip.parent}; printf "#!/bin/bash\\nexit 1" > {pip}; chmod +x {pip}')
    assert root.run("set-up").returncode == 1
    assert pip.exists()
    assert root.calls.read_text() == ""
    assert root.done() == set()


def test_a_fetch_of_restic_that_fails_is_tried_again(tmp_path: Path, shelf: Shelf) -> None:
    shelf.refusals = 2
    root = with_agent(tmp_path, SETTINGS.model_copy(update={"restic": shelf.restic, "olares_install": "true"}))
    quicker(root)
    ended = root.run("set-up")
    assert ended.returncode == 0, ended.stderr
    assert shelf.asked == 3
    assert (root.folder / "usr/local/bin/restic").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda shelf: bz2.compress(b"#!/bin/sh\necho something else\n"), "has another SHA-256 than the offers say"),
        (lambda shelf: shelf.archive[:-5], "has another SHA-256 than the offers say"),
        (lambda shelf: b"", "has another SHA-256 than the offers say"),
    ],
    ids=["other", "cut off", "empty"],
)
def test_what_has_another_hash_is_not_restic_and_the_log_says_so(
    tmp_path: Path, shelf: Shelf, change: Any, says: str
) -> None:
    settings = SETTINGS.model_copy(update={"restic": shelf.restic, "olares_install": INSTALL})
    shelf.archive, right = change(shelf), shelf.archive
    root = with_agent(tmp_path, settings)
    ended = root.run("set-up")
    assert (ended.returncode, says in ended.stderr, settings.restic.address in ended.stderr) == (1, True, True)
    assert list((root.folder / "usr/local/bin").iterdir()) == []
    # The agent runs already, and says that there is no restic; Olares is not begun with.
    assert root.calls.read_text() == "systemctl enable --now space-agent.service\n"
    assert "restic" not in root.done()

    shelf.archive = right
    assert root.run("set-up").returncode == 0
    assert root.done() == {"agent", "restic", "olares"}


@pytest.mark.parametrize("content", [b"no program", b"#!/bin/sh\nexit 1\n"], ids=["no program", "fails"])
def test_what_does_not_run_is_not_installed(tmp_path: Path, shelf: Shelf, content: bytes) -> None:
    shelf.archive = bz2.compress(content)
    root = with_agent(tmp_path, SETTINGS.model_copy(update={"restic": shelf.restic}))
    ended = root.run("set-up")
    assert ended.returncode == 1
    assert "does not run here" in ended.stderr
    assert not (root.folder / "usr/local/bin/restic").exists()


def test_where_restic_cannot_be_fetched_the_log_says_from_where(tmp_path: Path) -> None:
    root = with_agent(tmp_path, SETTINGS)
    root.program("curl", "exit 6")
    ended = root.run("set-up")
    assert ended.returncode == 1
    assert "restic could not be fetched from https://space.test/restic_linux_amd64.bz2" in ended.stderr


def quicker(root: Root) -> None:
    """The pauses between the attempts are shorter than a machine's."""
    script = root.folder / "usr/local/lib/space/set-up"
    script.write_text(script.read_text().replace("--retry-delay 5", "--retry-delay 1"))


@pytest.mark.parametrize("install", ["false", "false | cat", "exit 3", "no-such-command\ntrue"])
def test_an_install_that_failed_is_not_taken_for_done(tmp_path: Path, install: str) -> None:
    root = prepared(tmp_path, install)
    assert root.run("set-up").returncode != 0
    assert root.done() == {"agent", "restic"}
    assert root.calls.read_text() == "systemctl enable --now space-agent.service\n"


@pytest.mark.parametrize("name", ["$(touch owned)@`touch owned`", "'; touch owned; '@x", "a b@c d", "*@*", "-n@-e"])
def test_a_name_is_no_part_of_a_shells_text(tmp_path: Path, name: str) -> None:
    install = 'printf "%s|%s" "$TERMINUS_OS_USERNAME" "$TERMINUS_OS_DOMAINNAME" > "$CALLS"'
    root = prepared(tmp_path, install, {**AGENT, "instance_name": name})
    ended = root.run("set-up")
    assert ended.returncode == 0, ended.stderr
    assert root.calls.read_text() == name.replace("@", "|")
    assert not list(tmp_path.rglob("owned"))
    assert not Path("owned").exists()


def test_the_activation_waits_for_olares_and_then_is_the_operators_command(tmp_path: Path) -> None:
    root = prepared(tmp_path)
    root.program("sleep", f'echo waited >> "$CALLS"; touch {root.folder}/var/lib/space-set-up/olares')
    ended = root.run("activate", "printf", "[%s]", "it's; $HOME", "")
    assert (ended.returncode, ended.stdout) == (0, "[it's; $HOME][]")
    assert root.calls.read_text() == "waited\n"
    assert root.run("activate").returncode == 0
    assert root.run("activate", "false").returncode == 1
