"""Why an owner may not upload: billing's word and the operator's, kept apart so that neither undoes the other's."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import case, update
from sqlalchemy.ext.asyncio import AsyncSession

from catalog import queries
from catalog.domain.gate import Restriction
from catalog.errors import OwnerNotFound
from catalog.models import OwnerSpace


async def heed_billing(
    session: AsyncSession, owner_id: UUID, number: int, restriction: Restriction | None, now: datetime
) -> None:
    """Take billing's word unless a later one was heard; when it lifts a restriction, look at once at what is written.

    Args:
        number: Of the word; it rises with every change.

    Raises:
        OwnerNotFound: If the owner is not known yet; their registration may still be on the way.
    """
    heard = await queries.spaces.heed_quota(session, owner_id, number, restriction)
    if heard and restriction is None:
        await queries.measurements.bring_written_forward(session, owner_id, now)
    if not heard and await queries.spaces.find_space(session, owner_id) is None:
        raise OwnerNotFound("No owner of that id has been seen here.")


async def heed_operator(session: AsyncSession, owner_id: UUID, restriction: Restriction | None) -> None:
    """Stop an owner's uploads, or no longer; billing's word stays as it is.

    Raises:
        OwnerNotFound: If no such owner has been seen.
    """
    # Before billing's first word, what is in its column was put there by an operator through an older catalog.
    unsaid = case((OwnerSpace.quota_number > 0, OwnerSpace.restriction))
    found = await session.scalar(
        update(OwnerSpace)
        .where(OwnerSpace.owner_id == owner_id)
        .values(operator_restriction=restriction, restriction=unsaid)
        .returning(OwnerSpace.owner_id)
        .execution_options(synchronize_session=False)
    )
    if found is None:
        raise OwnerNotFound("No owner of that id has been seen here.")
