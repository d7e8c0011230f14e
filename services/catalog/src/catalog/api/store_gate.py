"""What the store gate and the store ask for every request and every key; only where the vault is the issuer."""

from typing import Any
from xml.sax.saxutils import escape

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from catalog.domain.gate import Refused
from catalog.errors import StorageKeyNotFound, StoreUnavailable
from catalog.operations.store_gate import StoreGate, describe_store_key
from catalog.schemas import StoreKeyQuestion
from shared.auth import require_internal
from shared.db import UNANSWERED, Transactions, is_unavailable
from shared.http import RuntimeOf

router = APIRouter(prefix="/internal/store")

BUSY = (503, "SlowDown", "Please reduce your request rate.")

_may_ask = require_internal("gate")


async def admit(request: Request) -> Response:
    """200 lets the request through; anything else is S3's refusal, which the gate passes on as it is."""
    # Starlette does not say which of its routes it took; the request is to be counted under this one.
    request.scope["route"] = _route
    _may_ask(request)
    gate = _gate(request.app.state)
    headers = request.headers
    try:
        await gate.admit(
            method=headers.get("x-forwarded-method", ""),
            uri=headers.get("x-forwarded-uri", ""),
            authorization=headers.get("x-store-authorization", ""),
            session_token=",".join(headers.getlist("x-amz-security-token")),
            copies="x-amz-copy-source" in headers,
            length=_length(headers.get("x-store-content-length", "")),
        )
    except Refused as refused:
        return _refuse(refused)
    except StoreUnavailable:
        return _refuse(Refused(*BUSY))
    except UNANSWERED as error:
        if not is_unavailable(error):
            raise
        return _refuse(Refused(*BUSY))
    return Response(status_code=200)


# Starlette routes do not take the prefix of a router.
router.add_route("/internal/store/gate", admit, methods=["GET"])
_route = router.routes[-1]


@router.post("/keys", dependencies=[Depends(require_internal("vault"))])
async def describe_key(question: StoreKeyQuestion, transactions: Transactions, runtime: RuntimeOf) -> dict[str, str]:
    """A key's secret and its owner's root, for rclone."""
    if runtime.adapters.vault is None:
        raise StorageKeyNotFound("Keys are not made by a vault here.")
    return await describe_store_key(transactions, runtime.adapters.vault, question.access_key_id)


def _gate(state: Any) -> StoreGate:
    """The gate of this process, made at the first request: it remembers keys for a few seconds."""
    if getattr(state, "store_gate", None) is None:
        runtime = state.runtime
        state.store_gate = StoreGate(
            runtime.database, runtime.adapters.vault, runtime.adapters.store, runtime.settings.measure_writing_every
        )
    gate: StoreGate = state.store_gate
    return gate


def _length(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


def _refuse(refused: Refused) -> Response:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{refused.code}</Code><Message>{escape(refused.message)}</Message></Error>"
    )
    headers = {"Retry-After": "2"} if refused.status == 503 else {}
    return Response(body, status_code=refused.status, media_type="application/xml", headers=headers)
