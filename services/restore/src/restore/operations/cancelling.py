"""An owner calls a restore to the cloud off."""

from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from restore import errors
from restore.domain import words
from restore.domain.facts import Fact
from restore.domain.order import CANCELLED_BY, State, Trigger
from restore.operations import saga
from restore.operations.saga import Said

SAID = MappingProxyType(
    {
        Trigger.CANCEL: Said("cancelled", "Its owner cancelled it."),
        Trigger.GIVE_UP: Said("given_up", f"Its owner gave up the password. {words.USE_CHARGED}"),
    }
)
COPYING = frozenset({State.RESTORING, State.VALIDATING, State.CAPTURING})


async def cancel(session: AsyncSession, owner_id: UUID, restore_id: UUID, now: datetime) -> None:
    """Undo what was begun; cancelling again changes nothing.

    Raises:
        RestoreNotFound: If the owner has no such restore to the cloud.
        RestoreCopying: If its machine writes or checks files.
        RestoreOver: If it has come to another end.
    """
    cloud = await saga.lock(session, restore_id, owner_id)
    if cloud is None:
        raise errors.RestoreNotFound("You have no such restore.")
    state, ending = cloud.saga.state, cloud.saga.ending
    trigger = CANCELLED_BY.get(state)
    if trigger is not None:
        await saga.heed(session, cloud, Fact.CANCELLED, now, SAID[trigger])
    elif state in COPYING:
        raise errors.RestoreCopying(
            "Your files are being written, so this restore is not cancelled any more. Wait until it is done, or return "
            "the instance: then nothing is charged."
        )
    elif ending not in SAID and state is not State.CANCELLED:
        raise errors.RestoreOver(f"This restore is {words.NAMES[state]} and cannot be cancelled any more.")
