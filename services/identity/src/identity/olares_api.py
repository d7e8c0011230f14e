"""The Olares dialect of signing in: LarePass signs, whoever waits fetches a token, and the device keeps it fresh."""

import re
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, StringConstraints

from identity.dependencies import Client, IdentitySettings, Issuer, Now, limit_per_client
from identity.domain.olares_proof import SECRET
from identity.operations import olares
from shared.auth import Caller
from shared.db import Transactions, Tx
from shared.olares import Fields, OlaresRoute, answer, parse, require_token

OlaresOwner = Annotated[Caller, Depends(require_token(olares.has_ended))]

TAKEN = 0
"""The code of a login that was taken. LarePass shows the words of every other code as a failure, even of 200, where the
address it posts to is not the Space that it was built with."""

router = APIRouter(prefix="/v2/user", route_class=OlaresRoute, include_in_schema=False)


class LoginFields(BaseModel):
    """What LarePass signed; what it says beside it is compared, and not believed."""

    jws: Annotated[str, StringConstraints(min_length=1)]


class FetchFields(BaseModel):
    """What the page that waits has chosen, and LarePass has signed."""

    secret: Annotated[str, StringConstraints(pattern=re.compile(rf"^{SECRET.pattern}\Z"))]


@router.post("/login", dependencies=[Depends(limit_per_client(lambda limits: limits.logins))])
async def log_in(
    fields: Fields, database: Transactions, settings: IdentitySettings, client: Client, now: Now
) -> Response:
    """Open a session for whoever signed. The same login again changes nothing, for a client that lost the answer."""
    signed = parse(LoginFields, fields)
    await olares.log_in(database, signed.jws, fields, client=client, settings=settings, now=now)
    return answer({}, code=TAKEN)


@router.post("/activeLogin", dependencies=[Depends(limit_per_client(lambda limits: limits.olares_fetches))])
async def fetch_token(fields: Fields, tx: Tx, issuer: Issuer, now: Now) -> Response:
    """The token of a login, once; nothing while nobody has signed, which is asked every three seconds."""
    found = await olares.fetch(tx, issuer, parse(FetchFields, fields).secret, now)
    if found is None:
        return answer({})
    # No mail address, telephone number or second factor is known here.
    nothing_else = {"emailEnable": False, "emailMask": "", "phoneEnable": False, "phoneMask": "", "gaEnable": False}
    return answer({"userid": found.userid, **_token(found), **nothing_else})


@router.post("/refresh", dependencies=[Depends(limit_per_client(lambda limits: limits.refreshes))])
async def refresh_token(caller: OlaresOwner, tx: Tx, issuer: Issuer, now: Now) -> Response:
    """One more token of the same session. The one sent stays good to its end, and may be sent here again."""
    return answer(_token(await olares.refresh(tx, issuer, caller, now)))


def _token(found: olares.OlaresToken) -> dict[str, object]:
    return {"token": found.token, "expired": _milliseconds(found.expires_at)}


def _milliseconds(instant: datetime) -> int:
    # Whole seconds, as the token's own end is: not a moment after it.
    return int(instant.timestamp()) * 1000


ROUTERS = (router,)
