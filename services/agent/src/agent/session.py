"""Being signed in: tokens kept and refreshed by themselves, or an API token exchanged when there is one."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from agent import api, config, proof
from agent.api import Client
from agent.config import DEFAULT_ORIGIN, JsonObject
from agent.errors import ExitCode, NotSignedIn, ServerRefused
from agent.proof import Identity
from agent.wire import ExchangedToken, Nonce, Tokens

# A token is renewed when less than this is left, so that it does not end between here and the service.
MARGIN_SECONDS = 30.0
REFRESH_LOCK = "session"


@dataclass(frozen=True)
class Login:
    """What a sign-in may add to the proof; a code joins an owner that another device made."""

    olares_name: str | None = None
    invite: str | None = None
    client_name: str | None = None
    enrolment_code: str | None = None


def origin(given: str | None = None) -> str:
    """The origin to talk to: named on the command line, by SPACE_ORIGIN, or the one last signed in to."""
    kept = (config.read_private(config.session_file()) or {}).get("origin")
    return (given or os.environ.get("SPACE_ORIGIN") or str(kept or DEFAULT_ORIGIN)).rstrip("/")


def open_client(given_origin: str | None = None, given_ca_file: Path | None = None) -> Client:
    """A client that is signed in, by SPACE_API_TOKEN or by the kept session.

    Raises:
        NotSignedIn: Neither is there, or the session is one of another origin.
    """
    address = origin(given_origin)
    ca_file = given_ca_file or kept_ca_file(address)
    api_token = os.environ.get("SPACE_API_TOKEN")
    if api_token:
        return Client(address, tokens=ApiToken(address, api_token, ca_file), ca_file=ca_file)
    return open_kept(address, ca_file)


def open_kept(given_origin: str | None = None, given_ca_file: Path | None = None) -> Client:
    """A client that is signed in as a person, by the kept session.

    Raises:
        NotSignedIn: There is none, or it is one of another origin.
    """
    address = origin(given_origin)
    ca_file = given_ca_file or kept_ca_file(address)
    kept = _kept_session()
    if kept is None:
        raise NotSignedIn
    if kept["origin"] != address:
        raise NotSignedIn(f"You are signed in to {kept['origin']}, not to {address}.", code="signed_in_elsewhere")
    return Client(address, tokens=KeptSession(address, ca_file), ca_file=ca_file)


def is_kept(given_origin: str | None = None) -> bool:
    """Whether there is a session of this origin."""
    kept = _kept_session()
    return kept is not None and kept["origin"] == origin(given_origin)


def open_anonymous(given_origin: str | None = None, ca_file: Path | None = None) -> Client:
    address = origin(given_origin)
    return Client(address, ca_file=ca_file or kept_ca_file(address))


def kept_ca_file(address: str) -> Path | None:
    """The certificate authority given at sign-in, for that origin only."""
    kept = config.read_private(config.session_file()) or {}
    ca_file = kept.get("ca_file")
    return Path(str(ca_file)) if ca_file and kept.get("origin") == address else None


def sign_in(client: Client, identity: Identity, login: Login, ca_file: Path | None = None) -> Tokens:
    """Prove the key pair, receive tokens and keep them."""
    body: JsonObject = {"proof": _proof(client, identity)}
    if login.enrolment_code is not None:
        body |= {"code": login.enrolment_code, "device_name": login.client_name}
        answer = client.post("/auth/enrol", body, authorised=False)
    else:
        optional = {"olares_name": login.olares_name, "invite": login.invite, "client_name": login.client_name}
        body |= {name: value for name, value in optional.items() if value is not None}
        answer = client.post("/auth/login", body, authorised=False)
    tokens = api.parse(Tokens, answer)
    with config.locked(REFRESH_LOCK):
        _keep(client.origin, tokens, ca_file)
    return tokens


def sign_out() -> bool:
    """End the session at the service and forget its tokens; False when there was none.

    The key pair stays, so that the owner can sign in again; the tokens are forgotten even if the service is away.
    """
    with config.locked(REFRESH_LOCK):
        kept = _kept_session()
        if kept is None:
            return False
        address = str(kept["origin"])
        forgotten = {name: kept[name] for name in ("origin", "ca_file") if kept.get(name)}
        ca_file = kept_ca_file(address)
        config.write_private(config.session_file(), forgotten)
    with Client(address, ca_file=ca_file) as client:
        try:
            client.post("/auth/logout", {"refresh_token": kept["refresh_token"]}, authorised=False, attempts=1)
        except ServerRefused as error:
            if error.exit_code is ExitCode.UNREACHABLE:
                raise
    return True


class KeptSession:
    """The tokens of session.json; processes that renew at once do it one after the other, the later ones by reading."""

    def __init__(self, address: str, ca_file: Path | None) -> None:
        self._address = address
        self._ca_file = ca_file

    def current(self) -> str:
        kept = self._kept()
        return str(kept["access_token"]) if _is_fresh(kept) else self.renewed(str(kept["access_token"]))

    def renewed(self, refused: str) -> str:
        with config.locked(REFRESH_LOCK):
            kept = self._kept()
            if kept["access_token"] != refused and _is_fresh(kept):
                return str(kept["access_token"])
            with Client(self._address, ca_file=self._ca_file) as client:
                tokens = self._refresh(client, str(kept["refresh_token"]))
            _keep(self._address, tokens, self._ca_file)
            return tokens.access_token.get_secret_value()

    def _refresh(self, client: Client, refresh_token: str) -> Tokens:
        """New tokens; a spent refresh token (its answer got lost, or it lay unused too long) is replaced by a proof.

        The service revokes a session whose refresh token comes twice, so a refresh is sent once; this machine's key
        pair can sign in at any time until the owner removes the device.
        """
        try:
            return api.parse(
                Tokens, client.post("/auth/refresh", {"refresh_token": refresh_token}, authorised=False, attempts=1)
            )
        except ServerRefused as error:
            identity = proof.load()
            if error.exit_code is not ExitCode.SIGN_IN_NEEDED or identity is None:
                raise
        try:
            answer = client.post("/auth/login", {"proof": _proof(client, identity)}, authorised=False)
        except ServerRefused as refusal:
            if refusal.exit_code is ExitCode.UNREACHABLE:
                raise
            raise NotSignedIn("Your session has ended.", code="session_ended") from refusal
        return api.parse(Tokens, answer)

    def _kept(self) -> JsonObject:
        kept = _kept_session()
        if kept is None or kept["origin"] != self._address:
            raise NotSignedIn
        return kept


class ApiToken:
    """Access tokens for SPACE_API_TOKEN, held in memory only."""

    def __init__(self, address: str, api_token: str, ca_file: Path | None) -> None:
        self._address = address
        self._api_token = api_token
        self._ca_file = ca_file
        self._access_token = ""
        self._expires_at = 0.0

    def current(self) -> str:
        if time.time() < self._expires_at - MARGIN_SECONDS:
            return self._access_token
        return self.renewed(self._access_token)

    def renewed(self, refused: str) -> str:
        with Client(self._address, ca_file=self._ca_file) as client:
            answer = client.post("/auth/exchange", {"api_token": self._api_token}, authorised=False)
        token = api.parse(ExchangedToken, answer)
        self._access_token = token.access_token.get_secret_value()
        self._expires_at = time.time() + token.expires_in
        return self._access_token


def _proof(client: Client, identity: Identity) -> str:
    nonce = api.parse(Nonce, client.post("/auth/nonces", authorised=False))
    return proof.sign(identity, nonce=nonce.nonce, audience=nonce.audience, issued_at=nonce.issued_at)


def _keep(address: str, tokens: Tokens, ca_file: Path | None) -> None:
    kept: JsonObject = {
        "origin": address,
        "ca_file": None if ca_file is None else str(ca_file.absolute()),
        "access_token": tokens.access_token.get_secret_value(),
        "access_expires_at": time.time() + tokens.expires_in,
        "refresh_token": tokens.refresh_token.get_secret_value(),
        "did": tokens.owner.did,
        "olares_name": tokens.owner.olares_name,
    }
    config.write_private(config.session_file(), kept)


def _kept_session() -> JsonObject | None:
    kept = config.read_private(config.session_file())
    return kept if kept is not None and kept.get("refresh_token") else None


def _is_fresh(kept: JsonObject) -> bool:
    expires_at = kept.get("access_expires_at")
    return isinstance(expires_at, int | float) and time.time() < expires_at - MARGIN_SECONDS
