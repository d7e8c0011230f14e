"""Which tokens show that an instance's agent asks."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import example, given
from hypothesis import strategies as st

from shared.agent_token import TokenRefused, verify

INSTANCE = UUID("6a1f3a0e-2f0b-4c55-9f0e-6f2a7f4f2b11")
AUDIENCE = "https://space.example"
NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
SECONDS = int(NOW.timestamp())
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
HEADER = {"alg": "Ed25519", "typ": "agent+jwt"}
CLAIMS = {"iss": str(INSTANCE), "sub": str(INSTANCE), "aud": AUDIENCE, "iat": SECONDS, "exp": SECONDS + 300}
ABSENT = object()


def b64(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def signed(header: object = HEADER, claims: object = CLAIMS, key: Ed25519PrivateKey = KEY) -> str:
    """By hand, so that no library's manners are in the way."""
    text = ".".join(b64(json.dumps(part).encode()) for part in (header, claims))
    return f"{text}.{b64(key.sign(text.encode()))}"


def changed(base: Mapping[str, Any], **changes: object) -> dict[str, object]:
    return {name: value for name, value in {**base, **changes}.items() if value is not ABSENT}


def is_good(token: str, *, now: datetime = NOW, public_key: bytes = PUBLIC) -> bool:
    try:
        verify(token, public_key, instance_id=INSTANCE, audience=AUDIENCE, now=now)
    except TokenRefused:
        return False
    return True


def test_a_token_as_agreed_is_good() -> None:
    assert is_good(signed())
    assert is_good(signed(claims=changed(CLAIMS, exp=SECONDS + 1, jti="x")))


@pytest.mark.parametrize(
    ("seconds", "good"), [(-61, False), (-60, True), (0, True), (300, True), (359, True), (360, False)]
)
def test_a_token_is_good_for_its_time_and_a_minute_around_it(seconds: int, good: bool) -> None:
    assert is_good(signed(), now=NOW + timedelta(seconds=seconds)) is good


@pytest.mark.parametrize("typ", [ABSENT, "JWT", "at+jwt", "Agent+JWT", "application/agent+jwt", None, 1])
def test_another_kind_of_token_is_refused(typ: object) -> None:
    assert not is_good(signed(header=changed(HEADER, typ=typ)))


@pytest.mark.parametrize("alg", [ABSENT, "EdDSA", "none", "HS256", "ES256", "ed25519", "", None, 5])
def test_another_algorithm_is_refused_even_when_the_signature_is_right(alg: object) -> None:
    assert not is_good(signed(header=changed(HEADER, alg=alg)))


def test_nobody_signs_with_the_public_key_or_not_at_all() -> None:
    text = ".".join(b64(json.dumps(part).encode()) for part in (changed(HEADER, alg="HS256"), CLAIMS))
    assert not is_good(f"{text}.{b64(hmac.digest(PUBLIC, text.encode(), hashlib.sha256))}")
    assert not is_good(f"{signed().rpartition('.')[0]}.")
    assert not is_good(signed(header=changed(HEADER, alg="none")).rpartition(".")[0] + ".")


def test_another_key_is_refused() -> None:
    other = Ed25519PrivateKey.generate()
    assert not is_good(signed(key=other))
    public = b64(other.public_key().public_bytes_raw())
    brought = changed(HEADER, jwk={"kty": "OKP", "crv": "Ed25519", "x": public})
    assert not is_good(signed(header=brought, key=other))
    assert not is_good(signed(), public_key=other.public_key().public_bytes_raw())


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": ABSENT},
        {"sub": ABSENT},
        {"iss": ABSENT, "sub": ABSENT},
        {"iss": None, "sub": None},
        {"iss": str(UUID(int=1))},
        {"sub": str(UUID(int=1))},
        {"iss": "6a1f3a0e-2f0b-4c55-9f0e-6f2a7f4f2b12", "sub": "6a1f3a0e-2f0b-4c55-9f0e-6f2a7f4f2b12"},
        {"aud": ABSENT},
        {"aud": None},
        {"aud": "https://elsewhere.example"},
        {"aud": AUDIENCE + "/"},
        {"aud": [AUDIENCE]},
        {"iat": ABSENT},
        {"exp": ABSENT},
        {"iat": None},
        {"exp": str(SECONDS + 300)},
        {"exp": SECONDS + 300.0},
        {"iat": True},
        {"exp": SECONDS + 301},
        {"exp": SECONDS},
        {"exp": SECONDS - 1},
        {"iat": SECONDS - 10**30, "exp": SECONDS},
        {"iat": 10**30, "exp": 10**30 + 300},
        {"iat": -(10**30), "exp": -(10**30) + 300},
    ],
    ids=lambda changes: str({name: "absent" if value is ABSENT else value for name, value in changes.items()}),
)
def test_claims_of_another_instance_audience_or_time_are_refused(changes: dict[str, object]) -> None:
    assert not is_good(signed(claims=changed(CLAIMS, **changes)))


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "Bearer",
        "\x00.\x00.\x00",
        "é.é.é",
        "\ud800.a.b",
        signed() + ".",
        signed() + "=",
        " " + signed(),
        signed(header=[]),
        signed(header="x"),
        signed(header=None),
        signed(header={**HEADER, "crit": ["x"], "x": 1}),
        signed(header={**HEADER, "crit": 5}),
        signed(header={**HEADER, "b64": False, "crit": ["b64"]}),
        signed(claims=[]),
        signed(claims="x"),
        signed(claims=None),
        b64(b"[" * 1000) + ".e30.AAAA",
        b64(b"{") + ".e30.AAAA",
        "A" * 100_000,
    ],
    ids=lambda token: repr(token[:40]),
)
def test_what_is_no_token_is_refused_and_does_no_harm(token: str) -> None:
    assert not is_good(token)


@given(st.binary(max_size=200))
@example(b"[" * 1300)
def test_a_payload_that_is_no_json_object_is_refused(payload: bytes) -> None:
    text = f"{b64(json.dumps(HEADER).encode())}.{b64(payload)}"
    assert not is_good(f"{text}.{b64(KEY.sign(text.encode()))}")


@given(st.integers(0, len(signed()) - 2), st.sampled_from("AQgw_-.09"))
def test_a_token_that_was_changed_anywhere_is_refused(place: int, letter: str) -> None:
    """But for its very last letter, of which four bits are no part of the signature."""
    token = signed()
    other = token[:place] + letter + token[place + 1 :]
    assert is_good(other) is (other == token)


@pytest.mark.parametrize("public_key", [b"", bytes(31), bytes(33)])
def test_a_key_that_is_none_verifies_nothing(public_key: bytes) -> None:
    assert not is_good(signed(), public_key=public_key)
