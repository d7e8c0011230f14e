"""Tables of identity. Of a secret only its SHA-256 is kept."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, DateTime, ForeignKey, Index, LargeBinary, MetaData, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from identity.domain.olares_proof import is_provisional
from shared.messaging import NAMING

OLARES = "olares"
"""The kind of sessions whose tokens Olares devices carry."""


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {datetime: DateTime(timezone=True), str: Text(), bytes: LargeBinary(), list[str]: ARRAY(Text)}


class Owner(Base):
    """A person with a DID, which is theirs for ever, and an Olares name."""

    __tablename__ = "owners"

    owner_id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    did: Mapped[str] = mapped_column(unique=True)
    olares_name: Mapped[str] = mapped_column(unique=True, comment="In lower case.")
    created_at: Mapped[datetime]

    @property
    def name_is_provisional(self) -> bool:
        return is_provisional(self.olares_name)


class Device(Base):
    """A key that signs in as an owner: the owner's own to begin with, then those that joined by a code."""

    __tablename__ = "devices"

    device_id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Owner.owner_id))
    did: Mapped[str]
    name: Mapped[str]
    created_at: Mapped[datetime]
    last_signed_in_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]

    owner: Mapped[Owner] = relationship(lazy="raise")

    __table_args__ = (
        Index("uq_devices_did_live", "did", unique=True, postgresql_where=text("removed_at IS NULL")),
        Index(None, "did"),
        Index(None, "owner_id", "created_at", "device_id"),
    )


class Session(Base):
    """A sign-in and the family of refresh tokens that descends from it."""

    __tablename__ = "sessions"

    session_id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Owner.owner_id))
    device_id: Mapped[UUID] = mapped_column(ForeignKey(Device.device_id))
    client_name: Mapped[str | None]
    kind: Mapped[str] = mapped_column(server_default="native", comment="native, or olares: of Olares devices")
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(comment="If it is not used again before.")
    revoked_at: Mapped[datetime | None]
    predecessor_hash: Mapped[bytes | None] = mapped_column(comment="Of the refresh token replaced last.")
    successor_seed: Mapped[bytes | None] = mapped_column(comment="With that token it gives the newest again.")

    owner: Mapped[Owner] = relationship(lazy="raise")

    __table_args__ = (
        CheckConstraint("kind IN ('native', 'olares')", name="kind"),
        Index(None, "owner_id", "created_at", "session_id"),
        Index(None, "device_id"),
        Index(None, "expires_at"),
    )


class RefreshToken(Base):
    """One link of a session's chain; kept when used, so that its reuse is recognised."""

    __tablename__ = "refresh_tokens"

    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey(Session.session_id, ondelete="CASCADE"))
    expires_at: Mapped[datetime] = mapped_column(comment="When it would be refused for its age alone.")
    used_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "session_id"), Index(None, "expires_at"))


class OlaresLogin(Base):
    """A login that LarePass signed, until whoever waits for it has fetched its token, once.

    Kept for as long as the signed proof would be accepted, so that none is accepted twice.
    """

    __tablename__ = "olares_logins"

    secret_hash: Mapped[bytes] = mapped_column(primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey(Session.session_id, ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    fetched_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "expires_at"),)


class ConsoleLink(Base):
    """A link that signs a browser in, made by a device that is signed in."""

    __tablename__ = "console_links"

    link_hash: Mapped[bytes] = mapped_column(primary_key=True)
    device_id: Mapped[UUID] = mapped_column(ForeignKey(Device.device_id), comment="That made it.")
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "expires_at"),)


class QrSignIn(Base):
    """A code on the sign-in page of one browser, until that browser has taken the sign-in of whoever scanned it.

    Kept for longer, so that its secret, which anybody could see on the screen, is not taken for one of Olares devices.
    """

    __tablename__ = "qr_sign_ins"

    secret_hash: Mapped[bytes] = mapped_column(primary_key=True)
    browser_hash: Mapped[bytes] = mapped_column(unique=True, comment="Of the cookie that alone may take it.")
    client_name: Mapped[str | None]
    expires_at: Mapped[datetime]
    device_id: Mapped[UUID | None] = mapped_column(ForeignKey(Device.device_id), comment="That signed it.")
    taken_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "expires_at"),)


class ApiToken(Base):
    """A long-lived token with scopes of its own, for programs."""

    __tablename__ = "api_tokens"

    token_id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Owner.owner_id))
    device_id: Mapped[UUID] = mapped_column(ForeignKey(Device.device_id), comment="That made it.")
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    name: Mapped[str]
    scopes: Mapped[list[str]]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]

    owner: Mapped[Owner] = relationship(lazy="raise")

    __table_args__ = (
        Index(None, "owner_id", "created_at", "token_id"),
        Index(None, "device_id"),
        Index(None, "expires_at"),
    )


class Enrolment(Base):
    """A code by which one more key joins an owner."""

    __tablename__ = "enrolments"

    code_hash: Mapped[bytes] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey(Owner.owner_id))
    device_id: Mapped[UUID] = mapped_column(ForeignKey(Device.device_id), comment="That asked for it.")
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "device_id"), Index(None, "expires_at"))


class Invite(Base):
    """A permission to register once; for LarePass, which can show no invite, one that names its DID."""

    __tablename__ = "invites"

    invite_hash: Mapped[bytes] = mapped_column(primary_key=True)
    did: Mapped[str | None] = mapped_column(comment="Who alone may use it.")
    olares_name: Mapped[str | None] = mapped_column(comment="By what name, when a DID is named.")
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey(Owner.owner_id), comment="Who registered with it.")

    __table_args__ = (Index(None, "did"), Index(None, "expires_at"))


class Nonce(Base):
    """A number to be signed once."""

    __tablename__ = "nonces"

    nonce_hash: Mapped[bytes] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]

    __table_args__ = (Index(None, "expires_at"),)


class AttemptCount(Base):
    """How often a subject tried in a window. Unlogged: a crash of the database may forget it, a replica need not."""

    __tablename__ = "attempt_counts"

    limit_name: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True, comment="A client's network, a DID or an owner_id.")
    started_at: Mapped[datetime] = mapped_column(primary_key=True)
    ends_at: Mapped[datetime]
    attempts: Mapped[int]

    __table_args__ = (Index(None, "ends_at"), {"prefixes": ["UNLOGGED"]})
