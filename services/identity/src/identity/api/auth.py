"""Signing in: nonces, proofs, refreshing, API tokens, and the keys by which others verify access tokens."""

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Response

from identity.dependencies import (
    AccountWriter,
    Client,
    IdentitySettings,
    Issuer,
    Now,
    limit_per_client,
    limit_per_owner,
    not_stored,
)
from identity.operations import devices, olares, proofs, sessions, sign_in, tokens
from identity.schemas import (
    EnrolRequest,
    ExchangeRead,
    ExchangeRequest,
    KeySetRead,
    LoginRequest,
    NonceRead,
    NonceRequest,
    OlaresTokenCreate,
    OlaresTokenRead,
    RefreshRequest,
    TokensRead,
)
from shared.db import Transactions, Tx
from shared.idempotency import OnceOnly

JWKS_SECONDS = 300

router = APIRouter(prefix="/api/v1/auth", tags=["auth"], dependencies=[Depends(not_stored)])
public_router = APIRouter(prefix="/api/v1/auth", tags=["auth"])


@router.post(
    "/nonces",
    response_model=NonceRead,
    status_code=201,
    dependencies=[Depends(limit_per_client(lambda limits: limits.nonces))],
)
async def create_nonce(
    tx: Tx, settings: IdentitySettings, now: Now, _: Annotated[NonceRequest | None, Body()] = None
) -> proofs.IssuedNonce:
    """A number to sign in a proof: good for 120 seconds and one request. For anybody."""
    return await proofs.issue_nonce(tx, settings.issuer, now)


@router.post(
    "/login", response_model=TokensRead, dependencies=[Depends(limit_per_client(lambda limits: limits.logins))]
)
async def log_in(
    body: LoginRequest, database: Transactions, settings: IdentitySettings, issuer: Issuer, client: Client, now: Now
) -> sessions.Tokens:
    """Sign in by a proof; register as well if the DID is unknown and a name is given. For anybody with a DID.

    Errors: `proof_invalid`, `proof_expired` (says how far off the clock is), `nonce_used` (401), `owner_unknown`
    (404: give a name), `invite_required`, `invite_invalid`, `registration_closed`, `device_removed` (403),
    `olares_name_taken` (409), `too_many_attempts` (429). Each call needs a new nonce, also after an error.
    """
    did = await proofs.accept_proof(
        database, body.proof, audience=settings.issuer, limit=settings.limits.logins_per_did, now=now
    )
    application = sign_in.Application(body.olares_name, body.invite, body.client_name)
    return await sign_in.sign_in_or_register(
        database, issuer, did, application, client=client, settings=settings, now=now
    )


@router.post(
    "/enrol", response_model=TokensRead, dependencies=[Depends(limit_per_client(lambda limits: limits.enrolments))]
)
async def enrol_device(
    body: EnrolRequest, database: Transactions, settings: IdentitySettings, issuer: Issuer, now: Now
) -> sessions.Tokens:
    """Join an owner's account with a key of one's own and a code from `/me/devices/enrolments`. For anybody with both.

    Errors: those of a proof, `enrolment_code_invalid` (403), `device_known` (409: the key signs in somewhere
    already), `too_many_attempts` (429).
    """
    did = await proofs.accept_proof(
        database, body.proof, audience=settings.issuer, limit=settings.limits.logins_per_did, now=now
    )
    async with database.transaction() as session:
        return await devices.enrol(session, issuer, did, code=body.code, device_name=body.device_name, now=now)


@router.post(
    "/refresh", response_model=TokensRead, dependencies=[Depends(limit_per_client(lambda limits: limits.refreshes))]
)
async def refresh_session(body: RefreshRequest, database: Transactions, issuer: Issuer, now: Now) -> sessions.Tokens:
    """New tokens for a refresh token, which is used up by it. For whoever holds it.

    The token just replaced gives the same successor again for 60 seconds, for a client that lost the answer. Any
    other use of an old token ends the session: `refresh_reused` (401). Also `refresh_invalid`, `session_ended`.
    """
    return await sessions.refresh(database, issuer, body.refresh_token, now)


@router.post(
    "/exchange", response_model=ExchangeRead, dependencies=[Depends(limit_per_client(lambda limits: limits.exchanges))]
)
async def exchange_api_token(body: ExchangeRequest, tx: Tx, issuer: Issuer, now: Now) -> tokens.ExchangedToken:
    """An access token with the scopes of an API token. For whoever holds it.

    Errors: `api_token_invalid` (401), `too_many_attempts` (429).
    """
    return await tokens.exchange(tx, issuer, body.api_token, now)


@router.post("/logout", status_code=204, dependencies=[Depends(limit_per_client(lambda limits: limits.refreshes))])
async def log_out(body: RefreshRequest, tx: Tx, now: Now) -> None:
    """End the session of a refresh token; 204 also if there is none. For whoever holds it.

    An access token of the session goes on working for its remaining minutes, ten at most.
    """
    await sessions.sign_out(tx, body.refresh_token, now)


@router.post(
    "/olares-tokens",
    response_model=OlaresTokenRead,
    status_code=201,
    dependencies=[Depends(limit_per_owner(lambda limits: limits.olares_tokens))],
)
async def create_olares_token(
    body: OlaresTokenCreate, caller: AccountWriter, once: OnceOnly, tx: Tx, issuer: Issuer, now: Now
) -> Response:
    """A token for an Olares device or `olares-cli` that is told it by hand, shown this once. Scope `account:write`.

    It has a session of its own, in `/me/sessions`, that lives 30 days and 30 more with each refresh by the device;
    ending it there ends the token. It opens nothing of this API. Errors: `session_ended` (401).
    """

    async def answer() -> tuple[int, olares.OlaresToken]:
        return 201, await olares.make_token(tx, issuer, caller, body.client_name, now)

    return not_stored(await once(tx, answer, OlaresTokenRead))


@public_router.get("/jwks.json", response_model=KeySetRead)
async def get_keys(issuer: Issuer, response: Response) -> dict[str, object]:
    """The public keys of access tokens (RFC 7517). For anybody; look again when a token names a key not in it."""
    response.headers["Cache-Control"] = f"public, max-age={JWKS_SECONDS}"
    return {**issuer.public_keys}
