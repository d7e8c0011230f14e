"""`space olares`, `space session` and `space backup-url` against the real services, at the paths devices ask."""

import base64

import httpx

from tests.support.devices import Device
from tests.support.whole_system import WholeSystem, eventually
from tests.system.conftest import Kept

USAGE = ("/v1/resource/backup/usage", "/space/v1/resource/backup/usage", "/api/v1/resource/backup/usage")
TRAFFIC = tuple(path.replace("backup", "traffic") for path in USAGE)


def test_a_token_made_by_the_command_opens_what_devices_ask_until_its_session_is_ended(
    whole: WholeSystem, alice: Device
) -> None:
    made = alice.space("olares", "--cluster-id", "abc", "--client-name", "attic", "--json").json

    def code(path: str) -> int:
        form = f"userid={made['userid']}&token={made['token']}"
        answer = httpx.post(whole.origin + path, content=form, trust_env=False, timeout=30)
        assert answer.status_code == 200, answer.text
        found: int = answer.json()["code"]
        return found

    assert made["options"]["--cloud-api-mirror"] == whole.origin
    region = "/space/v1/resource/backup/region"
    assert [code(path) for path in (*USAGE, *TRAFFIC, region)] == [200] * 7
    [session] = [each for each in alice.space("session", "list", "--json").json if each["kind"] == "olares"]
    assert session["client_name"] == "attic"
    alice.space("session", "remove", session["session_id"])
    eventually(lambda: [code(path) for path in (USAGE[0], TRAFFIC[0], region)] == [506] * 3)
    assert code("/v2/user/refresh") == 506
    alice.space("whoami")


def test_the_backup_url_is_the_same_wherever_it_is_shown(kept: Kept) -> None:
    shown = kept.device.space("backup-url", "photos", "--json").json
    assert shown["snapshot_id"] == kept.made["snapshot_id"]
    address = base64.b64decode(shown["backup_url"]).decode()
    assert f"snapshotId={kept.made['restic_id']}" in address
    issued = kept.ticket()
    assert issued["backup_url"] == shown["backup_url"] == issued["guide"][-1]["command"]
    kept.device.space("restore", "cancel", issued["restore_id"])
