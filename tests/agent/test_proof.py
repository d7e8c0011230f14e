"""The key pair and its proof, verified by joserfc as the service does."""

import base64
import json
import stat
import threading
import warnings
from datetime import UTC, datetime

import base58
import pytest
from joserfc import jws
from joserfc.errors import BadSignatureError, SecurityWarning
from joserfc.jwk import OKPKey

from agent import config, proof
from agent.errors import SpaceError

ISSUED_AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def public_key_of(did: str) -> OKPKey:
    """The key that a verifier reads out of the DID itself."""
    raw = base58.b58decode(did.removeprefix("did:key:z"))
    assert raw[:2] == b"\xed\x01"
    assert len(raw) == 34
    x = base64.urlsafe_b64encode(raw[2:]).rstrip(b"=").decode()
    return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": x})


def verify(token: str, key: OKPKey) -> jws.CompactSignature:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        return jws.deserialize_compact(token, key, algorithms=["EdDSA"])


def test_a_proof_verifies_with_the_key_in_its_own_did() -> None:
    identity = proof.create()

    token = proof.sign(identity, nonce="n-1", audience="https://space.test", issued_at=ISSUED_AT)

    verified = verify(token, public_key_of(identity.did))
    suffix = identity.did.removeprefix("did:key:")
    assert verified.headers() == {"alg": "EdDSA", "kid": f"{identity.did}#{suffix}"}
    assert json.loads(verified.payload or b"") == {
        "iss": identity.did,
        "aud": "https://space.test",
        "nonce": "n-1",
        "iat": int(ISSUED_AT.timestamp()),
    }


def test_a_proof_does_not_verify_with_another_key() -> None:
    token = proof.sign(proof.create(), nonce="n", audience="a", issued_at=ISSUED_AT)

    with pytest.raises(BadSignatureError):
        verify(token, public_key_of(proof.create().did))


def test_the_key_pair_is_made_once_kept_privately_and_read_again() -> None:
    first = proof.load_or_create()

    assert proof.load_or_create().did == first.did
    assert stat.S_IMODE(config.identity_file().stat().st_mode) == 0o600
    assert stat.S_IMODE(config.directory().stat().st_mode) == 0o700


def test_commands_that_begin_at_once_share_one_key_pair() -> None:
    dids: list[str] = []
    threads = [threading.Thread(target=lambda: dids.append(proof.load_or_create().did)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(dids) == 8
    assert len(set(dids)) == 1


@pytest.mark.parametrize("kept", ["", "{", "[]", "{}", '{"did": "did:key:z6Mk", "key": {"kty": "OKP"}}'])
def test_a_damaged_key_pair_is_said_and_never_replaced(kept: str) -> None:
    config.identity_file().write_text(kept)

    with pytest.raises(SpaceError):
        proof.load_or_create()

    assert config.identity_file().read_text() == kept


def test_a_key_of_another_did_is_refused() -> None:
    kept = {"did": proof.create().did, "key": proof.create().key.as_dict(private=True)}
    config.identity_file().write_text(json.dumps(kept))

    with pytest.raises(SpaceError):
        proof.load()
