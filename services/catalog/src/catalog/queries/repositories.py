"""What catalog has seen of a repository, and who may initialise it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import any_, delete, literal, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.domain.lifecycle import State
from catalog.models import Backup, RepositoryClaim, Snapshot
from catalog.queries.rows import AnyRow


async def is_known_object(session: AsyncSession, owner_id: UUID, repository: str, folder: str, name: str) -> bool:
    """Whether catalog has seen this object of a repository, so that nobody may write it again."""
    backup = select(Backup.id).where(
        Backup.owner_id == owner_id, Backup.repository == repository, Backup.state != State.DELETED
    )
    match folder:
        case "config":
            known = backup.where(Backup.initialised)
        case "keys":
            known = backup.where(literal(name) == any_(Backup.key_names))
        case _:
            known = select(Snapshot.id).where(
                Snapshot.backup_id.in_(backup), Snapshot.restic_id == name, Snapshot.object_modified_at.is_not(None)
            )
    return bool(await session.scalar(select(known.exists())))


async def find_live(session: AsyncSession, owner_id: UUID, repository: str) -> AnyRow | None:
    """The backup that a repository is of, and its state; None when catalog does not know the repository."""
    query = select(Backup.id, Backup.state, Backup.initialised).where(
        Backup.owner_id == owner_id, Backup.repository == repository, Backup.state != State.DELETED
    )
    return (await session.execute(query)).one_or_none()


async def is_initialised(session: AsyncSession, owner_id: UUID, repository: str) -> bool:
    """Whether the repository's config has been seen in the store."""
    seen = select(Backup.id).where(
        Backup.owner_id == owner_id,
        Backup.repository == repository,
        Backup.initialised,
        Backup.state != State.DELETED,
    )
    return bool(await session.scalar(select(seen.exists())))


async def claim_repository(
    session: AsyncSession, owner_id: UUID, repository: str, access_key_id: str, now: datetime, until: datetime
) -> bool:
    """Let this key, and for a while no other, initialise the repository; False while another holds the claim."""
    insertion = insert(RepositoryClaim).values(
        owner_id=owner_id, repository=repository, access_key_id=access_key_id, claimed_until=until
    )
    claimed = await session.scalar(
        insertion.on_conflict_do_update(
            index_elements=[RepositoryClaim.owner_id, RepositoryClaim.repository],
            set_={"access_key_id": access_key_id, "claimed_until": until},
            where=or_(RepositoryClaim.access_key_id == access_key_id, RepositoryClaim.claimed_until < now),
        ).returning(RepositoryClaim.repository)
    )
    return claimed is not None


async def forget_claims(session: AsyncSession, until: datetime) -> int:
    """Forget claims that ended before this instant; how many there were."""
    forgotten = await session.scalars(
        delete(RepositoryClaim)
        .where(RepositoryClaim.claimed_until <= until)
        .returning(RepositoryClaim.repository)
        .execution_options(synchronize_session=False)
    )
    return len(forgotten.all())
