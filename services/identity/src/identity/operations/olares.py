"""Sessions of Olares devices: opened by a login of LarePass and fetched once, or made natively; and refreshed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from identity import queries
from identity.domain.lifetimes import OLARES_LIFETIME, OLARES_LOGIN_KEPT, OLARES_WAIT
from identity.domain.limits import Limit
from identity.domain.olares_proof import OlaresProof, provisional_name, read_olares_proof
from identity.domain.proof import ProofOutOfTime, ProofRefused
from identity.domain.secrets import Digest, digest
from identity.errors import (
    InviteRequired,
    LoginRefused,
    OlaresNameTaken,
    RegistrationClosed,
    SessionEnded,
)
from identity.models import OLARES, Device, OlaresLogin, Session
from identity.operations import console_qr
from identity.operations.attempts import count_attempt, count_success
from identity.operations.proofs import describe_skew
from identity.operations.sessions import demand_live_session
from identity.operations.sign_in import become_owner, find_device
from identity.settings import Registration, Settings
from identity.signing import AccessTokenIssuer
from shared.auth import Caller
from shared.db import Database

LAREPASS = "LarePass"
USED = "This login was used before. Scan a new code, or connect again."


@dataclass(frozen=True)
class OlaresToken:
    """What an Olares device holds: the owner's DID and the token that speaks for them."""

    userid: str
    token: str
    expires_at: datetime


async def log_in(
    database: Database, text: str, stated: Mapping[str, str], *, client: str, settings: Settings, now: datetime
) -> None:
    """Open a session for the DID that signed, which becomes an owner first if it may.

    The same login twice, from a client that lost the answer, opens no second session.

    Args:
        text: What LarePass signed.
        stated: What the request says beside it.
        client: Whom to count a registration as, by its address.

    Raises:
        LoginRefused: If it is no good login, its time is too far from ours, or its secret was used by another one.
        DeviceRemoved: If the DID signed in once and was removed from its account.
        RegistrationClosed, InviteRequired, OlaresNameTaken: If the DID is not known and may not register.
        TooManyAttempts: If this DID logs in, or this client registers, too often.
    """
    try:
        proof = read_olares_proof(text, now=now, stated=stated)
    except ProofOutOfTime as error:
        raise LoginRefused(
            f"The time in this login is {describe_skew(error.ahead)} ours. Set the clock of the device that made it, "
            "and connect again."
        ) from error
    except ProofRefused as error:
        raise LoginRefused(f"This login cannot be accepted: {error}. Connect again.") from error
    logins = settings.limits.logins_per_did
    async with database.transaction() as session:
        if await sign_in(session, proof, logins, now):
            return
    if settings.registration_policy is Registration.CLOSED:
        raise RegistrationClosed("This DID belongs to no owner here, and registration is closed.")
    await count_attempt(database, settings.limits.registrations, client, now)
    async with database.transaction() as session:
        await register(session, proof, settings.registration_policy, logins, now)


async def sign_in(session: AsyncSession, proof: OlaresProof, logins: Limit, now: datetime) -> bool:
    """Open a session that waits to be fetched, or sign the console's code; False when the DID belongs to nobody yet.

    Only a login that opens one is counted: whoever captured a login and repeats it uses nothing of its DID's up.

    Raises:
        DeviceRemoved: If the DID signed in once and was removed from its account.
        LoginRefused: If the secret is another login's, its own session was ended since, or its code is too old.
        TooManyAttempts: If the DID logs in too often.
    """
    # Its lock keeps two copies of one login apart.
    device = await find_device(session, proof.did)
    if device is None:
        return False
    secret_hash = digest(proof.secret)
    # What the console shows is on a screen, so whoever fetches by a secret must not get what is signed there.
    if await console_qr.sign(session, device, secret_hash, now):
        return True
    if await _is_repeated(session, device, secret_hash):
        return True
    await count_success(session, logins, proof.did, now)
    device.last_signed_in_at = now
    opened = _open(session, device.owner_id, device.device_id, LAREPASS, now, expires_at=now + OLARES_WAIT)
    await session.flush()
    login = OlaresLogin(
        secret_hash=secret_hash,
        session_id=opened.session_id,
        created_at=now,
        expires_at=now + OLARES_LOGIN_KEPT,
    )
    if not await queries.olares.add_login(session, login):
        raise LoginRefused(USED)
    return True


