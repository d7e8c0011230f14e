"""Request and response bodies of identity."""

import re
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from identity.domain.did import decode_did
from identity.domain.olares_proof import is_provisional
from shared.auth import Scope

DID = "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK"
OLARES_NAME = re.compile(
    r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{0,62}[a-z0-9]"
)


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("control characters are not allowed here")
    return text


def _olares_name(text: str) -> str:
    if not OLARES_NAME.fullmatch(text) or is_provisional(text):
        raise ValueError("an Olares name looks like alice@olares.com")
    return text


def _did(text: str) -> str:
    decode_did(text)
    return text


OlaresName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, to_lower=True, max_length=254),
    AfterValidator(_olares_name),
    Field(examples=["alice@olares.com"]),
]
DisplayName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(_printable)
]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[!-~]+$")]
Proof = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4096, pattern=r"^[!-~]+$"),
    Field(
        description="Compact JWS by the DID's key. Header: `alg` (`EdDSA` or `Ed25519`), `kid` (`did:key:zX#zX`). "
        "Payload: `iss` (the DID), `aud` (the nonce's `audience`), `nonce`, `iat` (the nonce's `issued_at` as "
        "seconds since 1970, so that the client's own clock does not matter). Good for one request.",
        examples=["eyJhbGciOiJFZERTQSIsImtpZCI6ImRpZDprZXk6ejZNay4uLiN6Nk1rLi4uIn0.eyJpc3MiOiJkaWQ6a2V5On.c2lnbmF0"],
    ),
]


DidKey = Annotated[str, AfterValidator(_did), Field(examples=[DID])]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NonceRequest(Body):
    """Nothing is needed."""


class NonceRead(BaseModel):
    nonce: str = Field(description="To be signed within 120 seconds, once.")
    audience: str = Field(examples=["https://space.example.com"])
    issued_at: datetime = Field(description="Our time; sign it as `iat`.")
    expires_at: datetime


class LoginRequest(Body):
    proof: Proof
    olares_name: OlaresName | None = Field(None, description="Registers the DID under this name if it is unknown.")
    invite: Secret | None = Field(None, description="Needed to register where registration is by invite.")
    client_name: DisplayName | None = Field(None, examples=["space on laptop"])


class EnrolRequest(Body):
    proof: Proof
    code: Annotated[str, StringConstraints(min_length=1, max_length=40), AfterValidator(_printable)] = Field(
        description="Case, spaces and the dash do not matter.", examples=["7K3QD-0XV9M"]
    )
    device_name: DisplayName = Field(examples=["Desktop in the study"])


class RefreshRequest(Body):
    refresh_token: Secret


class ExchangeRequest(Body):
    api_token: Secret


class OwnerRead(BaseModel):
    owner_id: UUID
    did: str = Field(examples=[DID])
    olares_name: str = Field(examples=["alice@olares.com"])
    name_is_provisional: bool = Field(description="Whether it is made from the DID, and may be replaced once.")
    created_at: datetime


class TokensRead(BaseModel):
    access_token: str = Field(description="Sent as `Authorization: Bearer …`.")
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105
    expires_in: int = Field(description="Seconds the access token lives, also when its session ends before.")
    refresh_token: str = Field(description="Gives new tokens once, at `/auth/refresh`. Keep it secret.")
    refresh_expires_in: int = Field(description="Seconds until the session ends if it is not refreshed.")
    owner: OwnerRead


class ConsoleRequest(Body):
    """Nothing is needed; the cookie says the rest."""


class ConsoleLinkRead(BaseModel):
    link: str = Field(
        description="To be opened in a browser within 60 seconds, once. Whoever opens it is signed in as you.",
        examples=["https://space.example.com/sign-in#link=spl_…"],
    )
    expires_at: datetime


class ConsoleLinkRedeem(Body):
    secret: Secret = Field(description="What stands behind `#link=`.")
    client_name: DisplayName | None = Field(None, examples=["Firefox on Linux"])


