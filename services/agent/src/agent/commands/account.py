"""Signing in and out."""

import os
import platform
import sys
from typing import Annotated
from urllib.parse import urlsplit

import typer

from agent import config, proof, session
from agent.commands.options import CaFile, JsonFlag, Origin
from agent.errors import ServerRefused, UsageError
from agent.output import Output, path_text
from agent.session import Login
from agent.wire import Tokens


def login(
    origin: Origin = None,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Register as this owner, e.g. alice@olares.com.")
    ] = None,
    invite: Annotated[str | None, typer.Option("--invite", metavar="INVITE", help="An operator's invite.")] = None,
    enrol: Annotated[
        str | None,
        typer.Option("--enrol", metavar="CODE", help="Join the owner whose `space device add` made the code."),
    ] = None,
    client_name: Annotated[
        str | None,
        typer.Option("--client-name", metavar="NAME", help="How this machine is listed; else its host name."),
    ] = None,
    ca_file: CaFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Sign in with this machine's key pair, which is made at the first sign-in."""
    out = Output(as_json=as_json)
    if enrol and (name or invite):
        raise UsageError("login_options", "--enrol joins an owner who exists; leave out --name and --invite.")
    is_first = config.read_private(config.session_file()) is None
    identity = proof.load_or_create()
    client_name = client_name or platform.node() or "space"
    with session.open_anonymous(origin, ca_file) as client:
        _warn_if_readable(client.origin, out)
        wish = Login(olares_name=name, invite=invite, client_name=client_name, enrolment_code=enrol)
        try:
            tokens = session.sign_in(client, identity, wish, ca_file)
        except ServerRefused as error:
            if error.code != "owner_unknown" or enrol or name or not _can_ask(as_json):
                raise
            out.say("This key pair is new here. Register it under your Olares name, e.g. alice@olares.com.")
            wish = Login(olares_name=typer.prompt("Olares name", err=True), invite=invite, client_name=client_name)
            tokens = session.sign_in(client, identity, wish, ca_file)
        out.result(_owner_document(client.origin, tokens), f"Signed in to {client.origin} as {_shown_name(tokens)}.")
    if is_first and not enrol:
        out.say(f"The only way into this account is this machine's key file, {path_text(config.identity_file())}.")
        out.say("Add another machine with `space device add`, or keep a copy of the file in a safe place.")


def logout(as_json: JsonFlag = False) -> None:
    """End the session. The key pair stays, so `space login` works again."""
    had_session = session.sign_out()
    Output(as_json=as_json).result(
        {"signed_out": had_session}, "Signed out." if had_session else "You were not signed in."
    )


def whoami(origin: Origin = None, as_json: JsonFlag = False) -> None:
    """Show who is signed in, and where."""
    with session.open_client(origin) as client:
        owner = client.get("/me")
        Output(as_json=as_json).result(
            {**owner, "origin": client.origin},
            f"{owner.get('olares_name') or 'no Olares name'} at {client.origin}\n{owner.get('did')}",
        )


def _owner_document(origin: str, tokens: Tokens) -> dict[str, object]:
    return {**tokens.owner.model_dump(mode="json"), "origin": origin}


def _shown_name(tokens: Tokens) -> str:
    return tokens.owner.olares_name or tokens.owner.did


def _can_ask(as_json: bool) -> bool:
    return not as_json and sys.stdin.isatty() and os.isatty(2)


def _warn_if_readable(origin: str, out: Output) -> None:
    address = urlsplit(origin)
    if address.scheme == "http" and address.hostname not in ("127.0.0.1", "localhost", "::1"):
        out.warn(f"{origin} is not encrypted: others on the network can read and use your session.")
