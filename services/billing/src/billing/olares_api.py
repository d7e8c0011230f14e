"""The Olares dialect of quota and use: what a device asks before each backup, and its Settings page shows."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from billing.operations import accounts, quota, sessions, usage
from shared.auth import Caller
from shared.db import ReadTx, Tx
from shared.olares import OlaresRoute, answer, require_token

MEMBER = 2
"""The plan level that may back up; at 1 the devices refuse to, whatever room there is. There is one plan here."""
ANY_PAGE = {"Access-Control-Allow-Origin": "*"}
"""The Settings page is of the device's own origin. It has no cookies here, so that nothing is lent to other pages."""
PREFLIGHT = {
    **ANY_PAGE,
    "Access-Control-Allow-Methods": "POST, OPTIONS",
    # Browsers that do not know the asterisk read the names.
    "Access-Control-Allow-Headers": "*, Accept, Authorization, Content-Type",
    "Access-Control-Max-Age": "86400",
}


class PageRoute(OlaresRoute):
    """A route that pages of other origins may read, refusals too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def open_to_pages(request: Request) -> Response:
            response = await handle(request)
            response.headers.update(ANY_PAGE)
            return response

        return open_to_pages


OlaresOwner = Annotated[Caller, Depends(require_token(sessions.has_ended))]

router = APIRouter(prefix="/v1/resource", route_class=PageRoute, include_in_schema=False)


@router.post("/backup/usage")
async def read_backup_usage(caller: OlaresOwner, tx: Tx) -> Response:
    """Where uploads stop and what is used. What keys have reserved is no use of the device's that asks.

    It subtracts without a sign: `totalSize` is never less than `usageSize`.
    """
    now = datetime.now(UTC)
    account = await accounts.find(tx, caller.owner_id) or await accounts.lock(tx, caller.owner_id, now)
    found = (await quota.look(tx, account, now)).quota
    return answer(
        {
            "totalSize": found.limit_bytes,
            "usageSize": found.used_bytes,
            "canBackup": not found.is_exceeded,
            "planLevel": MEMBER,
        }
    )


@router.post("/traffic/usage")
async def read_traffic_usage(caller: OlaresOwner, tx: ReadTx) -> Response:
    """The traffic of the owner's instances in the months that are paid."""
    found = await usage.read_traffic(tx, caller.owner_id, datetime.now(UTC))
    return answer(
        {"totalSize": found.included_bytes, "usedSize": found.used_bytes, "overageSize": found.above_bytes},
    )


@router.options("/backup/usage")
@router.options("/traffic/usage")
async def allow_pages() -> Response:
    return Response(status_code=204, headers=PREFLIGHT)


ROUTERS = (router,)