class QrCreate(Body):
    client_name: DisplayName | None = Field(None, examples=["Firefox on Linux"])


class QrRead(BaseModel):
    content: str = Field(
        description="What the code says; LarePass reads it.", examples=["space://eyJ0b3BpYyI6InNpZ24…"]
    )
    expires_at: datetime
    check_after_seconds: int = Field(description="How long to wait before each `/qr/check`.", examples=[3])


class ConsoleTokensRead(BaseModel):
    access_token: str = Field(description="Sent as `Authorization: Bearer …`. To be kept in memory only.")
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105
    expires_in: int = Field(description="Seconds the access token lives.")
    owner: OwnerRead


class QrChecked(BaseModel):
    signed_in: ConsoleTokensRead | None = Field(description="Null while nobody has scanned the code.")


class OlaresNameWrite(Body):
    olares_name: OlaresName


class ExchangeRead(BaseModel):
    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105
    expires_in: int = Field(description="Seconds.")
    scopes: list[Scope]


class MeRead(OwnerRead):
    scopes: list[Scope] = Field(description="What the token of this request may be used for.")
    session_id: UUID = Field(description="The session, or the API token, that the access token stands for.")


class SessionRead(BaseModel):
    session_id: UUID
    client_name: str | None
    kind: Literal["native", "olares"] = Field(description="`olares`: its token is an Olares device's.")
    device_id: UUID
    device_name: str
    created_at: datetime
    last_used_at: datetime = Field(description="When it was last signed in or refreshed.")
    expires_at: datetime = Field(description="When it ends if it is not used before.")
    is_current: bool


class DeviceRead(BaseModel):
    device_id: UUID
    name: str
    did: str = Field(examples=[DID])
    is_first: bool = Field(description="Whether its key is the owner's DID itself.")
    created_at: datetime
    last_seen_at: datetime = Field(description="When it last signed in or refreshed.")


class EnrolmentRead(BaseModel):
    code: str = Field(description="To be typed on the new device: `space enrol`.", examples=["7K3QD-0XV9M"])
    expires_at: datetime


class TokenCreate(Body):
    name: DisplayName = Field(examples=["nightly script"])
    scopes: list[Scope] = Field(
        min_length=1,
        max_length=len(Scope),
        description="A part of the caller's own; never `account:write`. `backups:unlock` must be named to be given.",
        examples=[["backups:read", "restores:read"]],
    )
    expires_in_days: int = Field(ge=1, le=366, examples=[90])


class TokenRead(BaseModel):
    token_id: UUID
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None = Field(description="When it was last exchanged.")


class TokenCreated(BaseModel):
    token_id: UUID
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime
    token: str = Field(description="Shown this once. Exchange it at `/auth/exchange`.", examples=["spc_…"])


class OlaresTokenCreate(Body):
    client_name: DisplayName | None = Field(None, examples=["olares-cli on desktop"])


class OlaresTokenRead(BaseModel):
    userid: str = Field(description="The owner's DID, which is sent with the token.", examples=[DID])
    token: str = Field(description="Shown this once. For Olares devices and `olares-cli` only.")
    expires_at: datetime


class InviteCreate(Body):
    expires_in_days: int = Field(7, ge=1, le=90)
    did: DidKey | None = Field(None, description="Who alone may use it; with `olares_name`.")
    olares_name: OlaresName | None = Field(None, description="By what name `did` registers.")

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.did is None) != (self.olares_name is None):
            raise ValueError("did and olares_name go together")
        return self


class InviteRead(BaseModel):
    invite: str
    expires_at: datetime


class PublicKeyRead(BaseModel):
    """A public JWK (RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: str
    use: Literal["sig"]
    alg: str = Field(examples=["Ed25519"])


class KeySetRead(BaseModel):
    keys: list[PublicKeyRead]
