"""What a rented machine is told for its first boot: to run the agent and to install Olares (cloud-init)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

STATE_FOLDER: Final = "/var/lib/space-agent"
ACTIVATE: Final = "/usr/local/lib/space/activate"
"""Waits until Olares is installed, so that no instance is said to run before."""
FINAL_EXIT_CODES: Final = (0, 6)
"""Of `space agent run`: it has finished, or will never be let in."""
DOWNLOAD_SECONDS: Final = 540
"""For one attempt at restic, however often its transfer breaks off; systemd begins the whole set-up again."""
RESTIC_SECONDS: Final = 900
"""How long the agent waits for restic before its restore has failed: an attempt that failed, and a second one."""
LIMIT_BYTES: Final = 16384
"""EC2's: "User data is limited to 16 KB, in raw form, before it is base64-encoded"."""

# YAML is not HTML, and what is put into it is JSON already.
TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    autoescape=False,  # noqa: S701
)

AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/[^\x00\n]*$")]
OneLine = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, pattern=r"^[^\x00\r\n]+$")]


class RestoreTarget(BaseModel):
    """Where the agent puts what it restores, and whose it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: AbsolutePath = "/olares/rootfs/userspace/pvc-userspace-*/Home"
    """The owner's Files/Home. Olares ends the folder's name with letters that it draws when it is installed, so
    ``*`` stands for whatever is there; on a new Terminus that is one folder."""
    uid: Annotated[int, Field(ge=0)] = 1000
    gid: Annotated[int, Field(ge=0)] = 1000
    """Olares runs its Files, and whatever writes there, as 1000:1000."""


class ResticArchive(BaseModel):
    """A release of restic for Linux on amd64, compressed with bzip2, as its project publishes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: Annotated[str, StringConstraints(pattern=r"^https?://[!-~]+$")]
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """Of the archive, in hexadecimal. No other file is ever run."""


class UserDataSettings(BaseModel):
    """What an operator may choose of a machine's first boot."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agent_package: OneLine
    """What pip installs the agent from: a requirement (``space-agent==0.1.0``) or the address of a wheel."""
    restic: ResticArchive
    """What the agent restores with: 0.17 or newer, which Debian 12 and Ubuntu 24.04 do not have."""
    olares_install: Annotated[str, StringConstraints(min_length=1)] = "curl -fsSL https://olares.sh | bash -"
    """Shell commands, run as root, that install Olares; who it is for is in ``TERMINUS_OS_USERNAME`` and
    ``TERMINUS_OS_DOMAINNAME``, as its documentation has it."""
    disk: AbsolutePath = "/olares"
    """The agent reports how much of the file system that holds this is used."""
    restore_target: RestoreTarget | None = RestoreTarget()
    activation: list[str] = []
    """The command, with its arguments, that the agent runs, and repeats until it succeeds, once Olares is installed."""


class UserDataTooLong(Exception):
    """More than a machine can be told; the agent's configuration, most likely its CA certificate, is too long."""


def render(agent: Mapping[str, object], settings: UserDataSettings) -> str:
    """The user data of a machine: for the same arguments always the same text, to the byte.

    Args:
        agent: The agent's configuration as `MachineWanted.agent` has it.

    Raises:
        UserDataTooLong: If it exceeds what EC2 takes.
    """
    text = TEMPLATES.get_template("cloud-init.yaml.j2").render(
        agent=_quoted(_ascii_json(agent_config(agent, settings)) + "\n"),
        requirements=_quoted(settings.agent_package + "\n"),
        restic_address=_quoted(settings.restic.address + "\n"),
        restic_checksum=_quoted(f"{settings.restic.sha256}  restic.bz2\n"),
        download_seconds=DOWNLOAD_SECONDS,
        olares_install=_quoted(settings.olares_install + "\n"),
        final_exit_codes=" ".join(map(str, FINAL_EXIT_CODES)),
    )
    if len(text.encode()) > LIMIT_BYTES:
        raise UserDataTooLong(f"the user data has {len(text.encode())} bytes, {LIMIT_BYTES} are possible")
    return text


def agent_config(agent: Mapping[str, object], settings: UserDataSettings) -> dict[str, object]:
    """The agent's whole configuration on a rented machine."""
    target = settings.restore_target
    return {
        **agent,
        "folder": STATE_FOLDER,
        "listen": None,
        "traffic": "interfaces",
        "disk": settings.disk,
        "disk_by": "filesystem",
        "restore_target": target.model_dump() if target else None,
        "restic_seconds": RESTIC_SECONDS,
        "activation": [ACTIVATE, *settings.activation],
    }


def _ascii_json(value: object) -> str:
    return json.dumps(value, sort_keys=True)


def _quoted(text: str) -> str:
    """The text as YAML's double-quoted scalar, on one line and in ASCII.

    JSON's strings are not quite YAML's: what lies beyond the first 65536 characters YAML escapes in another way.
    """
    return yaml.safe_dump(text, default_style='"', width=float("inf")).rstrip("\n")
