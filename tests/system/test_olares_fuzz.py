"""Any body at any path of the dialect, through the edge: never a fault of ours, and nothing done without authority.

`make fuzz` tries many more of them.
"""

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.olares_requests import FORM, JSON, post_raw
from tests.support.whole_system import WholeSystem
from tests.system.test_olares_story import Home

BODIES = int(os.environ.get("FUZZ_BODIES", "60"))
SAMPLES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[1] / "contracts" / "olares" / "requests.json").read_text()
)
PATHS = [
    *sorted({sample["path"] for sample in SAMPLES}),
    "/v1/resource/traffic/usage",
    "/v1/resource/clusterMetrics/update",
    "/v1/bind/getTerminusNames",
    "/v1/bind/bindTerminusName",
]
NAMES = sorted({name for sample in SAMPLES for name in sample["fields"]} | {"terminusName", "content", "nonsense"})
ODD = [
    "",
    "\0",
    "%",
    "%00",
    "+",
    "&",
    "&message=",
    "{",
    '{"a":',
    "\ud800",
    "9" * 5000,
    "-1",
    "1e999",
    "NaN",
    "[[[[",
    "é",
]
# What changes by itself in a system that nobody uses, or counts requests.
NOT_WATCHED = {"attempt_counts", "inbox", "outbox", "told_prices"}
EXAMPLES = settings(max_examples=BODIES, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture(scope="module")
def running_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WholeSystem]:
    """One of its own: in one that others use, tables change without these requests."""
    whole = WholeSystem(tmp_path_factory.mktemp("fuzz"))
    whole.start()
    yield whole
    whole.stop()


def values(known: list[str]) -> st.SearchStrategy[str]:
    return st.one_of(st.sampled_from([*ODD, *known]), st.text(max_size=30), st.sampled_from(known).flatmap(_mutated))


def _mutated(text: str) -> st.SearchStrategy[str]:
    """The text with something odd put in, or cut short."""
    places = st.integers(0, len(text))
    put_in = st.tuples(places, st.sampled_from(ODD)).map(lambda at: text[: at[0]] + at[1] + text[at[0] :])
    return put_in | places.map(lambda at: text[:at])


def bodies(known: list[str]) -> st.SearchStrategy[tuple[str, bytes, str]]:
    """Bodies of the clients, changed; fields of the clients with other values; and anything at all."""
    sent = st.sampled_from(SAMPLES)
    changed = sent.flatmap(lambda sample: st.tuples(st.just(sample["path"]), _mutated(sample["body"]).map(_bytes)))
    fields = st.tuples(
        st.sampled_from(PATHS), st.dictionaries(st.sampled_from(NAMES), values(known), max_size=12).flatmap(_written)
    )
    anything = st.tuples(st.sampled_from(PATHS), st.binary(max_size=400))
    kinds = st.sampled_from([FORM, JSON, "text/plain", "multipart/form-data; boundary=x", ""])
    return st.tuples(changed | fields | anything, kinds).map(lambda made: (*made[0], made[1]))


def _written(fields: dict[str, str]) -> st.SearchStrategy[bytes]:
    raw = "&".join(f"{name}={value}" for name, value in fields.items())
    escaped = "&".join(f"{quote(name)}={quote(value, errors='replace')}" for name, value in fields.items())
    return st.sampled_from([raw, escaped, json.dumps(fields)]).map(_bytes)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def tables(whole: WholeSystem) -> dict[str, str]:
    """A digest of each table that a request of the dialect might change, row for row."""
    found = {}
    for service in ("identity", "catalog", "billing"):
        names = whole.sql(service, "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")
        for name in sorted(row["name"] for row in names if row["name"] not in NOT_WATCHED):
            rows = f"SELECT string_agg(t::text, chr(10) ORDER BY t::text) AS rows FROM {name} AS t"
            query = f"SELECT md5(coalesce(rows, '')) AS digest FROM ({rows}) AS all_rows"
            found[f"{service}.{name}"] = whole.sql(service, query)[0]["digest"]
    return found


def assert_answered(whole: WholeSystem, below: str, sent: tuple[str, bytes, str]) -> Any:
    """An envelope, whatever was sent."""
    path, body, kind = sent
    answer = post_raw(f"{whole.origin}{below}", path, body, kind)
    assert answer.status == 200, (sent, answer)
    assert 200 <= answer.code < 507, (sent, answer)
    assert answer.code not in (500, 503), (sent, answer)
    assert answer.code == 200 or answer.data is None, (sent, answer)
    return answer


def test_bodies_of_nobody_have_no_effect_and_are_no_fault(running_system: WholeSystem) -> None:
    before = tables(running_system)
    known = ["did:key:z6MkTWIN", secrets.token_hex(16), "a.b.c", "1", "0b6f4c1e-7c55-4e0e-9b9e-000000000001"]

    @EXAMPLES
    @given(bodies(known), st.sampled_from(["", "/space"]))
    def send(sent: tuple[str, bytes, str], below: str) -> None:
        answer = assert_answered(running_system, below, sent)
        assert not answer.data, (sent, answer)

    send()
    after = tables(running_system)
    assert {name for name in after if after[name] != before[name]} == set()


def test_bodies_of_an_owner_are_no_fault_and_touch_no_other_owner(
    running_system: WholeSystem, tmp_path: Path, restic_path: str
) -> None:
    owner, other = (Home(running_system, tmp_path / name, restic_path) for name in ("owner", "other"))
    keys = owner.instance.keys()
    other.instance.tell_backup("0b6f4c1e-7c55-4e0e-9b9e-000000000009", "kept", "/")
    before = other.backups(), other.instance.require_room(0)
    account = owner.account
    known = [account.did, account.token, other.account.did, other.account.token[:-9], keys.access_key_id, keys.secret]
    authority = f"userid={account.did}&token={account.token}&"

    def with_token(sent: tuple[str, bytes, str]) -> tuple[str, bytes, str]:
        path, body, kind = sent
        return path, (body if body.lstrip()[:1] == b"{" else authority.encode() + body), kind

    @EXAMPLES
    @given(bodies(known).map(with_token))
    def send(sent: tuple[str, bytes, str]) -> None:
        answer = assert_answered(running_system, "/space", sent)
        assert other.account.token not in str(answer)

    send()
    assert (other.backups(), other.instance.require_room(0)) == before


@pytest.mark.parametrize("size", [999_999, 1_000_001, 3_000_000])
def test_a_body_of_any_size_is_answered(running_system: WholeSystem, size: int) -> None:
    body = b"userid=x&token=".ljust(size, b"a")
    for path in PATHS:
        answer = post_raw(running_system.origin, path, body)
        assert answer.status == (200 if size <= 1_000_000 else 413), (path, answer)
