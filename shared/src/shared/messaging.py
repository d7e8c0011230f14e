"""The tables of messages and of repeated requests, present in every service's database."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, DateTime, Identity, Index, LargeBinary, MetaData, SmallInteger, Text, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# Named constraints, so that a migration can speak of them.
NAMING = {
    "pk": "pk_%(table_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
}


class MessagingBase(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: DateTime(timezone=True), str: Text()}


class OutboxMessage(MessagingBase):
    """An event that is true and not yet confirmed by the broker; the relay deletes it then."""

    __tablename__ = "outbox"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    event_name: Mapped[str]
    envelope: Mapped[str] = mapped_column(comment="The CloudEvents document as it goes over the wire.")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class InboxMessage(MessagingBase):
    """An event whose effect is in this database."""

    __tablename__ = "inbox"

    queue: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    received_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (Index(None, "received_at"),)


class IdempotentResponse(MessagingBase):
    """The answer given to a request with an Idempotency-Key.

    The body may hold a secret that is shown once, so it is sealed under the key itself, of which only a hash is kept.
    """

    __tablename__ = "idempotent_responses"

    key_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int] = mapped_column(SmallInteger)
    sealed_body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (Index(None, "created_at"),)
