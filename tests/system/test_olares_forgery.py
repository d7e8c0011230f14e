"""What nobody may do in the dialect: speak for another owner, with forged words, foreign tokens or mixed keys."""

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.support import olares_requests
from tests.support.folders import fill
from tests.support.olares_requests import StoragePlace, post, post_raw
from tests.support.olares_twin import ClientFailed, Instance, LoginNeeded, OlaresCli, read_backup_url
from tests.support.whole_system import WholeSystem
from tests.system.conftest import PASSWORD
from tests.system.test_olares_story import Home, measured


@pytest.fixture(scope="module")
def homes(
    running_system: WholeSystem, tmp_path_factory: pytest.TempPathFactory, restic_path: str
) -> tuple[Home, Home, str]:
    """Two owners; the first has a backup, whose id at the device is given."""
    folder = tmp_path_factory.mktemp("homes")
    victim, thief = (Home(running_system, folder / name, restic_path) for name in ("victim", "thief"))
    backup_id = str(uuid4())
    victim.instance.run(backup_id, "photos", fill(folder / "photos", files=3), PASSWORD)
    measured(running_system, victim, f"photos-{backup_id}", 1)
    return victim, thief, backup_id


def shown(home: Home) -> dict[str, Any]:
    """All that an owner is shown of backups and money."""
    with home.device.api() as api:
        seen = {
            path: api.get(path).raise_for_status().json()
            for path in ("/backups", "/invoices", "/credit-notes", "/quotas", "/terminus")
        }
        for backup in seen["/backups"]["items"]:
            path = f"/backups/{backup['backup_id']}"
            seen[path] = api.get(path).raise_for_status().json()
            seen[f"{path}/snapshots"] = api.get(f"{path}/snapshots").raise_for_status().json()
    return seen


def billed(whole: WholeSystem, home: Home) -> list[int]:
    """The levels by which an owner's storage is charged."""
    query = "SELECT DISTINCT storage_bytes FROM storage_samples WHERE owner_id = $1"
    return [row["storage_bytes"] for row in whole.sql("billing", query, UUID(home.device.owner_id))]


def test_forged_words_about_a_snapshot_show_and_cost_nothing(whole: WholeSystem, homes: tuple[Home, Home, str]) -> None:
    victim, thief, backup_id = homes
    backup = victim.backup(f"photos-{backup_id}")
    before, usage, levels = shown(victim), victim.instance.require_room(0), billed(whole, victim)
    place = StoragePlace("https://s3.evil.example/x", "aws", "evil", "bucket", f"{victim.account.did}-evil")
    for status in ("Completed", "Failed", "Deleted", "Nonsense"):
        for named, of in ((backup_id, victim), (str(uuid4()), victim), (backup_id, thief)):
            sent = olares_requests.saved_snapshot(
                of.account.did, named, str(uuid4()), 1, status, "fully",
                restic_id="ab" * 32, size=10**15, stored=10**15, place=place, message='{"x":1}\n',
            )  # fmt: skip
            answer = post(victim.base, sent)
            assert (answer.status, answer.code, answer.data) == (200, 200, None)
    whole.measure_now(backup["backup_id"])
    after = shown(victim)
    assert _stable(after) == _stable(before)
    assert victim.instance.require_room(0) == usage
    assert billed(whole, victim) == levels
    assert shown(thief)["/backups"]["items"] == []


def _stable(seen: dict[str, Any]) -> dict[str, Any]:
    """Without when it was looked at."""
    text = json.dumps(seen)
    document: dict[str, Any] = json.loads(
        text, object_hook=lambda item: {k: v for k, v in item.items() if k not in WHEN}
    )
    return document


WHEN = ("measured_at", "as_of", "last_seen_at", "computed_at")


def test_a_token_speaks_for_its_owner_alone_and_in_its_own_place_alone(homes: tuple[Home, Home, str]) -> None:
    victim, thief, backup_id = homes
    mixed = replace(thief.account, did=victim.account.did)
    native = replace(victim.account, token=victim.device.token())
    for account in (mixed, native, replace(victim.account, token="")):
        forged = Instance(victim.base, account, victim.device.restic, victim.folder / "forged", "C1")
        for ask in (
            forged.regions,
            lambda forged=forged: olares_keys(forged),
            lambda forged=forged: forged.require_room(0),
            lambda forged=forged: forged.tell_backup(backup_id, "stolen", "/"),
        ):
            with pytest.raises(LoginNeeded):
                ask()
        assert forged.stop(backup_id).refusal == (506, None)
        assert victim.larepass.refresh(account).refusal == (506, None)
        for sent in DEVICE_PATHS:
            body = f"userid={account.did}&token={account.token}&terminusName=x&content={{}}".encode()
            assert post_raw(victim.base, sent, body).refusal == (506, None), sent
    with victim.device.api(victim.account.token) as api:
        for path in ("/backups", "/quotas", "/me", "/me/sessions", "/invoices", "/instances", "/restores"):
            assert api.get(path).status_code == 401, path
        assert api.post("/storage-keys", json={}).status_code == 401
    # The thief's own words about a device's id that is the victim's make a backup of the thief's own.
    thief.instance.tell_backup(backup_id, "stolen", "/")
    thief.instance.stop(backup_id)
    assert victim.backup(f"photos-{backup_id}")["name"] == "photos"
    assert [item["storage_bytes"] for item in thief.backups()] == [0]


