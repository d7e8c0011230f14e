"""For the operator, on the internal listener."""

from datetime import timedelta

from fastapi import APIRouter, Depends

from identity.dependencies import Now, not_stored
from identity.operations import invites
from identity.schemas import InviteCreate, InviteRead
from shared.auth import require_internal
from shared.db import Tx

router = APIRouter(
    prefix="/internal/invites", dependencies=[Depends(require_internal("operator")), Depends(not_stored)]
)


@router.post("", response_model=InviteRead, status_code=201)
async def create_invite(tx: Tx, now: Now, body: InviteCreate | None = None) -> invites.IssuedInvite:
    """A permission to register once, shown this once. Caller `operator`.

    With `did` and `olares_name`, that DID alone registers by it, under that name, also by LarePass, which shows no
    invite. Errors: `device_known`, `olares_name_taken` (409).
    """
    asked = body or InviteCreate()
    invitee = invites.Invitee(asked.did, asked.olares_name) if asked.did and asked.olares_name else None
    return await invites.issue_invite(tx, timedelta(days=asked.expires_in_days), now, invitee)
