"""Webhooks: genuine ones are kept once and asked about; what they say is never believed."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY
from sqlalchemy import func, select, update
from standardwebhooks import Webhook

from billing.adapters.sandbox_cards import BY_NAME
from billing.adapters.sandbox_models import SandboxCharge, SandboxWebhook
from billing.domain.payments import PaymentState
from billing.models import Payment, WebhookEvent
from billing.operations import payments
from billing.ports import Standing
from tests.billing.support.serving import SECRET, add_card, serving, top_up
from tests.support.databases import Databases
from tests.support.running import Running
from tests.support.tokens import Owner, TokenIssuer

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATH = "/api/v1/payments/webhooks/sandbox"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def billing(databases: Databases, issuer: TokenIssuer) -> AsyncIterator[Running]:
    async with serving(databases, issuer) as billing:
        yield billing


@pytest.fixture
def owner() -> Owner:
    return Owner()


def webhook(
    payment_id: UUID | None, kind: str = "payment.captured", sent_at: datetime | None = None, secret: str = SECRET
) -> dict[str, Any]:
    """A signed webhook, as arguments of a request."""
    told = {"payment_id": str(payment_id)} if payment_id else {}
    body = json.dumps({"type": kind, "timestamp": "2026-11-23T12:00:00Z", "data": told})
    event_id, sent_at = f"msg_{uuid4().hex}", sent_at or datetime.now(UTC)
    headers = {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, sent_at, body),
    }
    return {"content": body, "headers": headers}


async def paid(billing: Running, issuer: TokenIssuer, owner: Owner, name: str = "visa") -> UUID:
    await add_card(billing, issuer, owner, BY_NAME[name].number)
    return UUID((await top_up(billing, issuer, owner)).json()["payment_id"])


async def row_of(billing: Running, payment_id: UUID) -> Payment:
    async with billing.runtime.database.reading() as session:
        found: Payment = await session.get_one(Payment, payment_id)
    return found


async def kept(billing: Running) -> int:
    async with billing.runtime.database.reading() as session:
        return await session.scalar(select(func.count()).select_from(WebhookEvent)) or 0


def refused() -> float:
    return REGISTRY.get_sample_value("space_billing_webhooks_refused_total", {"provider": "sandbox"}) or 0


async def test_a_genuine_webhook_has_its_payment_asked_about(
    billing: Running, issuer: TokenIssuer, owner: Owner
) -> None:
    payment_id = await paid(billing, issuer, owner, "unreachable")
    async with billing.runtime.database.transaction() as session:
        later = datetime.now(UTC) + timedelta(hours=1)
        await session.execute(update(Payment).where(Payment.id == payment_id).values(ask_due_at=later))
    answer = await billing.api.post(PATH, **webhook(payment_id))
    assert (answer.status_code, answer.json()) == (200, {"new": True})
    due_at = (await row_of(billing, payment_id)).ask_due_at
    assert due_at is not None
    assert due_at <= datetime.now(UTC)


async def test_what_a_webhook_says_is_not_believed(billing: Running, issuer: TokenIssuer, owner: Owner) -> None:
    """A capture is told that never was: the provider itself is asked, and says that it knows of nothing."""
    payment_id = await paid(billing, issuer, owner, "unreachable")
    await billing.api.post(PATH, **webhook(payment_id, "payment.captured"))
    await payments.work(billing.runtime.database, billing.runtime.adapters, datetime.now(UTC), payment_id)
    payment = await row_of(billing, payment_id)
    assert (payment.state, payment.captured_minor) == (PaymentState.AUTHORISING, 0)


async def test_a_webhook_that_comes_again_is_kept_once_and_asks_nothing(
    billing: Running, issuer: TokenIssuer, owner: Owner
) -> None:
    payment_id = await paid(billing, issuer, owner)
    again = webhook(payment_id)
    assert (await billing.api.post(PATH, **again)).json() == {"new": True}
    await payments.work(billing.runtime.database, billing.runtime.adapters, datetime.now(UTC), payment_id)
    before = await kept(billing)
    assert (await billing.api.post(PATH, **again)).json() == {"new": False}
    assert await kept(billing) == before
    assert (await row_of(billing, payment_id)).ask_due_at is None


@pytest.mark.parametrize("about", [None, uuid4()])
async def test_an_unknown_kind_and_an_unknown_payment_are_kept(billing: Running, about: UUID | None) -> None:
    before = await kept(billing)
    answer = await billing.api.post(PATH, **webhook(about, "moon.waned"))
    assert (answer.status_code, await kept(billing)) == (200, before + 1)


def forged(about: UUID, how: str) -> dict[str, Any]:
    genuine = webhook(about)
    headers = genuine["headers"]
    match how:
        case "another secret":
            return webhook(about, secret="whsec_YW5vdGhlciBzZWNyZXQgYWx0b2dldGhlcg==")
        case "old":
            return webhook(about, sent_at=datetime.now(UTC) - timedelta(minutes=6))
        case "of tomorrow":
            return webhook(about, sent_at=datetime.now(UTC) + timedelta(days=1))
        case "another body":
            return {**genuine, "content": genuine["content"].replace("captured", "voided")}
        case "another time":
            return {**genuine, "headers": {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}}
        case "no signature":
            return {**genuine, "headers": {name: headers[name] for name in headers if name != "webhook-signature"}}
        case "no time":
            return {**genuine, "headers": {**headers, "webhook-timestamp": "soon"}}
        case _:
            return {"content": "", "headers": {}}


@pytest.mark.parametrize(
    "how",
    ["another secret", "old", "of tomorrow", "another body", "another time", "no signature", "no time", "nothing"],
)
async def test_a_webhook_that_is_not_the_providers_is_refused_and_counted(
    billing: Running, issuer: TokenIssuer, owner: Owner, how: str
) -> None:
    payment_id = await paid(billing, issuer, owner)
    rows, count = await kept(billing), refused()
    answer = await billing.api.post(PATH, **forged(payment_id, how))
    assert (answer.status_code, answer.json()["code"]) == (401, "webhook_not_genuine")
    assert (await kept(billing), refused()) == (rows, count + 1)
    assert (await row_of(billing, payment_id)).ask_due_at is None


async def test_a_provider_that_is_not_in_use_has_no_webhooks(billing: Running) -> None:
    answer = await billing.api.post(PATH.replace("sandbox", "stripe"), **webhook(None))
    assert answer.status_code == 404


@pytest.mark.parametrize("name", ["webhooks_twice", "webhooks_reversed", "webhooks_late"])
async def test_webhooks_that_repeat_reorder_or_come_late_change_nothing(
    billing: Running, issuer: TokenIssuer, owner: Owner, name: str
) -> None:
    payment_id = await paid(billing, issuer, owner, name)
    adapter = billing.runtime.adapters.sandbox

    async def post(url: str, body: bytes, headers: dict[str, str]) -> int:
        assert url.endswith(PATH)
        return (await billing.api.post(PATH, content=body, headers=headers)).status_code

    before = await kept(billing)
    async with billing.runtime.database.transaction() as session:
        due = update(SandboxWebhook).where(SandboxWebhook.payment_id == payment_id, SandboxWebhook.due_at.is_not(None))
        await session.execute(due.values(due_at=datetime.now(UTC)))
    while await adapter.deliver_webhooks(post):
        await payments.work(billing.runtime.database, billing.runtime.adapters, datetime.now(UTC), payment_id)
    assert await kept(billing) >= before + 2
    payment = await row_of(billing, payment_id)
    assert (payment.state, payment.captured_minor) == (PaymentState.CAPTURED, 1500)


async def test_a_hold_that_came_true_after_all_is_let_go(billing: Running, issuer: TokenIssuer, owner: Owner) -> None:
    """Given up as never heard of; then the provider tells of it."""
    payment_id = await paid(billing, issuer, owner)
    async with billing.runtime.database.transaction() as session:
        gone = {"state": PaymentState.FAILED, "captured_minor": 0, "code": "unanswered", "reference": None}
        await session.execute(update(Payment).where(Payment.id == payment_id).values(gone))
        held = {"standing": Standing.AUTHORISED, "captured_minor": 0}
        held |= {"hold_until": datetime.now(UTC) + timedelta(days=7)}
        await session.execute(update(SandboxCharge).where(SandboxCharge.payment_id == payment_id).values(held))
    await billing.api.post(PATH, **webhook(payment_id, "payment.authorised"))
    await payments.work(billing.runtime.database, billing.runtime.adapters, datetime.now(UTC), payment_id)
    payment = await row_of(billing, payment_id)
    assert (payment.state, payment.code, payment.ask_due_at) == (PaymentState.FAILED, "unanswered", None)
    async with billing.runtime.database.reading() as session:
        assert (await session.get_one(SandboxCharge, payment_id)).standing == Standing.VOIDED
