"""For the operator, on the internal listener."""

from datetime import timedelta

from fastapi import APIRouter, Depends

from identity.api.dependencies import Now, not_stored
from identity.operations import invites
from identity.schemas import InviteCreate, InviteRead
from shared.auth import require_internal
from shared.db import Tx

router = APIRouter(
    prefix="/internal/invites", dependencies=[Depends(require_internal("operator")), Depends(not_stored)]
)


@router.post("", response_model=InviteRead, status_code=201)
async def create_invite(tx: Tx, now: Now, body: InviteCreate | None = None) -> invites.IssuedInvite:
    """A permission to register once, shown this once. Caller `operator`."""
    lifetime = timedelta(days=(body or InviteCreate()).expires_in_days)
    return await invites.issue_invite(tx, lifetime, now)
