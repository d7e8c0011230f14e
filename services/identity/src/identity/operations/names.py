"""An owner's Olares name, which those who came by LarePass have yet to give."""

from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from identity import queries
from identity.errors import OlaresNameSettled, OlaresNameTaken
from identity.models import Owner
from identity.operations.sessions import demand_live_session
from shared.auth import Caller


async def settle(session: AsyncSession, caller: Caller, olares_name: str, now: datetime) -> Owner:
    """Give the caller's owner a name in place of a provisional one. The same name again changes nothing.

    Raises:
        SessionEnded: If the caller's session has ended.
        OlaresNameSettled: If the owner has another name that is not provisional.
        OlaresNameTaken: If another owner has it.
    """
    await queries.owners.lock_owner(session, caller.owner_id)
    await demand_live_session(session, caller, now)
    owner = await session.get_one(Owner, caller.owner_id)
    if owner.olares_name == olares_name:
        return owner
    if not owner.name_is_provisional:
        raise OlaresNameSettled(f"Your Olares name is {owner.olares_name}. It cannot be changed.")
    try:
        async with session.begin_nested():
            owner.olares_name = olares_name
    except IntegrityError as error:
        raise OlaresNameTaken(f"The name {olares_name} belongs to another owner. Choose another one.") from error
    return owner
