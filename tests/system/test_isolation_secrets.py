"""Passwords, keys, tickets and tokens are nowhere but where they belong."""

import base64
import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from space_local.members import MEMBERS
from tests.support.devices import Device
from tests.support.events import Tap
from tests.support.folders import fill
from tests.support.s3 import S3, Key
from tests.support.whole_system import WholeSystem, eventually
from tests.system.conftest import NewDevice

PLANTED = "planted-Pa55word-4711"
WRONG = "planted-wr0ng-0815"
SERVICES = [member.name for member in MEMBERS]
# Where the system keeps its own secrets, private to its user.
OWN = {"secrets.json", "identity-keys.json", "auth-proxy.json", "rabbitmq.conf"}
# And where an instance's agent keeps its own.
OF_AGENTS = {"agent.json", "machine.json", "key.json"}


def forms(secret: str) -> Iterator[bytes]:
    """How a secret may lie somewhere: as it is, in hexadecimal (bytea), in base64."""
    yield secret.encode()
    yield secret.encode().hex().encode()
    yield base64.b64encode(secret.encode()).rstrip(b"=")[:-1]


def live_through(whole: WholeSystem, device: Device, folder: Path) -> dict[str, str]:
    """Everything that gives out secrets, done once; the secrets by what they are."""
    device.space("backup", fill(folder / "photos", files=2), "--name", "photos", "--password-file",
                 device.password_file(PLANTED))  # fmt: skip
    device.restore("photos", folder / "wrong", WRONG, expect=4)
    device.restore("photos", folder / "back", PLANTED)
    code = device.space("device", "add", "--json").json["code"]
    second = Device(whole.origin, folder / "second", device.restic)
    second.space("login", "--enrol", code)
    api_token = device.space("token", "create", "t", "--scope", "backups:read", "--json").json["token"]
    exchanged = httpx.post(f"{whole.origin}/api/v1/auth/exchange", json={"api_token": api_token}).json()
    before = device.session()
    with device.api() as api:
        idempotent = {"Idempotency-Key": "a" * 36}
        backup_id = device.backup("photos")["backup_id"]
        ticket = api.post("/tickets", json={"backup_id": backup_id}, headers=idempotent).json()["ticket"]
        redeemed = api.post(
            "/tickets/redeem", json={"ticket": ticket, "redeemer_secret": "planted-redeemer-" + "s" * 20}
        )
        key = api.post("/storage-keys", json={"backup_id": backup_id, "scope": "write"}).json()
        refreshed = api.post("/auth/refresh", json={"refresh_token": before["refresh_token"]}).raise_for_status().json()
        nonce = api.post("/auth/nonces", json={}).json()["nonce"]
        # What a careless client may send where it does not belong.
        api.post("/backups", json={"name": "x", "source": {"kind": "path", "path": "/x"}, "password": PLANTED})
        api.get(f"/backups/{backup_id}", params={"password": PLANTED})
        httpx.get(f"{whole.origin}/api/v1/me", headers={"Authorization": f"Bearer {PLANTED}"})
    with whole.internal("identity", "operator") as operator:
        invite = operator.post("/internal/invites", json={}).raise_for_status().json()["invite"]
    machine = run_instance(whole, device)
    return {
        "password": PLANTED,
        "wrong password": WRONG,
        "enrolment code": code.replace("-", ""),
        "access token": before["access_token"],
        "access token's signature": before["access_token"].rpartition(".")[2],
        "refresh token": before["refresh_token"],
        "second device's refresh token": second.session()["refresh_token"],
        "new access token": refreshed["access_token"],
        "new refresh token": refreshed["refresh_token"],
        "API token": api_token,
        "exchanged token": exchanged["access_token"],
        "ticket": ticket,
        "redeemer's secret": "planted-redeemer-" + "s" * 20,
        "restore's storage secret": redeemed.json()["secret_access_key"],
        "restore's session token": redeemed.json()["session_token"],
        "storage secret": key["secret_access_key"],
        "storage session token": key["session_token"],
        "nonce": nonce,
        "invite": invite,
        "instance's enrolment secret": json.loads((machine / "agent.json").read_text())["enrolment_secret"],
        "agent's private key": json.loads((machine / "agent" / "key.json").read_text())["d"],
    }  # fmt: skip


def run_instance(whole: WholeSystem, device: Device) -> Path:
    """An instance whose agent was heard; the folder of its machine."""
    instance_id = whole.want_instance(UUID(device.owner_id), f"{device.folder.name}@olares.com")
    heard = "SELECT 1 FROM instances WHERE id = $1 AND heard_at IS NOT NULL"
    eventually(lambda: whole.sql("provisioning", heard, instance_id), 60)
    return whole.machine_folder(instance_id)


