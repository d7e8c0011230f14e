"""What time brings to identity: things that are of no use any more are forgotten."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement

from identity import queries
from identity.domain.lifetimes import OLARES_LOGIN_KEPT
from identity.models import (
    ApiToken,
    AttemptCount,
    Base,
    ConsoleLink,
    Enrolment,
    Invite,
    Nonce,
    OlaresLogin,
    QrSignIn,
    RefreshToken,
    Session,
)
from identity.settings import Settings
from identity.signing import AccessTokenIssuer
from shared.service import Job, Runtime

# Kept a while after its end, so that a late caller hears what happened to it rather than that it never was.
KEEP_NONCE = timedelta(minutes=10)
KEEP_ENDED = timedelta(days=30)


def _forgettable(now: datetime) -> list[tuple[type[Base], tuple[ColumnElement[bool], ...]]]:
    """Which rows of which table, in an order that leaves no row pointing at a missing one."""
    ended = now - KEEP_ENDED
    return [
        (AttemptCount, (AttemptCount.ends_at < now,)),
        (Nonce, (Nonce.expires_at < now - KEEP_NONCE,)),
        (Enrolment, (Enrolment.expires_at < ended,)),
        (Invite, (Invite.expires_at < ended,)),
        (ApiToken, (ApiToken.expires_at < ended, ApiToken.revoked_at < ended)),
        (OlaresLogin, (OlaresLogin.expires_at < now,)),
        (ConsoleLink, (ConsoleLink.expires_at < now,)),
        (QrSignIn, (QrSignIn.expires_at < now - OLARES_LOGIN_KEPT,)),
        (RefreshToken, (RefreshToken.expires_at < now,)),
        (Session, (Session.expires_at < ended, Session.revoked_at < ended)),
    ]


async def forget_expired(runtime: Runtime[Settings, AccessTokenIssuer], now: datetime) -> int:
    """Delete some of what is expired, each table in a transaction of its own; how many rows."""
    count = 0
    for table, conditions in _forgettable(now):
        async with runtime.database.transaction() as session:
            count += await queries.forgetting.forget(session, table, *conditions)
    return count


JOBS = (Job("forget_expired", forget_expired, timedelta(minutes=1)),)
