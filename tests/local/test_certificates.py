"""The private CA: made once, its certificate renewed when the host changes or its end is near."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from space_local import certificates


def names(folder: Path) -> list[str]:
    leaf = x509.load_pem_x509_certificate((folder / "store.pem").read_bytes())
    extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in extension]


def test_a_second_start_keeps_everything(tmp_path: Path) -> None:
    certificates.ensure(tmp_path, "127.0.0.1")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    certificates.ensure(tmp_path, "127.0.0.1")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert names(tmp_path) == ["127.0.0.1", "::1", "localhost"]


def test_another_host_gets_another_certificate_from_the_same_ca(tmp_path: Path) -> None:
    certificates.ensure(tmp_path, "127.0.0.1")
    ca = (tmp_path / "ca.pem").read_bytes()
    certificates.ensure(tmp_path, "space.example")
    assert (tmp_path / "ca.pem").read_bytes() == ca
    assert names(tmp_path) == ["space.example", "127.0.0.1", "::1", "localhost"]
    leaf = x509.load_pem_x509_certificate((tmp_path / "store.pem").read_bytes())
    leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(ca))


def test_a_certificate_near_its_end_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificates.ensure(tmp_path, "127.0.0.1")
    monkeypatch.setattr(certificates, "LEAF_DAYS", 20)
    (tmp_path / "store.pem").unlink()
    certificates.ensure(tmp_path, "127.0.0.1")
    monkeypatch.undo()
    certificates.ensure(tmp_path, "127.0.0.1")
    leaf = x509.load_pem_x509_certificate((tmp_path / "store.pem").read_bytes())
    assert leaf.not_valid_after_utc > datetime.now(UTC) + timedelta(days=certificates.RENEW_BEFORE_DAYS)
