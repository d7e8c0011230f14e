"""One running system for all of these tests, and machines of owners who use it."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.devices import Device
from tests.support.events import Tap
from tests.support.folders import Entry, contents, fill
from tests.support.whole_system import WholeSystem
from tests.system.cloud.customer import Customer

BOOTSTRAPPED = Path(__file__).parents[2] / ".space" / "tools" / "restic"
PASSWORD = "correct horse battery staple"
SETTINGS = {"RESTORE_REDEEM_ATTEMPTS_PER_MINUTE": "10000", "PROVISIONING_HEARTBEAT_SECONDS": "1"}

NewDevice = Callable[..., Device]
NewCustomer = Callable[..., Customer]


@pytest.fixture(scope="session")
def restic_path() -> str:
    """RESTIC, the one the set-up fetched, or the one on PATH; 0.17 or newer."""
    path = os.environ.get("RESTIC") or (str(BOOTSTRAPPED) if BOOTSTRAPPED.exists() else shutil.which("restic"))
    assert path, "restic is missing: `make bootstrap` fetches it, or set RESTIC=/path/to/restic"
    return path


@pytest.fixture(scope="package")
def running_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeSystem]:
    """Ends with the last of these tests: what is idle costs the others time."""
    whole = WholeSystem(tmp_path_factory.mktemp("system"), SETTINGS)
    whole.start()
    yield whole
    whole.stop()


@pytest.fixture
def whole(running_system: WholeSystem) -> WholeSystem:
    """The running system, mended if the test before left it broken."""
    running_system.heal()
    return running_system


@pytest.fixture(scope="package")
def _open_tap(running_system: WholeSystem) -> Tap:
    return Tap(running_system.system.rabbitmq.url)


@pytest.fixture
def tap(whole: WholeSystem, _open_tap: Tap) -> Tap:
    """Every event that is published."""
    return _open_tap


@dataclass(frozen=True)
class Kept:
    """An owner with one backup, for tests that only read; ``made`` is what the command said of its snapshot."""

    device: Device
    source: Path
    contents: dict[str, Entry]
    made: dict[str, Any]
    backup: dict[str, Any]

    def ticket(self) -> dict[str, Any]:
        """A ticket for the backup, with its guide."""
        with self.device.api() as api:
            issued: dict[str, Any] = (
                api.post("/tickets", json={"backup_id": self.backup["backup_id"]}).raise_for_status().json()
            )
        return issued


@pytest.fixture(scope="package")
def _keep(
    running_system: WholeSystem, _open_tap: Tap, tmp_path_factory: pytest.TempPathFactory, restic_path: str
) -> Kept:
    folder = tmp_path_factory.mktemp("kept")
    device = Device(running_system.origin, folder / "machine", restic_path)
    device.space("login", "--name", "kept@olares.com")
    source = fill(folder / "photos")
    made = device.back_up(source, "photos", PASSWORD)
    return Kept(device, source, contents(source), made, device.backup("photos"))


@pytest.fixture
def kept(whole: WholeSystem, _keep: Kept) -> Kept:
    """One backup that nobody changes."""
    return _keep


@pytest.fixture
def new_device(whole: WholeSystem, tmp_path: Path, restic_path: str) -> NewDevice:
    """Makes a machine of a new owner, signed in."""

    def make(name: str = "alice") -> Device:
        device = Device(whole.origin, tmp_path / f"{name}-{uuid4().hex[:6]}", restic_path)
        device.space("login", "--name", f"{device.folder.name}@olares.com")
        return device

    return make


@pytest.fixture
def alice(new_device: NewDevice) -> Device:
    return new_device("alice")


@pytest.fixture
def bob(new_device: NewDevice) -> Device:
    return new_device("bob")


@pytest.fixture(scope="package")
def _regular(
    running_system: WholeSystem, tmp_path_factory: pytest.TempPathFactory, restic_path: str
) -> tuple[Customer, str, dict[str, Entry]]:
    folder = tmp_path_factory.mktemp("regular")
    device = Device(running_system.origin, folder / "machine", restic_path)
    device.space("login", "--name", "regular@olares.com")
    source = fill(folder / "photos", files=4)
    made = device.back_up(source, "photos", PASSWORD)
    customer = Customer(running_system, device)
    customer.add_card()
    return customer, made["backup_id"], contents(source)


@pytest.fixture
def customer(whole: WholeSystem, _regular: tuple[Customer, str, dict[str, Entry]]) -> Customer:
    """An owner with a card that pays, of whom nothing runs."""
    return _regular[0]


@pytest.fixture
def backup_id(_regular: tuple[Customer, str, dict[str, Entry]]) -> str:
    return _regular[1]


@pytest.fixture
def files(_regular: tuple[Customer, str, dict[str, Entry]]) -> dict[str, Entry]:
    return _regular[2]


@pytest.fixture
def name() -> str:
    return f"home-{uuid4().hex[:8]}@olares.com"


@pytest.fixture
def new_customer(whole: WholeSystem, new_device: NewDevice) -> NewCustomer:
    """An owner of their own, with one card or several."""

    def make(*cards: str) -> Customer:
        customer = Customer(whole, new_device("carol"))
        for card in cards or ("visa",):
            customer.add_card(card)
        return customer

    return make


def in_the_middle(whole: WholeSystem, device: Device, source: Path, name: str) -> subprocess.Popen[str]:
    """A backup of which some has arrived and some not; the vault stands still and must be thawed."""
    store = whole.system.store_folder
    before = _arrived(store)
    running = device.begin(
        "backup", source, "--name", name, "--password-file", device.password_file(PASSWORD), "--json"
    )
    deadline = time.monotonic() + 60
    while _arrived(store) < before + 10 * 2**20:
        assert running.poll() is None, device.finish(running)
        assert time.monotonic() < deadline
        time.sleep(0.01)
    whole.freeze("vault")
    assert running.poll() is None, "the backup was over before it was met in the middle"
    return running


def _arrived(store: Path) -> int:
    """Bytes in the store; unfinished uploads, which may vanish while one looks, are no part of it."""
    try:
        return sum(path.stat().st_size for path in store.rglob("data/*/*") if len(path.name) == 64)
    except FileNotFoundError:
        return 0
