"""A browser at the console, with a jar of cookies of its own, and LarePass that scans what it shows."""

from http.cookies import Morsel, SimpleCookie
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.identity.olares import envelope
from tests.identity.support import Person, Signed, Space
from tests.support.larepass import LarePass
from tests.support.tokens import ORIGIN

CONSOLE = "/api/v1/auth/console"


class Browser:
    """One person's browser."""

    def __init__(self, space: Space, origin: str = ORIGIN) -> None:
        self.space = space
        self.origin = origin
        self.client = space.client()

    async def post(self, path: str, body: object | None = None, **headers: str) -> httpx.Response:
        """As the console asks: JSON, and the page's origin, which a browser adds to each POST."""
        url = f"{self.origin}{CONSOLE}{path}"
        return await self.client.post(
            url, json={} if body is None else body, headers={"Origin": self.origin, **headers}
        )

    async def show_code(self, **body: Any) -> str:
        answer = await self.post("/qr", body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["content"])

    async def check(self) -> dict[str, Any] | None:
        """The tokens, once the code was scanned."""
        answer = await self.post("/qr/check")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] | None = answer.json()["signed_in"]
        return found

    async def sign_in(self, owner: Signed) -> dict[str, Any]:
        """By a link of an owner's device."""
        answer = await self.post("/links/redeem", {"secret": await link_secret(owner)})
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    def cookie(self, name: str) -> str | None:
        return self.client.cookies.get(name)


def set_cookies(answer: httpx.Response) -> dict[str, Morsel[str]]:
    """What an answer tells the browser to keep, by name."""
    jar: SimpleCookie = SimpleCookie()
    for header in answer.headers.get_list("set-cookie"):
        jar.load(header)
    return dict(jar)


def person_of(larepass: LarePass) -> Person:
    """Whoever has this LarePass, signing by hand."""
    key = larepass.identity.key.private_key
    assert isinstance(key, Ed25519PrivateKey)
    return Person(key)


async def link_secret(owner: Signed) -> str:
    answer = await owner.ask("POST", "/auth/console/links", {})
    assert answer.status_code == 201, answer.text
    link, _, secret = str(answer.json()["link"]).partition("#link=")
    assert link == f"{owner.space.runtime.settings.issuer}/sign-in"
    return secret


async def scan(space: Space, larepass: LarePass, content: str) -> dict[str, Any]:
    """Scan a code, and post what LarePass posts where the code says."""
    url, body = larepass.answer(content)
    assert url == f"{space.runtime.settings.issuer}/v2/user/login"
    return envelope(await space.client().post(url, content=body, headers={"Content-Type": "application/json"}))
