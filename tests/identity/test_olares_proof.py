"""What makes a login of LarePass good, without a server."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from identity.domain.olares_proof import (
    OlaresProof,
    is_provisional,
    provisional_name,
    read_olares_proof,
)
from identity.domain.proof import ProofOutOfTime, ProofRefused
from identity.schemas import OLARES_NAME, OlaresName
from tests.identity.olares import YEAR_SECONDS, key_id, milliseconds, sign
from tests.identity.support import Person
from tests.support.tokens import ORIGIN

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
SECRET = "0123456789abcdef" * 2
people = st.binary(min_size=32, max_size=32).map(lambda seed: Person(Ed25519PrivateKey.from_private_bytes(seed)))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def test_what_larepass_signs_is_read() -> None:
    person = Person()
    assert read_olares_proof(sign(person, SECRET, at=NOW), now=NOW) == OlaresProof(person.did, SECRET)


@pytest.mark.parametrize("iss", ["the did", None])
def test_who_signed_may_be_said_as_the_did_or_not_at_all(iss: str | None) -> None:
    person = Person()
    text = sign(person, SECRET, at=NOW, iss=person.did if iss else None)
    assert read_olares_proof(text, now=NOW).did == person.did


@pytest.mark.parametrize("did", ["", None])
def test_a_code_shown_to_anybody_names_no_did_and_its_login_is_of_whoever_signed(did: str | None) -> None:
    person = Person()
    assert read_olares_proof(sign(person, SECRET, at=NOW, did=did), now=NOW).did == person.did


@given(people, st.integers(-200_000, 200_000))
def test_its_time_may_be_two_minutes_from_ours_either_way(person: Person, age_milliseconds: int) -> None:
    now = NOW + timedelta(milliseconds=age_milliseconds)
    text = sign(person, SECRET, at=NOW)
    if abs(age_milliseconds) <= 120_000:
        assert read_olares_proof(text, now=now).secret == SECRET
    else:
        with pytest.raises(ProofOutOfTime) as refused:
            read_olares_proof(text, now=now)
        assert refused.value.ahead == timedelta(milliseconds=-age_milliseconds)


@pytest.mark.parametrize(
    ("milliseconds_off", "good"), [(-120_001, False), (-120_000, True), (120_000, True), (120_001, False)]
)
def test_the_edges_of_its_time(milliseconds_off: int, good: bool) -> None:
    text = sign(Person(), SECRET, at=NOW, time=milliseconds(NOW) + milliseconds_off)
    if good:
        assert read_olares_proof(text, now=NOW).secret == SECRET
    else:
        with pytest.raises(ProofOutOfTime):
            read_olares_proof(text, now=NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"did": 7},
        {"did": "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"},
        {"iss": "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"},
        {"iss": 7},
        {"iss": [1]},
        {"secret": None},
        {"secret": SECRET.upper()},
        {"secret": SECRET[:-1]},
        {"secret": SECRET + "0"},
        {"secret": SECRET + "\n"},
        {"secret": 10**31},
        {"time": None},
        {"time": str(milliseconds(NOW))},
        {"time": True},
        {"time": -1},
        {"time": 10**400},
        {"time": float(milliseconds(NOW))},
        {"exp": None},
        {"exp": int(NOW.timestamp())},
        {"exp": int(NOW.timestamp()) - 1},
        {"exp": True},
        {"exp": "2100-01-01"},
        {"exp": float("nan")},
        {"exp": -(10**400)},
        {"header": {"alg": "none"}},
        {"header": {"alg": "HS256"}},
        {"header": {"kid": None}},
        {"header": {"kid": "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"}},
        {"header": {"kid": key_id("did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK")}},
        {"header": {"kid": "did:web:example.com#example.com"}},
        {"header": {"jwk": {"kty": "OKP"}}},
        {"header": {"crit": ["exp"], "exp": 1}},
    ],
    ids=str,
)
def test_what_larepass_does_not_sign_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ProofRefused):
        read_olares_proof(sign(Person(), SECRET, at=NOW, **change), now=NOW)


@pytest.mark.parametrize("exp", [int(NOW.timestamp()) + 1, NOW.timestamp() + 0.5, 10**400, YEAR_SECONDS * 2000])
def test_an_end_in_the_future_is_enough_whatever_it_is(exp: float) -> None:
    assert read_olares_proof(sign(Person(), SECRET, at=NOW, exp=exp), now=NOW).secret == SECRET


@given(people, people)
def test_another_keys_signature_is_refused_whatever_it_says(one: Person, two: Person) -> None:
    if one.did == two.did:
        return
    for claims in ({}, {"did": one.did}, {"did": one.did, "iss": key_id(one.did)}):
        with pytest.raises(ProofRefused):
            read_olares_proof(sign(two, SECRET, at=NOW, header={"kid": key_id(one.did)}, **claims), now=NOW)
    with pytest.raises(ProofRefused):
        read_olares_proof(sign(two, SECRET, at=NOW, did=one.did), now=NOW)


@given(people, st.data())
def test_no_letter_of_it_can_be_changed(person: Person, data: st.DataObject) -> None:
    head, payload, signature = sign(person, SECRET, at=NOW).split(".")
    part = data.draw(st.sampled_from([0, 1]))
    parts = [head, payload]
    position = data.draw(st.integers(0, len(parts[part]) - 1))
    other = data.draw(st.sampled_from("ABCxyz019-_").filter(lambda letter: letter != parts[part][position]))
    parts[part] = parts[part][:position] + other + parts[part][position + 1 :]
    with pytest.raises(ProofRefused):
        read_olares_proof(f"{parts[0]}.{parts[1]}.{signature}", now=NOW)


@given(people, st.sampled_from(["did", "secret", "time", "exp", "iss"]), json_values)
def test_a_claim_that_is_anything_at_all_is_read_or_refused(person: Person, claim: str, value: Any) -> None:
    if claim in ("did", "iss") and value in (None, ""):
        return
    try:
        assert read_olares_proof(sign(person, SECRET, at=NOW, **{claim: value}), now=NOW).did == person.did
    except (ProofRefused, ProofOutOfTime):
        return
    assert claim == "exp"


def test_a_native_proof_is_no_login() -> None:
    with pytest.raises(ProofRefused):
        read_olares_proof(Person().prove("n" * 43, at=NOW), now=NOW)


@pytest.mark.parametrize("place", ["{}", "body[{}]"])
@pytest.mark.parametrize("name", ["did", "secret", "time"])
def test_what_is_stated_beside_it_must_be_what_was_signed(name: str, place: str) -> None:
    person = Person()
    text, place = sign(person, SECRET, at=NOW), place.format(name)
    signed = {"did": person.did, "secret": SECRET, "time": str(milliseconds(NOW))}
    for said in (signed[name], ""):
        assert read_olares_proof(text, now=NOW, stated={place: said, "id": "1"}).did == person.did
    for said in (Person().did, "f" * 32, str(milliseconds(NOW) + 1), signed[name] + " ", "0"):
        with pytest.raises(ProofRefused):
            read_olares_proof(text, now=NOW, stated={**signed, place: said})


@given(people)
def test_a_provisional_name_is_an_olares_name_that_nobody_may_ask_for(person: Person) -> None:
    name = provisional_name(person.did)
    assert OLARES_NAME.fullmatch(name)
    assert is_provisional(name)
    assert ORIGIN not in name
    for asked in (name, name.upper(), f" {name}", "alice@did.alt"):
        with pytest.raises(ValidationError):
            TypeAdapter(OlaresName).validate_python(asked)
    for other in ("alice@olares.com", "alice@did.alt.com", "did.alt@olares.com"):
        assert TypeAdapter(OlaresName).validate_python(other) == other
