"""Signing in and out."""

import os
import platform
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from agent import api, browser, config, proof, session
from agent.commands.options import CaFile, JsonFlag, Origin
from agent.errors import ServerRefused, UsageError
from agent.output import Output, path_text
from agent.session import Login
from agent.wire import ConsoleLink, Tokens


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
    web: Annotated[
        bool, typer.Option("--web", help="Open the console in a browser, signed in; sign in here first if needed.")
    ] = False,
    no_open: Annotated[bool, typer.Option("--no-open", help="With --web: print the link; start no browser.")] = False,
    ca_file: CaFile = None,
    as_json: JsonFlag = False,
) -> None:
    """Sign in with this machine's key pair, which is made at the first sign-in.

    With --web it is a browser that is signed in, by a link that works once, within a minute. With --json it is printed.
    """
    out = Output(as_json=as_json)
    if enrol and (name or invite):
        raise UsageError("login_options", "--enrol joins an owner who exists; leave out --name and --invite.")
    if no_open and not web:
        raise UsageError("login_options", "--no-open says what --web is to leave out; give both.")
    is_told_how = bool(name or invite or enrol)
    if not web or is_told_how or not session.is_kept(origin):
        wish = Login(olares_name=name, invite=invite, client_name=client_name, enrolment_code=enrol)
        _sign_in(wish, origin, ca_file, out, is_result=not web)
    if web:
        _open_console(origin, ca_file, out, starts_browser=not no_open and not as_json)


def _sign_in(wish: Login, origin: str | None, ca_file: Path | None, out: Output, *, is_result: bool) -> None:
    is_first = config.read_private(config.session_file()) is None
    identity = proof.load_or_create()
    wish = replace(wish, client_name=wish.client_name or platform.node() or "space")
    with session.open_anonymous(origin, ca_file) as client:
        _warn_if_readable(client.origin, out)
        try:
            tokens = session.sign_in(client, identity, wish, ca_file)
        except ServerRefused as error:
            if error.code != "owner_unknown" or wish.enrolment_code or wish.olares_name or not _can_ask(out.as_json):
                raise
            out.say("This key pair is new here. Register it under your Olares name, e.g. alice@olares.com.")
            wish = replace(wish, olares_name=typer.prompt("Olares name", err=True))
            tokens = session.sign_in(client, identity, wish, ca_file)
    words = f"Signed in to {client.origin} as {_shown_name(tokens)}."
    if is_result:
        out.result(_owner_document(client.origin, tokens), words)
    else:
        out.say(words)
    if is_first and not wish.enrolment_code:
        out.say(f"The only way into this account is this machine's key file, {path_text(config.identity_file())}.")
        out.say("Add another machine with `space device add`, or keep a copy of the file in a safe place.")


def _open_console(origin: str | None, ca_file: Path | None, out: Output, *, starts_browser: bool) -> None:
    with session.open_kept(origin, ca_file) as client:
        made = api.parse(ConsoleLink, client.post("/auth/console/links"))
    link = made.link.get_secret_value()
    out.say("This link works once, within a minute. Whoever opens it first is signed in as you.")
    out.result({"link": link, "expires_at": made.expires_at.isoformat()}, link)
    if starts_browser and browser.open_page(link):
        out.say("It opens in your browser.")


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
