"""Links to the pages that instances show themselves: made for owners, redeemed by agents."""

from datetime import UTC, datetime
from uuid import UUID

from fastapi import APIRouter, Response

from provisioning.api.agents import Agent
from provisioning.api.instances import Writer
from provisioning.operations import links
from provisioning.operations.links import Link
from provisioning.schemas.links import LinkRead, LinkRedeem
from shared.db import Tx

router = APIRouter(prefix="/api/v1/instances/{instance_id}/links")


@router.post("", status_code=201, response_model=LinkRead, tags=["instances"])
async def make_link(instance_id: UUID, caller: Writer, tx: Tx, response: Response) -> Link:
    """A one-time link to the page where the instance shows what was restored; it works for a minute.

    For its owner, with the scope `instances:write`: whoever uses the link reads the restored files, which
    `instances:read` does not. 409 `page_unavailable` while the instance shows no page, or where it never does.
    """
    response.headers["Cache-Control"] = "no-store"
    return await links.make(tx, caller.owner_id, instance_id, datetime.now(UTC))


@router.post("/redeem", status_code=204, tags=["agents"])
async def redeem_link(agent: Agent, body: LinkRedeem, tx: Tx) -> None:
    """Use up a link that somebody has shown to the instance's page.

    For its agent, with a token that it signs. 410 `link_over` for one that was used, is too old, or is not this
    instance's; `instance_over` means: stop for good.
    """
    await links.redeem(tx, agent, body.link.get_secret_value(), datetime.now(UTC))
