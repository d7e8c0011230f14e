"""A sealed password opens for one agent, restore and round; the vectors are what a browser has to agree with."""

import base64
import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from agent.sealing import NotOpened, Sealing, read_public_key, seal, sealed_for

VECTORS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "sealed_passwords.json").read_text())["vectors"]
RESTORE_ID = UUID("33333333-0000-4000-8000-000000000003")
INSTANCE_ID = UUID("44444444-0000-4000-8000-00000000000A")
PASSWORDS = [
    b"correct horse",
    b"",
    b" \tleading and trailing blanks \r\n",
    bytes(range(256)),
    "pässwörd 😀".encode(),
    b"x" * 4096,
]


def names(value: object) -> str:
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)


def sealed_by(sealing: Sealing, password: bytes, *, number: int = 1) -> str:
    key = read_public_key(sealing.public_key)
    return seal(password, key, restore_id=RESTORE_ID, instance_id=INSTANCE_ID, round=number)


@pytest.mark.parametrize("password", PASSWORDS, ids=names)
def test_what_is_sealed_opens_as_it_was(password: bytes) -> None:
    sealing = Sealing()

    sealed = sealed_by(sealing, password)

    assert sealing.open(sealed, restore_id=RESTORE_ID, instance_id=INSTANCE_ID, round=1) == password
    assert sealed.isascii()
    assert not set(sealed) & set("+/=\n")


def test_sealing_the_same_twice_shows_nothing() -> None:
    sealing = Sealing()

    assert sealed_by(sealing, b"correct horse") != sealed_by(sealing, b"correct horse")


def test_it_opens_for_nothing_else() -> None:
    sealing = Sealing()
    sealed = sealed_by(sealing, b"correct horse", number=2)
    right = {"restore_id": RESTORE_ID, "instance_id": INSTANCE_ID, "round": 2}

    for wrong in ({"round": 1}, {"round": 22}, {"restore_id": uuid4()}, {"instance_id": uuid4()}):
        with pytest.raises(NotOpened):
            sealing.open(sealed, **{**right, **wrong})  # type: ignore[arg-type]
    with pytest.raises(NotOpened):
        Sealing().open(sealed, restore_id=RESTORE_ID, instance_id=INSTANCE_ID, round=2)


@pytest.mark.parametrize("place", [0, 31, 32, -1])
def test_one_bit_that_is_another_keeps_it_closed(place: int) -> None:
    sealing = Sealing()
    content = bytearray(base64.urlsafe_b64decode(sealed_by(sealing, b"correct horse") + "=="))
    content[place] ^= 1
    changed = base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    with pytest.raises(NotOpened):
        sealing.open(changed, restore_id=RESTORE_ID, instance_id=INSTANCE_ID, round=1)


@pytest.mark.parametrize("text", ["", "AAAA", "A", "not base64!", "é", "x" * 10_000, "AA==", "A" * 95])
def test_what_is_not_sealed_at_all_is_refused_as_such(text: str) -> None:
    with pytest.raises(NotOpened):
        Sealing().open(text, restore_id=RESTORE_ID, instance_id=INSTANCE_ID, round=1)


@pytest.mark.parametrize("text", ["", "AAAA", "A" * 42, "A" * 44, "A" * 42 + "="])
def test_a_public_key_is_32_bytes_in_base64url(text: str) -> None:
    with pytest.raises(ValueError, match=r"public key|base64url"):
        read_public_key(text)


def test_a_key_that_would_make_the_secret_known_is_refused() -> None:
    with pytest.raises(ValueError, match="shared key"):
        seal(b"correct horse", bytes(32), restore_id=RESTORE_ID, instance_id=INSTANCE_ID, round=1)


def test_a_key_pair_says_its_public_half_only() -> None:
    sealing = Sealing()

    assert len(sealing.public_key) == 43
    assert len({Sealing().public_key for _ in range(5)}) == 5
    assert "private" not in str(sealing).lower()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["name"]))
def test_the_vectors_open_as_they_did_when_they_were_made(vector: dict[str, Any]) -> None:
    sealing = Sealing(X25519PrivateKey.from_private_bytes(bytes.fromhex(vector["private_key"])))
    where = {
        "restore_id": UUID(vector["restore_id"]),
        "instance_id": UUID(vector["instance_id"]),
        "round": vector["round"],
    }

    assert sealing.public_key == vector["public_key"]
    assert sealed_for(**where).hex() == vector["info"]
    assert sealing.open(vector["sealed"], **where).hex() == vector["plaintext"]
