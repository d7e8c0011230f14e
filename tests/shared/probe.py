"""A service small enough to see through, for testing the plumbing: it notes things, and counts what it hears."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict
from pydantic_settings import SettingsConfigDict
from sqlalchemy import Integer, MetaData, Text, Uuid, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.db import ReadTx, Tx
from shared.errors import Kind, ServiceError
from shared.events.base import Event
from shared.http import RuntimeOf
from shared.idempotency import OnceOnly
from shared.inbox import Subscription
from shared.outbox import publish
from shared.service import Job, Service
from shared.settings import ServiceSettings
from tests.support.tokens import Owner


class Base(DeclarativeBase):
    metadata = MetaData()


class Note(Base):
    __tablename__ = "notes"

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    words: Mapped[str] = mapped_column(Text)


class Heard(Base):
    __tablename__ = "heard"

    note_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    times: Mapped[int] = mapped_column(Integer)


# Checked only at the commit, so that nothing but the commit fails.
DEFERRED = "ALTER TABLE notes ADD CONSTRAINT words_once UNIQUE (words) DEFERRABLE INITIALLY DEFERRED"


class NoteTaken(Event):
    """A note was taken."""

    name: ClassVar[str] = "probe.note.taken.v1"
    consumers: ClassVar[tuple[str, ...]] = ("probe",)

    note_id: UUID
    words: str


class NoteRefused(ServiceError):
    code = "note_refused"
    kind = Kind.CONFLICT


class NoteEarly(ServiceError):
    code = "note_early"
    kind = Kind.NOT_FOUND


class NoteStale(ServiceError):
    code = "note_stale"
    kind = Kind.STALE


class NoteWrite(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: UUID
    words: str


async def hear(session: AsyncSession, event: NoteTaken) -> None:
    """Counts each note once more; a second delivery that was not recognised would show as 2."""
    refusals = {"refuse": NoteRefused, "early": NoteEarly, "stale": NoteStale}
    if event.words in refusals:
        raise refusals[event.words]("as the note says")
    if event.words == "fault":
        raise ValueError("a fault of ours")
    await session.execute(
        text("INSERT INTO heard VALUES (:id, 1) ON CONFLICT (note_id) DO UPDATE SET times = heard.times + 1"),
        {"id": event.note_id},
    )


async def hear_many(session: AsyncSession, events: Sequence[NoteTaken]) -> None:
    for event in events:
        await hear(session, event)


router = APIRouter(prefix="/api/v1/notes")


@router.post("", response_model=NoteWrite, status_code=201)
async def take_note(note: NoteWrite, tx: Tx) -> Note:
    taken = Note(id=note.id, words=note.words)
    tx.add(taken)
    publish(tx, NoteTaken(note_id=note.id, words=note.words))
    return taken


@router.post("/once", response_model=NoteWrite, status_code=201)
async def take_note_once(note: NoteWrite, request_owner: RuntimeOf, tx: Tx, once: OnceOnly) -> Response:
    async def answer() -> tuple[int, Any]:
        tx.add(Note(id=note.id, words=note.words))
        await tx.flush()
        return 201, note

    return await once(tx, answer, NoteWrite)


@router.get("/write-in-a-read")
async def write_in_a_read(tx: ReadTx) -> None:
    await tx.execute(text("DELETE FROM notes"))


@router.get("/fault")
async def fault() -> None:
    raise ValueError("a secret reason")


OWNER = Owner()
TICKS: list[datetime] = []


async def tick(_: Any, now: datetime) -> int:
    TICKS.append(datetime.now(UTC))
    return 0


class Settings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="PROBE_")


def make_service(name: str = "probe", *, batched: bool = False, jobs: Sequence[Job] = ()) -> Service:
    handler = hear_many if batched else hear
    return Service(
        name=name,
        settings=Settings,
        routers=(router,),
        subscriptions=(Subscription(NoteTaken, handler, batched=batched),),
        jobs=jobs or (Job("tick", tick, timedelta(milliseconds=50)),),
        migrations=Path("unused"),
        metadata=Base.metadata,
    )
