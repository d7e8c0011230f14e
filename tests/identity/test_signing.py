"""The keys of access tokens: their file, their order, their rotation."""

import json
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, OKPKey

from identity.models import Owner
from identity.signing import AccessTokenIssuer, SigningKeysUnusable, read_keys
from tests.identity.support import Clock


def _file(folder: Path, *keys: OKPKey | ECKey, private: bool = True) -> Path:
    path = folder / "keys.json"
    path.write_text(json.dumps({"keys": [key.as_dict(private=private) for key in keys]}))
    return path


def _token(issuer: AccessTokenIssuer) -> str:
    now = Clock().now()
    owner = Owner(owner_id=uuid4(), did="did:key:zX", olares_name="alice@olares.com", created_at=now)
    return issuer.issue(
        owner, scopes=["b", "a"], session_id=uuid4(), now=now, grant_expires_at=now + timedelta(days=1)
    ).text


def test_the_last_key_signs_and_all_are_published(tmp_path: Path) -> None:
    old, new = (OKPKey.generate_key("Ed25519", {"kid": kid}) for kid in ("old", "new"))
    before = AccessTokenIssuer("http://space.test", read_keys(_file(tmp_path, old)))
    after = AccessTokenIssuer("http://space.test", read_keys(_file(tmp_path, old, new)))
    assert [key["kid"] for key in after.public_keys["keys"]] == ["old", "new"]
    published = KeySet.import_key_set(json.loads(json.dumps(after.public_keys)))
    for issuer, kid in ((before, "old"), (after, "new")):
        decoded = jwt.decode(_token(issuer), published, algorithms=["Ed25519"])
        assert decoded.header == {"alg": "Ed25519", "typ": "at+jwt", "kid": kid}
        assert decoded.claims["scope"] == "a b"


def test_what_is_published_has_no_private_part(tmp_path: Path) -> None:
    key = OKPKey.generate_key("Ed25519")
    published = json.dumps(AccessTokenIssuer("x", read_keys(_file(tmp_path, key))).public_keys)
    assert str(key.as_dict(private=True)["d"]) not in published
    assert '"d"' not in published


def test_a_key_without_a_name_is_named_by_its_thumbprint(tmp_path: Path) -> None:
    key = OKPKey.generate_key("Ed25519")
    [read] = read_keys(_file(tmp_path, key))
    assert read.kid == key.thumbprint()


def test_a_file_of_anything_else_is_refused(tmp_path: Path) -> None:
    good = OKPKey.generate_key("Ed25519", {"kid": "a"})
    with pytest.raises(SigningKeysUnusable):
        read_keys(tmp_path / "absent.json")
    for keys in ((), (OKPKey.generate_key("Ed448"),), (ECKey.generate_key("P-256"),), (good, good)):
        with pytest.raises(SigningKeysUnusable):
            read_keys(_file(tmp_path, *keys))
    with pytest.raises(SigningKeysUnusable):
        read_keys(_file(tmp_path, good, private=False))
    for content in ("", "[]", '{"keys": 7}', '{"keys": [{"kty": "OKP"}]}', '{"keys": ["x"]}'):
        (tmp_path / "keys.json").write_text(content)
        with pytest.raises(SigningKeysUnusable):
            read_keys(tmp_path / "keys.json")
