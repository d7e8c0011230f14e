"""localstripe as a process of its own, and a look at its objects past everything that is tested."""

import sys
from pathlib import Path
from typing import Any

import httpx

from space_local import ports
from space_local.process import Child, Server

KEY = "sk_test_space"
PROGRAM = Path(__file__).with_name("localstripe_server.py")


class LocalStripe(Server):
    """What it does otherwise than Stripe is told, and put right, in `localstripe_server`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = ""

    async def start(self) -> None:
        port = ports.pick()
        # -P: else `import localstripe` would find this file, next to the program.
        self.child = Child("localstripe", [sys.executable, "-P", str(PROGRAM), str(port)], self.home)
        self.child.spawn()

        async def accepts() -> bool:
            return ports.accepts(port)

        await self.child.until_ready(accepts, 60)
        self.url = f"http://127.0.0.1:{port}"

    async def post(self, path: str, **fields: Any) -> dict[str, Any]:
        return await self._request("POST", path, json=fields)

    async def get(self, path: str) -> dict[str, Any]:
        return await self._request("GET", path)

    async def list_all(self, path: str, **query: str) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = (await self._request("GET", path, params={"limit": "1000", **query}))["data"]
        return listed

    async def make_card(self, number: str) -> str:
        """What Stripe's form in a browser does with a number; returns the token."""
        card = {"number": number, "exp_month": 12, "exp_year": 2040, "cvc": "123"}
        return str((await self.post("/v1/payment_methods", type="card", card=card))["id"])

    async def send_webhooks_to(self, url: str, secret: str) -> None:
        async with httpx.AsyncClient(base_url=self.url, verify=False) as client:
            (await client.post("/_config/webhooks/tests", json={"url": url, "secret": secret})).raise_for_status()

    async def _request(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(base_url=self.url, headers=headers, verify=False) as client:
            response = await client.request(method, path, **arguments)
        response.raise_for_status()
        answer: dict[str, Any] = response.json()
        return answer
