"""Which restic is taken."""

from pathlib import Path

import pytest

from agent.errors import (
    ResticMissing,
)
from agent.restic import binary


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("echo restic 0.16.4 compiled with go", "restic_too_old"),
        ("echo something else 1.0", "restic_unusable"),
        ("exit 1", "restic_unusable"),
    ],
)
def test_an_old_or_strange_restic_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, code: str
) -> None:
    fake = tmp_path / "restic"
    fake.write_text(f"#!/bin/sh\n{script}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("RESTIC", str(fake))

    with pytest.raises(ResticMissing) as failure:
        binary.find()

    assert failure.value.code == code


def test_a_missing_restic_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RESTIC", str(tmp_path / "nowhere"))

    with pytest.raises(ResticMissing, match="not found"):
        binary.find()
