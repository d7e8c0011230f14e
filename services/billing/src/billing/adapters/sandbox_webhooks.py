"""The sandbox's webhooks: queued with what they tell of, sent later, signed as Standard Webhooks."""

import hmac
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from standardwebhooks import Webhook

from billing.adapters.sandbox_cards import TestCard
from billing.adapters.sandbox_models import SandboxCharge, SandboxWebhook
from billing.ports import Notice, WebhookRefused
from shared.db import Database

Post = Callable[[str, bytes, dict[str, str]], Awaitable[int]]
"""Sends a body with headers to a URL; returns the answer's status, or raises ``httpx.HTTPError`` or ``OSError``."""

TOLERANCE = timedelta(minutes=5)
LATENESS = timedelta(hours=1)
REVERSED_AFTER = timedelta(minutes=1)
"""How long a webhook that is to arrive after its successor waits for one."""
RETRY_AFTER = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3600, 4 * 3600, 12 * 3600))
"""After each failed delivery; then it is given up. Also how long one sender has a webhook to itself."""
AT_ONCE = 50


def queue(session: AsyncSession, charge: SandboxCharge, card: TestCard, kind: str, now: datetime) -> None:
    """What happened to a charge will be told, in the manner of its card."""
    event_id = f"msg_{uuid4().hex}"
    told = {"payment_id": str(charge.payment_id), "reference": charge.reference}
    body = json.dumps({"type": kind, "timestamp": now.isoformat(), "data": told}, separators=(",", ":"))
    delay = {"late": LATENESS, "reversed": REVERSED_AFTER}.get(card.webhooks, timedelta())
    for _ in range(2 if card.webhooks == "twice" else 1):
        session.add(
            SandboxWebhook(
                event_id=event_id,
                kind=kind,
                payment_id=charge.payment_id,
                body=body,
                created_at=now,
                due_at=now + delay,
            )
        )


async def overtake(session: AsyncSession, payment_id: UUID, now: datetime) -> None:
    """What waits to arrive in reverse goes now, newest first, since something newer was told."""
    waiting = await session.scalars(
        select(SandboxWebhook)
        .where(
            SandboxWebhook.payment_id == payment_id, SandboxWebhook.due_at.is_not(None), SandboxWebhook.attempts == 0
        )
        .order_by(SandboxWebhook.id.desc())
    )
    for place, webhook in enumerate(waiting):
        webhook.due_at = now + timedelta(milliseconds=place)


async def send_due(database: Database, signer: Webhook, url: str, post: Post, clock: Callable[[], datetime]) -> int:
    """Send what is due, in order; what is not taken with a 2xx is sent again later. Returns how many were tried."""
    for number in range(AT_ONCE):
        claimed = await _claim(database, clock())
        if claimed is None:
            return number
        if await _post(claimed, signer, url, post, clock()):
            async with database.transaction() as session:
                sent = update(SandboxWebhook).where(SandboxWebhook.id == claimed.id)
                await session.execute(sent.values(due_at=None, sent_at=clock()))
    return AT_ONCE


def read(signer: Webhook, body: bytes, headers: dict[str, str], now: datetime) -> Notice:
    """Verify a webhook and say what it is about. Raises WebhookRefused."""
    named = {name.lower(): value for name, value in headers.items()}
    try:
        event_id, written, signatures = (named[f"webhook-{part}"] for part in ("id", "timestamp", "signature"))
        sent_at = datetime.fromtimestamp(int(written), UTC)
        text = body.decode()
    except (KeyError, ValueError, OverflowError, OSError) as error:
        raise WebhookRefused("a header is missing or makes no sense") from error
    # The library's own check knows only the real time, and stumbles over malformed signatures.
    expected = signer.sign(event_id, sent_at, text).encode()
    if not any(hmac.compare_digest(expected, signature.encode()) for signature in signatures.split(" ")):
        raise WebhookRefused("the signature is not the sandbox's")
    if abs(now - sent_at) > TOLERANCE:
        raise WebhookRefused("it was not sent just now")
    return _notice(event_id, text, sent_at)


def _notice(event_id: str, text: str, sent_at: datetime) -> Notice:
    try:
        told = json.loads(text)
        payment_id = told["data"].get("payment_id")
        return Notice(event_id, str(told["type"]), UUID(payment_id) if payment_id else None, sent_at)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise WebhookRefused("its body makes no sense") from error


async def _claim(database: Database, now: datetime) -> SandboxWebhook | None:
    """The next due webhook, which is ours until its next attempt is due; None when nothing is."""
    async with database.transaction() as session:
        webhook = await session.scalar(
            select(SandboxWebhook)
            .where(SandboxWebhook.due_at <= now)
            .order_by(SandboxWebhook.due_at, SandboxWebhook.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        if webhook is not None:
            webhook.due_at = now + RETRY_AFTER[webhook.attempts] if webhook.attempts < len(RETRY_AFTER) else None
            webhook.attempts += 1
        return webhook


async def _post(webhook: SandboxWebhook, signer: Webhook, url: str, post: Post, now: datetime) -> bool:
    headers = {
        "content-type": "application/json",
        "webhook-id": webhook.event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": signer.sign(webhook.event_id, now, webhook.body),
    }
    try:
        return 200 <= await post(url, webhook.body.encode(), headers) < 300
    except (httpx.HTTPError, OSError):
        return False
