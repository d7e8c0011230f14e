"""An owner, another service and the operator as they ask billing over HTTP."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx

from tests.support.running import OPERATOR, Running
from tests.support.tokens import Owner, TokenIssuer


@dataclass(frozen=True)
class Asking:
    """One owner's requests, and those of others about them."""

    billing: Running
    issuer: TokenIssuer
    owner_id: UUID

    async def get(self, path: str, *scopes: str, **options: Any) -> httpx.Response:
        return await self.billing.api.get(f"/api/v1{path}", headers=self._headers(*scopes), **options)

    async def post(self, path: str, body: Any, *scopes: str, key: str | None = None) -> httpx.Response:
        headers = {**self._headers(*scopes), "Idempotency-Key": key or str(uuid4())}
        return await self.billing.api.post(f"/api/v1{path}", json=body, headers=headers)

    async def put(self, path: str, body: Any, *scopes: str) -> httpx.Response:
        return await self.billing.api.put(f"/api/v1{path}", json=body, headers=self._headers(*scopes))

    async def internal(self, method: str, path: str, body: Any = None, credential: str = OPERATOR) -> httpx.Response:
        headers = {"Authorization": f"Bearer {credential}"}
        return await self.billing.internal.request(method, f"/internal{path}", json=body, headers=headers)

    async def quote(self, **wanted: Any) -> dict[str, Any]:
        body = {"provider": "local", "region": "local", "plan": "small", "instance_name": "home", **wanted}
        answer = await self.post("/quotes", body)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def _headers(self, *scopes: str) -> dict[str, str]:
        return self.issuer.headers(Owner(owner_id=self.owner_id), *scopes)
