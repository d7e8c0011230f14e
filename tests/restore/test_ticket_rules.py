"""Who may redeem a ticket, and until when."""

import secrets
from datetime import UTC, datetime, timedelta

import pytest

from restore.domain.ticket import Redemption, digest, is_bound_to, judge

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINE, THEIRS = digest("mine"), digest("theirs")


@pytest.mark.parametrize(
    ("bound_to", "redeemer", "expires_at", "heard_at", "expected"),
    [
        (None, MINE, NOW + SECOND, None, Redemption.FIRST),
        (None, MINE, NOW, None, Redemption.TOO_LATE),
        (MINE, MINE, NOW - SECOND, NOW - timedelta(hours=24) + SECOND, Redemption.AGAIN),
        (MINE, MINE, NOW - SECOND, NOW - timedelta(hours=24), Redemption.TOO_LATE),
        (THEIRS, MINE, NOW + SECOND, NOW, Redemption.SPENT),
        (THEIRS, MINE, NOW - SECOND, NOW - timedelta(days=9), Redemption.SPENT),
    ],
)
def test_an_attempt_to_redeem(
    bound_to: bytes | None, redeemer: bytes, expires_at: datetime, heard_at: datetime | None, expected: Redemption
) -> None:
    verdict = judge(bound_to=bound_to, redeemer=redeemer, expires_at=expires_at, heard_at=heard_at, now=NOW)
    assert verdict is expected


def test_nobody_is_the_redeemer_of_an_unused_ticket() -> None:
    assert not is_bound_to(None, digest(""))
    assert is_bound_to(MINE, MINE)
    assert not is_bound_to(MINE, THEIRS)


def test_a_digest_does_not_hold_its_secret() -> None:
    secret = secrets.token_urlsafe(32)
    assert secret.encode() not in digest(secret)
    assert len(digest(secret)) == 32
