"""What an agent is told, and its folder: a mistake ends it before anything is asked, and says what is wrong."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.instance.config import InstanceConfig, load
from agent.instance.kept import Folder
from tests.agent.running_agents import settings
from tests.agent.shell import called
from tests.support.provisioning_double import ProvisioningDouble


@pytest.fixture(scope="module")
def double() -> Iterator[ProvisioningDouble]:
    """It is asked nothing here."""
    double = ProvisioningDouble()
    yield double
    assert double.requests == []
    double.close()


@pytest.fixture
def told(double: ProvisioningDouble, tmp_path: Path) -> dict[str, Any]:
    return settings(double, tmp_path / "folder")


def test_what_every_driver_writes_is_read_and_only_its_owner_may_read_it(told: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "agent.json"
    target = {"path": "/olares/Home", "uid": 1000, "gid": 1000}
    told |= {"restore_target": target, "listen": "[::1]:80", "activation": ["true"], "of_a_later_version": 1}
    file.write_text(json.dumps(told))
    file.chmod(0o644)

    config = load(file)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert config.listen_address() == ("::1", 80)
    assert config.restore_target is not None
    assert config.restore_target.path == Path("/olares/Home")
    assert told["enrolment_secret"] not in repr(config)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("origin", "space.example"),
        ("origin", "ftp://space.example"),
        ("origin", "https://space.example/api"),
        ("instance_id", "one"),
        ("instance_id", None),
        ("enrolment_secret", ""),
        ("instance_name", ""),
        ("restore_id", "none"),
        ("ca_certificate", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
        ("ca_certificate", ""),
        ("folder", "state"),
        ("listen", "18123"),
        ("listen", "127.0.0.1:http"),
        ("listen", "127.0.0.1:0"),
        ("listen", "127.0.0.1:65536"),
        ("traffic", "all"),
        ("disk", "data"),
        ("disk_by", "hand"),
        ("restore_target", {"path": "Home", "uid": 1, "gid": 1}),
        ("restore_target", {"path": "/Home", "uid": -1, "gid": 1}),
        ("activation", []),
        ("activation", "run this"),
    ],
    ids=str,
)
def test_a_value_that_cannot_be_ends_the_agent_with_the_name_of_its_field(
    field: str, value: object, told: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "agent.json"
    file.write_text(json.dumps(told | {field: value}))

    done = called("agent", "run", "--config", str(file))

    assert done.returncode == 2
    assert f"{field}" in done.stderr
    assert told["enrolment_secret"] not in done.stdout + done.stderr
    assert not (tmp_path / "folder").exists()


def test_everything_that_is_wrong_is_said_at_once(told: dict[str, Any], tmp_path: Path) -> None:
    del told["instance_id"]
    file = tmp_path / "agent.json"
    file.write_text(json.dumps(told | {"traffic": "all", "listen": "x"}))

    said = called("agent", "run", "--config", str(file)).stderr

    assert all(field in said for field in ("instance_id", "traffic", "listen"))


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"\xff\xfe", b"null", b"[" * 100_000], ids=str)
def test_a_file_that_is_no_configuration_is_wrong_usage(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "agent.json"
    if content is not None:
        file.write_bytes(content)

    done = called("agent", "run", "--config", str(file))

    assert done.returncode == 2
    assert "agent.json" in done.stderr


def test_no_configuration_at_all_is_wrong_usage() -> None:
    assert called("agent", "run").returncode == 2


def run(told: dict[str, Any], tmp_path: Path) -> tuple[int, str]:
    file = tmp_path / "agent.json"
    file.write_text(json.dumps(told))
    done = called("agent", "run", "--config", str(file))
    return done.returncode, done.stderr


def test_a_folder_that_cannot_be_is_said(told: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "folder").touch()

    code, said = run(told, tmp_path)

    assert code == 1
    assert "cannot be used" in said


def test_two_agents_do_not_share_a_folder(told: dict[str, Any], tmp_path: Path) -> None:
    folder = Folder(tmp_path / "folder")
    code, said = run(told, tmp_path)
    folder.close()

    assert code == 1
    assert "Another agent runs" in said


def test_a_folder_belongs_to_one_instance(told: dict[str, Any], tmp_path: Path) -> None:
    folder = Folder(tmp_path / "folder")
    folder.write("state.json", {"instance_id": "11111111-1111-4111-8111-111111111111"})
    folder.close()

    code, said = run(told, tmp_path)

    assert code == 1
    assert "another instance" in said


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("state.json", "{"),
        ("state.json", '{"instance_id": 1}'),
        ("key.json", "{}"),
        ("key.json", '{"kty": "OKP", "crv": "Ed25519", "x": "NOhtKE4RLitK_bhiZ3nMeDSI7SWTt42RldyORLG2Xm4"}'),
        ("heartbeats", "many"),
        ("log.acknowledged", "many"),
    ],
    ids=str,
)
def test_what_is_kept_and_damaged_is_said_and_not_made_anew(
    name: str, content: str, told: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / name).write_text(content)

    code, said = run(told, tmp_path)

    assert code == 1
    assert name in said
    assert (tmp_path / "folder" / name).read_text() == content


def test_the_folder_is_private_and_what_a_kill_left_half_written_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "folder"
    path.mkdir(parents=True, mode=0o755)
    (path / ".key.json.abcd1234").touch()

    folder = Folder(path)
    folder.write("key.json", {})
    folder.close()

    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert sorted(item.name for item in path.iterdir()) == ["key.json", "lock"]
    assert stat.S_IMODE((path / "key.json").stat().st_mode) == 0o600


def test_the_installations_authority_is_trusted_beside_public_ones(told: dict[str, Any]) -> None:
    public = InstanceConfig.model_validate(told).trust().cert_store_stats()["x509_ca"]

    assert public > 10
