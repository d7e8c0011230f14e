"""Signing a browser in and out. The access token is the page's; what renews it is a cookie that no script can read."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from identity.api.cookies import PATH, QR, SESSION, Cookies
from identity.dependencies import (
    AccountWriter,
    IdentitySettings,
    Issuer,
    Now,
    from_our_pages,
    limit_per_client,
    limit_per_owner,
    not_stored,
)
from identity.domain.lifetimes import QR_LIFETIME
from identity.errors import NotSignedIn, RefreshInvalid, RefreshReused, SessionEnded, SignInExpired
from identity.operations import console_links, console_qr, sessions
from identity.schemas import (
    ConsoleLinkRead,
    ConsoleLinkRedeem,
    ConsoleRequest,
    ConsoleTokensRead,
    QrChecked,
    QrCreate,
    QrRead,
)
from shared.db import Transactions, Tx
from shared.http import problem
from shared.idempotency import OnceOnly

router = APIRouter(prefix=PATH, tags=["console"], dependencies=[Depends(not_stored), Depends(from_our_pages)])


async def _cookies(request: Request, settings: IdentitySettings) -> Cookies:
    return Cookies(request, settings)


Browser = Annotated[Cookies, Depends(_cookies)]


@router.post(
    "/links",
    response_model=ConsoleLinkRead,
    status_code=201,
    dependencies=[Depends(limit_per_owner(lambda limits: limits.links))],
)
async def create_link(
    _: ConsoleRequest, caller: AccountWriter, once: OnceOnly, tx: Tx, settings: IdentitySettings, now: Now
) -> Response:
    """A link that signs a browser in as oneself: good for 60 seconds, once. Scope `account:write`.

    Errors: `session_ended` (401).
    """

    async def answer() -> tuple[int, console_links.IssuedLink]:
        return 201, await console_links.offer(tx, caller, settings.issuer, now)

    return not_stored(await once(tx, answer, ConsoleLinkRead))


@router.post(
    "/links/redeem",
    response_model=ConsoleTokensRead,
    dependencies=[Depends(limit_per_client(lambda limits: limits.logins))],
)
async def redeem_link(
    body: ConsoleLinkRedeem, response: Response, browser: Browser, tx: Tx, issuer: Issuer, now: Now
) -> sessions.Tokens:
    """Sign this browser in by the secret of a link. For whoever holds it.

    Sets the session's cookie. Errors: `link_invalid` (403).
    """
    tokens = await console_links.redeem(tx, issuer, body.secret, body.client_name, now)
    return _signed_in(tokens, response, browser)


@router.post(
    "/qr",
    response_model=QrRead,
    status_code=201,
    dependencies=[Depends(limit_per_client(lambda limits: limits.qrs))],
)
async def show_qr(
    body: QrCreate, response: Response, browser: Browser, tx: Tx, settings: IdentitySettings, now: Now
) -> console_qr.ShownQr:
    """A code for LarePass to scan: good for 120 seconds, once. For anybody.

    Sets a cookie: this browser alone is signed in by it, at `/qr/check`. A code shown before is forgotten.
    """
    shown = await console_qr.show(tx, settings.issuer, body.client_name, now)
    browser.keep(response, QR, shown.browser_secret, QR_LIFETIME)
    return shown


@router.post(
    "/qr/check",
    response_model=QrChecked,
    dependencies=[Depends(limit_per_client(lambda limits: limits.qr_checks))],
)
async def check_qr(
    _: ConsoleRequest, response: Response, browser: Browser, database: Transactions, issuer: Issuer, now: Now
) -> dict[str, sessions.Tokens | None] | Response:
    """Sign this browser in if the code that it shows was scanned. For the browser that shows it.

    Sets the session's cookie then, once. Errors: `sign_in_expired` (410: show a new code).
    """
    secret = browser.read(QR)
    try:
        if secret is None:
            raise SignInExpired(console_qr.EXPIRED)
        async with database.transaction() as session:
            tokens = await console_qr.take(session, issuer, secret, now)
    except SignInExpired as error:
        return _without(QR, problem(error), browser)
    if tokens is None:
        return {"signed_in": None}
    browser.drop(response, QR)
    return {"signed_in": _signed_in(tokens, response, browser)}


@router.post(
    "/refresh",
    response_model=ConsoleTokensRead,
    dependencies=[Depends(limit_per_client(lambda limits: limits.refreshes))],
)
async def refresh_browser(
    _: ConsoleRequest, response: Response, browser: Browser, database: Transactions, issuer: Issuer, now: Now
) -> sessions.Tokens | Response:
    """A new access token for the session of this browser's cookie, which is replaced. For a browser that is signed in.

    Errors (all 401): `not_signed_in` without a cookie; `session_ended`, `refresh_reused`, `refresh_invalid`, which also
    take the cookie away. For 60 seconds the replaced cookie gives the same successor, as at `/auth/refresh`.
    """
    token = browser.read(SESSION)
    if token is None:
        raise NotSignedIn("You are not signed in here. Sign in.")
    try:
        tokens = await sessions.refresh(database, issuer, token, now)
    except (RefreshInvalid, RefreshReused, SessionEnded) as error:
        return _without(SESSION, problem(error), browser)
    return _signed_in(tokens, response, browser)


@router.post("/logout", status_code=204, dependencies=[Depends(limit_per_client(lambda limits: limits.refreshes))])
async def log_out_browser(_: ConsoleRequest, response: Response, browser: Browser, tx: Tx, now: Now) -> None:
    """End the session of this browser and take its cookie away; also if there is none. For anybody.

    An access token of the session goes on working for its remaining minutes, ten at most.
    """
    token = browser.read(SESSION)
    if token is not None:
        await sessions.sign_out(tx, token, now)
    browser.drop(response, SESSION)


def _signed_in(tokens: sessions.Tokens, response: Response, browser: Cookies) -> sessions.Tokens:
    browser.keep(response, SESSION, tokens.refresh_token, timedelta(seconds=tokens.refresh_expires_in))
    return tokens


def _without(cookie: str, answer: Response, browser: Cookies) -> Response:
    browser.drop(answer, cookie)
    return answer