DEVICE_PATHS = (
    "/v1/resource/traffic/usage",
    "/v1/resource/clusterMetrics/update",
    "/v1/bind/getTerminusNames",
    "/v1/bind/bindTerminusName",
)


def olares_keys(client: OlaresCli) -> object:
    """Keys without asking for the regions first."""
    sent = olares_requests.storage_keys(client.account.did, client.account.token, "space", "C1", "")
    answer = post(client.base, sent)
    if answer.code == 506 and answer.data is None:
        raise LoginNeeded
    return answer


def test_another_owners_backup_url_opens_nothing(homes: tuple[Home, Home, str], tmp_path: Path) -> None:
    victim, thief, backup_id = homes
    (snapshot,) = victim.listed(victim.backup(f"photos-{backup_id}")["backup_id"])
    pasted = victim.backup_url(snapshot["snapshot_id"])
    with thief.device.api() as api:
        assert api.get(f"/snapshots/{snapshot['snapshot_id']}/backup-url").status_code == 404
    with pytest.raises(Exception, match=r"repository does not exist|unable to open config"):
        thief.instance.restore_by_url(pasted, PASSWORD, tmp_path / "stolen")
    with pytest.raises(ClientFailed, match="another account"):
        thief.instance.keys(read_backup_url(pasted).suffix)
    # Their keys, put together with the victim's address.
    keys = replace(thief.instance.keys(), prefix=victim.instance.keys().prefix)
    with pytest.raises(Exception, match=r"Access Denied|403"):
        thief.instance.repository(keys, "photos", PASSWORD, backup_id).snapshots()
    assert base64.b64decode(pasted).startswith(b"https://s3.space.amazonaws.com/")
    assert not (tmp_path / "stolen").exists()


def test_keys_are_renewed_by_all_three_of_their_parts_and_no_others(homes: tuple[Home, Home, str]) -> None:
    victim, thief, _ = homes
    one, other, foreign = victim.instance.keys(), victim.instance.keys(), thief.instance.keys()
    for wrong in (
        replace(one, secret=other.secret),
        replace(one, session_token=other.session_token),
        replace(one, secret=foreign.secret, session_token=foreign.session_token),
        replace(foreign, secret=one.secret, session_token=one.session_token),
        replace(one, access_key_id="SPKAAAAAAAAAAAAAAAAA"),
        replace(one, secret=""),
        replace(one, secret=one.session_token, session_token=one.secret),
    ):
        with pytest.raises(LoginNeeded):
            victim.instance.renew(wrong)
    renewed = victim.instance.renew(one)
    assert renewed.access_key_id not in (one.access_key_id, other.access_key_id)
    assert renewed.prefix == one.prefix


def test_keys_of_our_own_command_are_not_renewed_in_the_dialect(homes: tuple[Home, Home, str]) -> None:
    victim, _, backup_id = homes
    backup = victim.backup(f"photos-{backup_id}")
    with victim.device.api() as api:
        body = {"backup_id": backup["backup_id"], "scope": "read"}
        key = api.post("/storage-keys", json=body).raise_for_status().json()
    sent = olares_requests.refreshed_keys(key["access_key_id"], key["secret_access_key"], key["session_token"])
    assert post(victim.base, sent).refusal == (506, None)


def test_a_login_is_good_once_and_only_as_it_was_signed(whole: WholeSystem, homes: tuple[Home, Home, str]) -> None:
    victim, thief, _ = homes
    count = "SELECT count(*) AS n FROM sessions WHERE owner_id = $1"
    (before,) = whole.sql("identity", count, UUID(victim.device.owner_id))
    secret, at_ms = uuid4().hex, int(whole.sql("identity", "SELECT extract(epoch FROM now()) * 1000 AS at")[0]["at"])
    jws = victim.larepass.sign(secret, at_ms)
    head, body, signature = jws.split(".")
    other = thief.larepass.sign(secret, at_ms).split(".")
    for forged in (
        f"{head}.{body}.{other[2]}",
        f"{other[0]}.{body}.{signature}",
        f"{head}.{body}.",
        victim.larepass.sign(secret, at_ms - 180_000),
        victim.larepass.sign(secret, at_ms + 180_000),
        thief.larepass.sign(secret, at_ms, did=victim.account.did),
        victim.larepass.sign("", at_ms),
    ):
        sent = olares_requests.login("1", forged, victim.account.did, secret, at_ms)
        answer = post(victim.base, sent)
        assert (answer.status, answer.data) == (200, None), forged
        assert victim.larepass.shows(answer) == answer.message != "", forged
    assert not (victim.larepass.fetch(secret).data or {}).get("userid")
    (after,) = whole.sql("identity", count, UUID(victim.device.owner_id))
    assert after["n"] == before["n"]

    sent = olares_requests.login("1", jws, victim.account.did, secret, at_ms)
    assert victim.larepass.shows(post(victim.base, sent)) is None
    assert victim.larepass.fetch(secret).data["userid"] == victim.account.did
    assert not (victim.larepass.fetch(secret).data or {}).get("userid"), "the token was given twice"
