"""How long sessions and tokens live, and what a refresh token is worth when it comes."""

from datetime import datetime, timedelta
from enum import StrEnum

ACCESS_LIFETIME = timedelta(minutes=10)
NONCE_LIFETIME = timedelta(seconds=120)
CODE_LIFETIME = timedelta(minutes=10)
REFRESH_LIFETIME = timedelta(days=30)
"""How long a session lives without being used."""
SESSION_LIFETIME = timedelta(days=90)
"""How long a session lives however much it is used."""
REFRESH_GRACE = timedelta(seconds=60)
"""How long the token just replaced gives the same successor again (README, "Refreshing")."""
OLARES_LIFETIME = timedelta(days=30)
"""How long a token of Olares devices lives, and its session when no new token is asked for. New ones may be asked for
without end: these devices work unattended for years."""
OLARES_WAIT = timedelta(minutes=5)
"""How long a login waits for its token to be fetched. The pages that wait give up after 120 seconds."""
OLARES_LOGIN_KEPT = timedelta(hours=1)
"""How long a login's secret is remembered: longer than its proof is accepted, which is 240 seconds, from 120 before its
time to 120 after it."""


LINK_LIFETIME = timedelta(seconds=60)
"""How long a link to the console waits to be followed."""
QR_LIFETIME = timedelta(seconds=120)
"""How long a code on the sign-in page can be scanned, and its sign-in taken: as long as what is signed is accepted."""


class RefreshVerdict(StrEnum):
    """What becomes of a refresh token that is presented."""

    ROTATE = "rotate"
    REPEAT = "repeat"
    REUSED = "reused"
    ENDED = "ended"


def session_end(now: datetime, signed_in_at: datetime) -> datetime:
    """When a session that is used now ends: after a time unused, and a time after the sign-in at the latest."""
    return min(now + REFRESH_LIFETIME, signed_in_at + SESSION_LIFETIME)


def access_end(now: datetime, grant_expires_at: datetime) -> datetime:
    """When an access token issued now ends: soon, and with the session or API token it stands for at the latest."""
    return min(now + ACCESS_LIFETIME, grant_expires_at)


def judge_refresh(
    *,
    now: datetime,
    session_expires_at: datetime,
    session_revoked_at: datetime | None,
    token_used_at: datetime | None,
    is_predecessor: bool,
) -> RefreshVerdict:
    """What a refresh token is worth.

    Args:
        token_used_at: When it was exchanged for its successor; None while it is the newest of its session.
        is_predecessor: Whether its successor is the newest of the session, still unused.
    """
    if session_revoked_at is not None or session_expires_at <= now:
        return RefreshVerdict.ENDED
    if token_used_at is None:
        return RefreshVerdict.ROTATE
    if is_predecessor and now - token_used_at <= REFRESH_GRACE:
        return RefreshVerdict.REPEAT
    return RefreshVerdict.REUSED