async def register(
    session: AsyncSession, proof: OlaresProof, policy: Registration, logins: Limit, now: datetime
) -> None:
    """Make the DID an owner, by the name of the invite that names it or else by a provisional one, and sign it in.

    Raises:
        InviteRequired: If the policy asks for an invite and none names this DID.
        OlaresNameTaken: If another owner has the name.
        DeviceKnown: If the DID has just joined another owner.
    """
    invite = await queries.invites.find_invite_of(session, proof.did, now)
    name = invite.olares_name if invite else None
    if name is None and policy is Registration.OPEN:
        name = provisional_name(proof.did)
    owner = name and await become_owner(session, proof.did, name=name, device_name=LAREPASS, now=now)
    if owner and invite and not await queries.invites.use_invite(session, Digest(invite.invite_hash), owner, now):
        raise InviteRequired("The invite for this DID was used in this very moment. Ask the operator for another one.")
    # Without an owner of its making, another request may have registered this very DID a moment ago.
    if await sign_in(session, proof, logins, now):
        return
    if name is None:
        raise InviteRequired(f"Registration here needs an invite. Ask the operator for one that names {proof.did}.")
    raise OlaresNameTaken(f"The name {name} belongs to another owner. Ask the operator for an invite by another one.")


async def fetch(session: AsyncSession, issuer: AccessTokenIssuer, secret: str, now: datetime) -> OlaresToken | None:
    """The token of a login, given once; None while nobody has signed, and after it was fetched or waited too long."""
    session_id = await queries.olares.fetch_login(session, digest(secret), now)
    opened = session_id and await queries.olares.find_olares_session(session, session_id, now)
    return _carry_on(issuer, opened, now) if opened else None


async def refresh(session: AsyncSession, issuer: AccessTokenIssuer, caller: Caller, now: datetime) -> OlaresToken:
    """One more token of the caller's session; those given before stay good to their end.

    Raises:
        SessionEnded: If it was ended or is too old.
    """
    opened = await queries.olares.find_olares_session(session, caller.session_id, now)
    if opened is None:
        raise SessionEnded("This connection to Space has ended. Connect again.")
    return _carry_on(issuer, opened, now)


async def make_token(
    session: AsyncSession, issuer: AccessTokenIssuer, caller: Caller, client_name: str | None, now: datetime
) -> OlaresToken:
    """A token for a client that is told it by hand, with a session of its own, of the caller's device."""
    # A device that is removed at the same time takes this session along, or this finds its own ended.
    await queries.owners.lock_owner(session, caller.owner_id)
    live = await demand_live_session(session, caller, now)
    opened = _open(session, live.owner_id, live.device_id, client_name, now, expires_at=now + OLARES_LIFETIME)
    await session.flush()
    await session.refresh(opened, ["owner"])
    return _carry_on(issuer, opened, now)


async def has_ended(session: AsyncSession, session_id: UUID) -> bool:
    """Whether a session of devices was ended before its time."""
    return not await queries.olares.is_live_olares_session(session, session_id)


async def _is_repeated(session: AsyncSession, device: Device, secret_hash: Digest) -> bool:
    known = await session.get(OlaresLogin, secret_hash)
    if known is None:
        return False
    opened = await session.get_one(Session, known.session_id)
    if opened.device_id != device.device_id or opened.revoked_at is not None:
        raise LoginRefused(USED)
    return True


def _open(
    session: AsyncSession,
    owner_id: UUID,
    device_id: UUID,
    client_name: str | None,
    now: datetime,
    *,
    expires_at: datetime,
) -> Session:
    opened = Session(
        session_id=uuid4(),
        owner_id=owner_id,
        device_id=device_id,
        client_name=client_name,
        kind=OLARES,
        created_at=now,
        last_used_at=now,
        expires_at=expires_at,
    )
    session.add(opened)
    return opened


def _carry_on(issuer: AccessTokenIssuer, opened: Session, now: datetime) -> OlaresToken:
    opened.last_used_at = now
    opened.expires_at = now + OLARES_LIFETIME
    token = issuer.issue_olares(opened.owner, session_id=opened.session_id, now=now, expires_at=opened.expires_at)
    return OlaresToken(opened.owner.did, token, opened.expires_at)
