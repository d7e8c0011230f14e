"""What lies in the database and in the log, and what a failed commit looks like from outside."""

import base64
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.identity.browser import Browser, link_secret, person_of, scan
from tests.identity.olares import Olares, new_secret, sign
from tests.identity.support import Harness, Person, Signed, Space, code_of
from tests.support.larepass import LarePass, read_code
from tests.support.tokens import ORIGIN


async def _everything_stored(space: Space) -> str:
    """All tables as text, and once more their binary columns as the characters they may spell."""
    tables = await space.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
    stored = []
    for (table,) in tables:
        for (row,) in await space.rows(f'SELECT t::text FROM "{table}" t'):
            stored.append(row)
            binary = (part.strip('"') for part in row.strip("()").split(","))
            stored += [bytes.fromhex(part[3:]).decode("latin-1") for part in binary if part.startswith("\\\\x")]
    return "\n".join(stored)


async def test_no_secret_is_kept_in_a_form_that_could_be_used(
    open_space: Harness, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    space = await open_space(registration="invite")
    larepass, invite = LarePass(ORIGIN), await space.invite()
    alice = person_of(larepass)
    nonce = await space.nonce()
    proof = alice.prove(nonce, at=space.clock.now())
    login = await space.post(
        "/auth/login", {"proof": proof, "olares_name": "alice@olares.com", "invite": invite, "client_name": "laptop"}
    )
    signed = Signed(space, alice, login.json())
    refreshed = (await space.refresh(signed.tokens["refresh_token"])).json()
    wanted = {"name": "script", "scopes": ["backups:read"], "expires_in_days": 1}
    made = (await signed.ask("POST", "/tokens", wanted, **{"Idempotency-Key": "a-key-of-a-client"})).json()
    code = (await signed.ask("POST", "/me/devices/enrolments", **{"Idempotency-Key": "another-key-of-it"})).json()[
        "code"
    ]
    exchanged = await signed.exchanged(made["token"])
    olares, secret = Olares(space), new_secret()
    jws = sign(alice, secret, at=space.clock.now())
    assert (await olares.send("/login", {"jws": jws, "secret": secret}))["code"] == 0
    assert (await olares.send("/login", {"jws": jws + "x", "secret": secret}))["code"] == 403
    held = (await olares.fetch(secret))["data"]
    newer = (await olares.refresh(held))["data"]
    by_hand = (await signed.ask("POST", "/auth/olares-tokens", {}, **{"Idempotency-Key": "a-third-key"})).json()
    link = (await signed.ask("POST", "/auth/console/links", {}, **{"Idempotency-Key": "a-fourth-key"})).json()["link"]
    browser, followed = Browser(space), Browser(space)
    await followed.post("/links/redeem", {"secret": link.partition("#link=")[2]})
    shown = await browser.show_code()
    waiting = str(browser.cookie("space_qr"))
    assert (await scan(space, larepass, shown))["code"] == 0
    console = await browser.check()
    assert console is not None
    secrets = {
        "invite": invite,
        "nonce": nonce,
        "proof": proof,
        "access token": signed.tokens["access_token"],
        "refresh token": signed.tokens["refresh_token"],
        "its successor": refreshed["refresh_token"],
        "API token": made["token"],
        "exchanged token": exchanged.tokens["access_token"],
        "code": code,
        "code without its dash": code.replace("-", ""),
        "idempotency key": "a-key-of-a-client",
        "secret of an Olares login": secret,
        "signed login": jws,
        "Olares token": held["token"],
        "refreshed Olares token": newer["token"],
        "Olares token made by hand": by_hand["token"],
        "link to the console": link.partition("#link=")[2],
        "cookie of a link": str(followed.cookie("space_session")),
        "secret of a code": read_code(shown)["message"]["data"]["secret"],
        "cookie of a code": waiting,
        "cookie of a browser": str(browser.cookie("space_session")),
        "access token of a browser": console["access_token"],
    }
    stored, logged = await _everything_stored(space), caplog.text + capsys.readouterr().out
    assert "alice@olares.com" in stored
    for name, secret in secrets.items():
        bare = secret.partition("_")[2] or secret
        assert bare not in stored, name
        assert bare not in logged, name
        if secret[:4] in ("spi_", "spr_", "spc_", "spl_", "spq_"):
            raw = base64.urlsafe_b64decode(bare + "=")
            assert raw.hex() not in stored, name


_BREAK = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused at commit'; END $$;
CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE ON {table}
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
"""


async def _break_commits_that_touch(space: Space, table: str) -> None:
    async with space.runtime.database.transaction() as session:
        for statement in _BREAK.format(table=table).strip().split(";\nCREATE"):
            statement = statement if statement.startswith("CREATE") else f"CREATE{statement}"
            await session.execute(text(statement))


async def _log_in(alice: Signed) -> httpx.Response:
    return await alice.space.log_in(alice.person)


async def _refresh(alice: Signed) -> httpx.Response:
    return await alice.space.refresh(alice.tokens["refresh_token"])


async def _make_token(alice: Signed) -> httpx.Response:
    return await alice.ask("POST", "/tokens", {"name": "x", "scopes": ["backups:read"], "expires_in_days": 1})


async def _make_olares_token(alice: Signed) -> httpx.Response:
    return await alice.ask("POST", "/auth/olares-tokens", {})


async def _log_in_as_olares(alice: Signed) -> httpx.Response:
    return await _send_login(alice.space, alice.person)


async def _register_as_olares(alice: Signed) -> httpx.Response:
    return await _send_login(alice.space, Person())


async def _send_login(space: Space, person: Person) -> httpx.Response:
    jws = sign(person, new_secret(), at=space.clock.now())
    return await space.client().post("/v2/user/login", json={"jws": jws})


async def _make_link(alice: Signed) -> httpx.Response:
    return await alice.ask("POST", "/auth/console/links", {})


async def _follow_link(alice: Signed) -> httpx.Response:
    return await Browser(alice.space).post("/links/redeem", {"secret": await link_secret(alice)})


async def _show_code(alice: Signed) -> httpx.Response:
    return await Browser(alice.space).post("/qr")


async def _ask_for_a_nonce(alice: Signed) -> httpx.Response:
    return await alice.space.post("/auth/nonces", {})


async def _register(alice: Signed) -> httpx.Response:
    return await alice.space.log_in(Person(), olares_name="bob@olares.com")


@pytest.mark.parametrize(
    ("table", "request_it"),
    [
        ("sessions", _log_in),
        ("sessions", _make_olares_token),
        ("olares_logins", _log_in_as_olares),
        ("outbox", _register_as_olares),
        ("refresh_tokens", _refresh),
        ("console_links", _make_link),
        ("refresh_tokens", _follow_link),
        ("qr_sign_ins", _show_code),
        ("api_tokens", _make_token),
        ("outbox", _register),
        ("nonces", _ask_for_a_nonce),
    ],
)
async def test_a_commit_that_fails_is_not_a_success(
    space: Space, table: str, request_it: Callable[[Signed], Awaitable[Any]]
) -> None:
    alice = await space.register("alice@olares.com")
    before = await _counts(space)
    await _break_commits_that_touch(space, table)
    answer = await request_it(alice)
    assert code_of(answer) == "500 unexpected"
    assert "set-cookie" not in answer.headers
    assert await _counts(space) == before


async def _counts(space: Space) -> list[Any]:
    tables = ("owners", "devices", "sessions", "refresh_tokens", "api_tokens", "outbox")
    return [(await space.rows(f"SELECT count(*) FROM {table}"))[0][0] for table in tables]
