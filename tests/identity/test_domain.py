"""The rules of identity, without a server: exhaustive where the table is finite, properties where it is not."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import base58
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from identity.domain import lifetimes
from identity.domain.did import NotADidKey, decode_did, encode_did
from identity.domain.lifetimes import RefreshVerdict, judge_refresh
from identity.domain.limits import Limit, client_network
from identity.domain.proof import Proof, ProofOutOfTime, ProofRefused, read_proof
from identity.domain.secrets import CODE_ALPHABET, digest, read_code, render_code, render_secret, succeed
from tests.identity.support import Person, b64

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
ORIGIN = "http://space.test"
NONCE = "n" * 43
people = st.binary(min_size=32, max_size=32).map(lambda seed: Person(Ed25519PrivateKey.from_private_bytes(seed)))
instants = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


# DIDs


@given(st.binary(min_size=32, max_size=32))
def test_a_did_says_its_key_and_is_of_the_known_form(key: bytes) -> None:
    did = encode_did(key)
    assert did.startswith("did:key:z6Mk")
    assert decode_did(did) == key


def test_the_did_of_the_specification_is_read() -> None:
    # did:key method, test vectors, Ed25519 (W3C CCG).
    did = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
    assert decode_did(did).hex() == "2e6fcce36701dc791488e0d0b1745cc1e33a4c1c9fcc41c63bd343dbbe0970e6"


@pytest.mark.parametrize(
    "did",
    [
        "",
        "did:key:",
        "did:key:z",
        "did:web:example.com",
        "did:key:u6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
        "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2do0",
        "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK\n",
        " did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
        "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2do",
        "did:key:z16MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK",
        "did:key:z" + base58.b58encode(b"\xec\x01" + bytes(32)).decode(),  # X25519
        "did:key:z" + base58.b58encode(b"\xed\x01" + bytes(31)).decode(),
        "did:key:z" + base58.b58encode(b"\xed\x01" + bytes(33)).decode(),
        "did:key:z" + base58.b58encode(bytes(32)).decode(),
        "did:key:z" + "6" * 100_000,
    ],
)
def test_what_is_no_did_of_an_ed25519_key_is_refused(did: str) -> None:
    with pytest.raises(NotADidKey):
        decode_did(did)


@given(st.text(max_size=80))
def test_any_text_is_a_did_or_refused(text: str) -> None:
    did = f"did:key:z{text}"
    with suppress(NotADidKey):
        assert encode_did(decode_did(did)) == did


# Proofs


@given(people, instants, st.sampled_from(["EdDSA", "Ed25519"]))
def test_a_proof_is_accepted_at_its_own_instant(person: Person, now: datetime, algorithm: str) -> None:
    now = now.replace(microsecond=0)
    text = person.prove(NONCE, at=now, header={"alg": algorithm})
    assert read_proof(text, audience=ORIGIN, now=now) == Proof(person.did, NONCE)


@given(people, st.integers(-100_000, 100_000))
def test_a_proof_is_good_from_thirty_seconds_before_its_time_to_two_minutes_after(person: Person, age: int) -> None:
    text = person.prove(NONCE, at=NOW)
    now = NOW + timedelta(seconds=age)
    if -30 <= age <= 120:
        assert read_proof(text, audience=ORIGIN, now=now).did == person.did
    else:
        with pytest.raises(ProofOutOfTime) as refused:
            read_proof(text, audience=ORIGIN, now=now)
        assert refused.value.ahead == timedelta(seconds=-age)


@given(people, people, st.data())
def test_a_proof_by_another_key_is_refused_whoever_it_names(one: Person, two: Person, data: st.DataObject) -> None:
    if one.did == two.did:
        return
    kid = f"{one.did}#{one.did.removeprefix('did:key:')}"
    claims = data.draw(st.sampled_from([{"iss": one.did}, {}]))
    with pytest.raises(ProofRefused):
        read_proof(two.prove(NONCE, at=NOW, header={"kid": kid}, **claims), audience=ORIGIN, now=NOW)
    with pytest.raises(ProofRefused):
        read_proof(two.prove(NONCE, at=NOW, iss=one.did), audience=ORIGIN, now=NOW)


@given(people, st.data())
def test_no_bit_of_a_proof_can_be_changed(person: Person, data: st.DataObject) -> None:
    head, payload, signature = person.prove(NONCE, at=NOW).split(".")
    part = data.draw(st.sampled_from([0, 1]))
    parts = [head, payload]
    position = data.draw(st.integers(0, len(parts[part]) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_").filter(lambda letter: letter != parts[part][position]))
    parts[part] = parts[part][:position] + other + parts[part][position + 1 :]
    with pytest.raises((ProofRefused, ProofOutOfTime)) as refused:
        read_proof(f"{parts[0]}.{parts[1]}.{signature}", audience=ORIGIN, now=NOW)
    assert isinstance(refused.value, ProofRefused)


@given(people, st.sampled_from(["iss", "aud", "nonce", "iat"]), json_values)
def test_a_claim_that_is_anything_else_is_refused(person: Person, claim: str, value: Any) -> None:
    if claim == "nonce" and isinstance(value, str) and len(value) >= 16:
        return
    with pytest.raises((ProofRefused, ProofOutOfTime)):
        read_proof(person.prove(NONCE, at=NOW, **{claim: value}), audience=ORIGIN, now=NOW)


@given(people, json_values, json_values)
def test_any_header_and_payload_are_refused_in_order(person: Person, header: Any, payload: Any) -> None:
    with pytest.raises(ProofRefused):
        read_proof(person.sign(header, payload), audience=ORIGIN, now=NOW)


@given(people, json_values)
def test_any_signed_payload_is_refused_in_order(person: Person, payload: Any) -> None:
    header = {"alg": "EdDSA", "kid": f"{person.did}#{person.did.removeprefix('did:key:')}"}
    with pytest.raises(ProofRefused):
        read_proof(person.sign(header, payload), audience=ORIGIN, now=NOW)


@given(st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]{0,60}(\.[A-Za-z0-9_-]{0,60}){0,4}", fullmatch=True))
def test_any_text_is_refused_in_order(text: str) -> None:
    with pytest.raises(ProofRefused):
        read_proof(text, audience=ORIGIN, now=NOW)


@pytest.mark.parametrize(
    "payload",
    [b"[" * 2900, b'{"iat":' + b"9" * 2900 + b"}", b"\xff", b"", b"null", b'{"iat":NaN}', b'{"iat":1e999}'],
    ids=lambda payload: repr(payload[:12]),
)
def test_a_payload_made_to_trip_the_reader_is_refused_in_order(payload: bytes) -> None:
    person = Person()
    with pytest.raises(ProofRefused):
        read_proof(
            person.sign({"alg": "EdDSA", "kid": f"{person.did}#{person.did[8:]}"}, payload), audience=ORIGIN, now=NOW
        )


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "ES256"},
        {"alg": "Ed448"},
        {"alg": ["EdDSA"]},
        {"alg": None},
        {"kid": "#"},
        {"kid": 7},
        {"kid": "did:key:z6Mk#z6Mk"},
        {"crit": ["b64"], "b64": False},
        {"jku": "https://evil.example/jwks.json"},
    ],
    ids=json.dumps,
)
def test_a_header_of_another_kind_is_refused(header: dict[str, Any]) -> None:
    with pytest.raises(ProofRefused):
        read_proof(Person().prove(NONCE, at=NOW, header=header), audience=ORIGIN, now=NOW)


def test_a_proof_without_a_signature_or_too_long_is_refused() -> None:
    person = Person()
    text = person.prove(NONCE, at=NOW)
    for wrong in (text.rpartition(".")[0] + ".", text + "." + b64(b"more"), person.prove(NONCE, at=NOW, x="x" * 4096)):
        with pytest.raises(ProofRefused):
            read_proof(wrong, audience=ORIGIN, now=NOW)


# Refreshing


MOMENTS = [
    timedelta(seconds=-1),
    timedelta(0),
    timedelta(seconds=59),
    timedelta(seconds=60),
    timedelta(seconds=61),
    timedelta(days=31),
]


@pytest.mark.parametrize(
    ("expires_in", "revoked", "used_before", "is_predecessor"),
    list(
        product(
            [timedelta(seconds=-1), timedelta(0), timedelta(seconds=1)], [False, True], [None, *MOMENTS], [False, True]
        )
    ),
)
def test_what_a_refresh_token_is_worth(
    expires_in: timedelta, revoked: bool, used_before: timedelta | None, is_predecessor: bool
) -> None:
    verdict = judge_refresh(
        now=NOW,
        session_expires_at=NOW + expires_in,
        session_revoked_at=NOW if revoked else None,
        token_used_at=None if used_before is None else NOW - used_before,
        is_predecessor=is_predecessor,
    )
    if revoked or expires_in <= timedelta(0):
        assert verdict is RefreshVerdict.ENDED
    elif used_before is None:
        assert verdict is RefreshVerdict.ROTATE
    elif is_predecessor and used_before <= timedelta(seconds=60):
        assert verdict is RefreshVerdict.REPEAT
    else:
        assert verdict is RefreshVerdict.REUSED


@given(instants, st.timedeltas(timedelta(0), timedelta(days=200)))
def test_nothing_outlives_what_it_stands_on(signed_in_at: datetime, later: timedelta) -> None:
    now = signed_in_at + later
    end = lifetimes.session_end(now, signed_in_at)
    assert end <= signed_in_at + timedelta(days=90)
    assert end <= now + timedelta(days=30)
    assert lifetimes.access_end(now, end) <= min(end, now + timedelta(minutes=10))


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_a_successor_follows_from_token_and_seed_and_from_neither_alone(token: bytes, one: bytes, two: bytes) -> None:
    text = render_secret("spr_", token)
    assert succeed(text, one) == succeed(text, one)
    assert (succeed(text, one) == succeed(text, two)) is (one == two)
    assert succeed(succeed(text, one), one) != succeed(text, one)


# Codes and digests


@given(st.binary(min_size=10, max_size=10), st.sampled_from(["", " ", "-", "--"]), st.booleans())
def test_a_code_is_read_however_it_is_typed(random: bytes, between: str, in_lower_case: bool) -> None:
    code = render_code(random)
    assert len(code) == 11
    assert set(code) <= {*CODE_ALPHABET, "-"}
    typed = code.replace("-", between).replace("0", "O").replace("1", "l")
    typed = f" {typed.lower() if in_lower_case else typed} "
    assert read_code(typed) == read_code(code) == code.replace("-", "")


def test_the_alphabet_of_codes_has_nothing_to_confuse() -> None:
    assert len(set(CODE_ALPHABET)) == 32
    assert not set(CODE_ALPHABET) & set("ILOU")


@given(st.text(alphabet=st.characters(codec="utf-8")), st.text(alphabet=st.characters(codec="utf-8")))
def test_digests_differ_where_secrets_do(one: str, two: str) -> None:
    assert (digest(one) == digest(two)) is (one == two)
    assert len(digest(one)) == 32


# Limits


@given(instants, st.sampled_from([timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=1)]))
def test_waiting_as_told_reaches_the_next_window(now: datetime, window: timedelta) -> None:
    limit = Limit("x", 1, window)
    started_at, wait = limit.started_at(now), timedelta(seconds=limit.retry_after_seconds(now))
    assert started_at <= now < started_at + window
    assert timedelta(seconds=1) <= wait <= window
    assert limit.started_at(now + wait) == started_at + window


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_whom_an_address_is_counted_as(host: str | None, network: str) -> None:
    assert client_network(host) == network
