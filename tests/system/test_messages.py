"""Messages that come twice, late or in another order change nothing."""

from pathlib import Path
from typing import Any

from space_local.members import MEMBERS
from tests.support.devices import Device
from tests.support.events import Tap
from tests.support.folders import contents, fill
from tests.support.whole_system import WholeSystem, eventually
from tests.system.conftest import PASSWORD

SERVICES = [member.name for member in MEMBERS]
# She has no instance; those of other tests live on, or end, beside this one.
OF_ALICE = [name for name in SERVICES if name != "provisioning"]
# What a message may leave in any case, and what time alone changes.
PLUMBING = {"inbox", "outbox", "idempotent_responses", "alembic_version", "attempts", "redeem_attempts", "nonces",
            "availability"}  # fmt: skip
OF_TIME = {
    "measure_due_at",
    "measuring_until",
    "discover_due_at",
    "measured_at",
    "last_seen_at",
    "last_used_at",
    "used_at",
}


def rows(whole: WholeSystem, service: str) -> dict[str, list[str]]:
    """Everything a service knows."""
    tables = whole.sql(
        service, "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'"
    )
    found = {}
    for name in sorted({table["name"] for table in tables} - PLUMBING):
        listed: list[dict[str, Any]] = [dict(row) for row in whole.sql(service, f'SELECT * FROM "{name}"')]
        found[name] = sorted(str({key: value for key, value in row.items() if key not in OF_TIME}) for row in listed)
    return found


def test_every_event_again_in_reverse_order_and_as_if_new_changes_nothing(
    whole: WholeSystem, alice: Device, tap: Tap, tmp_path: Path
) -> None:
    source = fill(tmp_path / "photos", files=2)
    alice.back_up(source, "photos", PASSWORD)
    alice.space("terminus", "add", "home")
    alice.restore("photos", tmp_path / "back", PASSWORD)
    with alice.api() as api:
        issued = api.post("/tickets", json={"backup_id": alice.backup("photos")["backup_id"]}).json()
    alice.space("restore", "cancel", issued["restore_id"])
    wanted = {"identity.owner.registered.v1", "catalog.snapshot.recorded.v1", "restore.completed.v1",
              "restore.cancelled.v1", "catalog.terminus.registered.v1"}  # fmt: skip
    owner = alice.owner_id

    def mine() -> list[dict[str, Any]]:
        return [event for event in tap.read() if event["data"].get("owner_id") == owner]

    eventually(lambda: wanted <= {event["type"] for event in mine()})
    events = mine()
    queues = ["catalog.events", "restore.events"]
    eventually(lambda: tap.waiting(*queues) == 0)
    before = {service: rows(whole, service) for service in OF_ALICE}
    assert any(owner in row for row in before["catalog"]["backups"])

    for fresh_ids in (False, True):
        tap.publish_again(events[::-1], fresh_ids=fresh_ids)
        heard = len(tap.read())
        eventually(lambda: tap.waiting(*queues) == 0)
        assert heard > len(events)
    received = "SELECT count(*) AS received FROM inbox"
    eventually(lambda: whole.sql("catalog", received)[0]["received"] >= len(wanted & {"identity.owner.registered.v1"}))

    for service in SERVICES:
        with whole.internal(service, "operator") as operator:
            assert operator.get("/internal/dead-letters").raise_for_status().json() == []
    assert {service: rows(whole, service) for service in OF_ALICE} == before
    assert not any(owner in row for listed in rows(whole, "provisioning").values() for row in listed)
    alice.back_up(source, "photos", PASSWORD)
    alice.restore("photos", tmp_path / "again", PASSWORD)
    assert contents(tmp_path / "again") == contents(source)
