"""Sign-in proofs: the nonces to be signed, and their acceptance, once."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from identity import queries
from identity.domain.lifetimes import NONCE_LIFETIME
from identity.domain.limits import Limit
from identity.domain.proof import ProofOutOfTime, ProofRefused, read_proof
from identity.domain.secrets import SECRET_BYTES, digest, render_secret
from identity.errors import NonceUsed, ProofExpired, ProofInvalid
from identity.models import Nonce
from identity.operations.attempts import count_attempt
from shared.db import Database


@dataclass(frozen=True)
class IssuedNonce:
    """A nonce as it is given out, once."""

    nonce: str
    audience: str
    issued_at: datetime
    expires_at: datetime


async def issue_nonce(session: AsyncSession, audience: str, now: datetime) -> IssuedNonce:
    nonce = render_secret("", secrets.token_bytes(SECRET_BYTES))
    expires_at = now + NONCE_LIFETIME
    session.add(Nonce(nonce_hash=digest(nonce), expires_at=expires_at))
    return IssuedNonce(nonce, audience, now, expires_at)


async def accept_proof(database: Database, text: str, *, audience: str, limit: Limit, now: datetime) -> str:
    """The DID that proved itself.

    The nonce is spent in a transaction of its own: a proof is good for one request, also for one that fails
    afterwards, such as a sign-in that needs a name first. A proof refused here spends nothing.

    Args:
        limit: Of good proofs per DID, so that nobody can use up another's attempts.

    Raises:
        ProofInvalid: If it is not a good proof for us.
        ProofExpired: If the proof or its nonce is out of time.
        NonceUsed: If its nonce was used before.
        TooManyAttempts: If this DID has proved itself too often just now.
    """
    try:
        proof = read_proof(text, audience=audience, now=now)
    except ProofOutOfTime as error:
        raise _out_of_time(error.ahead, now) from error
    except ProofRefused as error:
        raise ProofInvalid(f"This proof cannot be accepted: {error}. Sign a new nonce and try again.") from error
    await count_attempt(database, limit, proof.did, now)
    nonce_hash = digest(proof.nonce)
    async with database.transaction() as session:
        spent = await queries.nonces.spend_nonce(session, nonce_hash, now)
        nonce = None if spent else await session.get(Nonce, nonce_hash)
    if spent:
        return proof.did
    if nonce is None:
        raise ProofInvalid("This nonce is not one of ours. Ask for a new one and sign that.")
    if nonce.used_at is not None:
        raise NonceUsed("This nonce was used before. Ask for a new one and sign that.")
    raise ProofExpired(f"This nonce is older than {NONCE_LIFETIME.seconds} seconds. Ask for a new one and sign that.")


def _out_of_time(ahead: timedelta, now: datetime) -> ProofExpired:
    seconds = round(ahead.total_seconds())
    return ProofExpired(
        f"The time in this proof is {describe_skew(ahead)} ours. Ask for a new nonce and sign it with "
        "the nonce's `issued_at` as `iat`, or set this machine's clock.",
        skew_seconds=seconds,
        server_time=now.isoformat(timespec="seconds"),
    )


def describe_skew(ahead: timedelta) -> str:
    """How a time lies to another, in words that end before the other: "2 minutes behind", "1 day 3 hours ahead of"."""
    seconds = round(ahead.total_seconds())
    return f"{_duration(abs(seconds))} {'ahead of' if seconds > 0 else 'behind'}"


def _duration(seconds: int) -> str:
    """In words, as coarse as is useful: the two largest units."""
    parts = []
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}{'s' if count > 1 else ''}")
    return " ".join(parts[:2])