def break_off(whole: WholeSystem, device: Device) -> None:
    """Let the store die while it answers, which the edge logs."""
    with device.api() as api:
        body = {"backup_id": device.backup("photos")["backup_id"], "scope": "write"}
        client = S3(Key.of(api.post("/storage-keys", json=body).json()), str(whole.system.ca_file))
    name = f"{client.key.root}/data/ab/{'ab' * 32}"
    assert client.put(name, bytes(64 * 2**20)).status == 200
    with closing(client.begin("GET", name)) as connection:
        answer = connection.getresponse()
        assert answer.status == 200
        whole.kill("vault")
        with pytest.raises((http.client.IncompleteRead, OSError)):
            answer.read()
    whole.start_again("vault")
    assert client.delete(name).status in (200, 204)


def own_secrets(whole: WholeSystem) -> dict[str, str]:
    """The system's own secrets, and those of every storage key it ever gave out."""
    found: dict[str, str] = json.loads((whole.system.state / "secrets.json").read_text())
    signing = json.loads((whole.system.state / "identity-keys.json").read_text())["keys"][-1]["d"]
    keys = whole.sql("catalog", "SELECT access_key_id FROM storage_keys WHERE issuer = 'vault'")
    assert keys
    for row in keys:
        secret, token = whole.key_secrets(row["access_key_id"])
        found |= {f"secret of {row['access_key_id']}": secret, f"token of {row['access_key_id']}": token}
    return found | {"signing key": signing}


def rows(whole: WholeSystem, service: str) -> Iterator[tuple[str, bytes]]:
    """Every row of every table of a service's database, as text."""
    tables = whole.sql(
        service, "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'"
    )
    assert len(tables) > 4
    for table in tables:
        for row in whole.sql(service, f'SELECT found::text AS content FROM "{table["name"]}" AS found'):
            yield f"{service}.{table['name']}", row["content"].encode()


def test_no_secret_is_in_any_log_database_message_or_command_line(
    whole: WholeSystem, new_device: NewDevice, tap: Tap, tmp_path: Path
) -> None:
    device = new_device("eve")
    command_lines: set[bytes] = set()
    with _watched(command_lines):
        secrets = live_through(whole, device, tmp_path)
    break_off(whole, device)
    known = list(rows(whole, "catalog"))
    assert any(device.owner_id.encode() in content for _, content in known), "the scan reads nothing"
    places = [
        *known,
        *(row for service in SERVICES if service != "catalog" for row in rows(whole, service)),
        *((f"message {event['type']}", json.dumps(event).encode()) for event in tap.read()),
        *((str(path), path.read_bytes()) for path in (whole.system.state / "logs").rglob("*") if path.is_file()),
        *((str(path), path.read_bytes()) for path in whole.system.instances_folder.rglob("agent.log*")),
        *(("command line", line) for line in command_lines),
    ]
    assert any(name.endswith("services.log") for name, _ in places)
    assert any(b"aborting with incomplete response" in content for name, content in places if "caddy.log" in name)
    assert any(name.endswith("agent.log") for name, _ in places)
    assert any(name.startswith("message ") for name, _ in places)
    assert any(b"restic" in content for name, content in places if name == "command line")
    for what, secret in (secrets | own_secrets(whole)).items():
        for form in forms(secret):
            for place, content in places:
                assert form not in content, f"{what} is in {place}: {content[:300]!r}"


def test_files_with_secrets_are_private_to_their_user(whole: WholeSystem, alice: Device) -> None:
    state = whole.system.state
    assert state.stat().st_mode & 0o077 == 0
    run_instance(whole, alice)
    own = [path for path in state.rglob("*") if path.name in OWN | OF_AGENTS]
    assert {path.name for path in own} == OWN | OF_AGENTS
    for path in [*own, *(state / "tls").glob("*.key"), *alice.config.glob("*.json")]:
        assert path.stat().st_mode & 0o077 == 0, path
    environments = [path for path in (state / "logs").rglob("*") if b"CATALOG_VAULT_MASTER_KEY" in path.read_bytes()]
    assert environments == []


class _watched:  # noqa: N801  (reads as a word where it is used)
    """Collects the command lines of all processes of this machine while it is open."""

    def __init__(self, found: set[bytes]) -> None:
        self._found = found
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._collect)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _collect(self) -> None:
        while not self._over.is_set():
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self._found.add(path.read_bytes())
                except OSError:
                    continue
            time.sleep(0.03)
