"""API tokens of the signed-in owner."""

from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from identity import queries
from identity.dependencies import AccountReader, AccountWriter, Now, limit_per_owner, not_stored
from identity.operations import tokens
from identity.schemas import TokenCreate, TokenCreated, TokenRead
from shared.db import ReadTx, Tx
from shared.idempotency import OnceOnly
from shared.paging import Page, Paging, cached_json, page_of

router = APIRouter(prefix="/api/v1/tokens", tags=["tokens"])


@router.post(
    "",
    response_model=TokenCreated,
    status_code=201,
    dependencies=[Depends(limit_per_owner(lambda limits: limits.tokens))],
)
async def create_token(body: TokenCreate, caller: AccountWriter, once: OnceOnly, tx: Tx, now: Now) -> Response:
    """An API token for a program, shown this once. Scope `account:write`.

    Errors: `scope_not_grantable` (422), `scope_missing` (403: the caller lacks it too), `session_ended` (401).
    """

    async def answer() -> tuple[int, tokens.CreatedToken]:
        return 201, await tokens.create_token(
            tx,
            caller,
            name=body.name,
            scopes=body.scopes,
            lifetime=timedelta(days=body.expires_in_days),
            now=now,
        )

    return not_stored(await once(tx, answer, TokenCreated))


@router.get("", response_model=Page[TokenRead])
async def list_tokens(request: Request, caller: AccountReader, page: Paging, tx: ReadTx) -> Response:
    """The API tokens that were not revoked, newest first. Scope `account:read`."""
    rows = await queries.grants.list_tokens(tx, caller.owner_id, page)
    return cached_json(request, page_of(rows, page.limit, ("created_at", "token_id")))


@router.delete("/{token_id}", status_code=204)
async def revoke_token(token_id: UUID, caller: AccountWriter, tx: Tx, now: Now) -> None:
    """Revoke an API token. Scope `account:write`.

    It cannot be exchanged from now on; an access token of it goes on working for its remaining minutes, ten at most.
    """
    await tokens.revoke_token(tx, caller, token_id, now)
