"""Both payment providers with what a test needs around them: cards, faults, and a look at what they really hold."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar
from uuid import UUID, uuid4

import stripe
from sqlalchemy import ColumnElement, delete, select
from standardwebhooks import Webhook

from billing.adapters.sandbox import Sandbox
from billing.adapters.sandbox_cards import BY_NAME
from billing.adapters.sandbox_models import SandboxCharge, SandboxMethod, SandboxRefund, SandboxWebhook
from billing.adapters.stripe import Stripe
from billing.models import Base
from billing.ports import Card, ChargeWanted, SavedMethod
from shared.db import Database
from tests.support.databases import Databases
from tests.support.idempotency_proxy import IdempotencyProxy, idempotency_proxy
from tests.support.localstripe import KEY, LocalStripe

Operation = Literal["authorise", "capture", "void", "refund"]
SANDBOX_SECRET = "whsec_c2FuZGJveCB3ZWJob29rIHNlY3JldCBmb3IgdGVzdHM="
STRIPE_SECRET = "whsec_stripe_secret_for_tests"
NUMBERS = {"pays": "4242424242424242", "declines": "4000000000000341", "refused": "4000000000000002"}
PATHS = {
    "authorise": "/v1/payment_intents",
    "capture": "/v1/payment_intents/[^/]+/capture",
    "void": "/v1/payment_intents/[^/]+/cancel",
    "refund": "/v1/refunds",
}
WEBHOOK_URL = "http://space.test/api/v1/payments/webhooks/sandbox"

TABLES = (SandboxMethod, SandboxCharge, SandboxRefund, SandboxWebhook)
Row = TypeVar("Row", bound=Base)


@dataclass
class Clock:
    """A clock that stands still until it is moved."""

    now: datetime = field(default_factory=lambda: datetime(2026, 11, 23, 10, 0, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def move(self, by: timedelta) -> None:
        self.now += by


def wanted(method: SavedMethod, owner_id: UUID, amount_minor: int = 2900) -> ChargeWanted:
    return ChargeWanted(
        uuid4(), owner_id, method.customer, method.token, amount_minor, "USD", "Instance small, one month"
    )


@dataclass
class SandboxWorld:
    provider: Sandbox
    clock: Clock
    database: Database
    """To look at the sandbox's tables past the sandbox."""

    async def save(self, kind: str, owner_id: UUID) -> SavedMethod:
        return await self.save_card({"pays": "visa"}.get(kind, kind), owner_id)

    async def save_card(self, name: str, owner_id: UUID) -> SavedMethod:
        cvc = "1234" if BY_NAME[name].brand == "amex" else "123"
        return await self.provider.save_method(owner_id, None, Card(BY_NAME[name].number, 12, 2040, cvc), None)

    async def lose_answer_of(self, operation: Operation, owner_id: UUID) -> SavedMethod:
        return await self.save_card(f"{operation}_answer_lost", owner_id)

    async def lose_request(self, owner_id: UUID) -> SavedMethod:
        return await self.save_card("authorise_lost", owner_id)

    async def charges(self, payment_id: UUID) -> int:
        return len(await self.rows(SandboxCharge, SandboxCharge.payment_id == payment_id))

    async def refunded_minor(self, payment_id: UUID) -> int:
        refunds = await self.rows(SandboxRefund, SandboxRefund.payment_id == payment_id)
        return sum(refund.amount_minor for refund in refunds)

    async def forget_everything(self) -> None:
        async with self.database.transaction() as session:
            for table in reversed(TABLES):
                await session.execute(delete(table))

    async def expire(self, reference: str) -> None:
        self.clock.move(timedelta(days=7))

    def sign(self, body: bytes, sent_at: datetime) -> dict[str, str]:
        return {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(sent_at.timestamp())),
            "webhook-signature": Webhook(SANDBOX_SECRET).sign("msg_1", sent_at, body.decode()),
        }

    def event(self, payment_id: UUID | None, kind: str) -> bytes:
        told = {"payment_id": str(payment_id)} if payment_id else {}
        return json.dumps({"type": kind, "timestamp": "2026-11-23T10:00:00+00:00", "data": told}).encode()

    async def rows(self, table: type[Row], *conditions: ColumnElement[bool]) -> Sequence[Row]:
        async with self.database.reading() as session:
            return (await session.scalars(select(table).where(*conditions))).all()


@dataclass
class StripeWorld:
    provider: Stripe
    server: LocalStripe
    proxy: IdempotencyProxy

    async def save(self, kind: str, owner_id: UUID) -> SavedMethod:
        return await self.save_number(NUMBERS[kind], owner_id)

    async def save_number(self, number: str, owner_id: UUID) -> SavedMethod:
        return await self.provider.save_method(owner_id, None, None, await self.server.make_card(number))

    async def lose_answer_of(self, operation: Operation, owner_id: UUID) -> SavedMethod:
        method = await self.save("pays", owner_id)
        self.proxy.will("drop", "POST", PATHS[operation])
        return method

    async def lose_request(self, owner_id: UUID) -> SavedMethod:
        method = await self.save("pays", owner_id)
        self.proxy.will("refuse", "POST", PATHS["authorise"])
        return method

    async def charges(self, payment_id: UUID) -> int:
        return len(await self.intents(payment_id))

    async def intents(self, payment_id: UUID) -> list[dict[str, Any]]:
        listed = await self.server.list_all("/v1/payment_intents")
        return [intent for intent in listed if intent["metadata"].get("payment_id") == str(payment_id)]

    async def refunded_minor(self, payment_id: UUID) -> int:
        listed = await self.server.list_all("/v1/refunds")
        return sum(refund["amount"] for refund in listed if refund["metadata"].get("payment_id") == str(payment_id))

    async def expire(self, reference: str) -> None:
        await self.server.post(f"/v1/payment_intents/{reference}/_expire")

    def sign(self, body: bytes, sent_at: datetime) -> dict[str, str]:
        signature = stripe.WebhookSignature.generate_signature_header(
            body.decode(), STRIPE_SECRET, int(sent_at.timestamp())
        )
        return {"Stripe-Signature": signature}

    def event(self, payment_id: UUID | None, kind: str) -> bytes:
        metadata = {"payment_id": str(payment_id)} if payment_id else {}
        told = {"id": "pi_1", "object": "payment_intent", "metadata": metadata}
        return json.dumps({"id": "msg_1", "object": "event", "type": kind, "data": {"object": told}}).encode()


@asynccontextmanager
async def sandbox_world(databases: Databases) -> AsyncIterator[SandboxWorld]:
    """The sandbox over a fresh database that has its tables and no others."""
    url = await databases.create()
    asynchronous = url.replace("postgresql://", "postgresql+asyncpg://", 1)
    database = Database(asynchronous, service="tests", pool_size=2)
    async with database.engine.begin() as connection:
        for table in TABLES:
            await connection.run_sync(Base.metadata.tables[table.__tablename__].create)
    clock = Clock()
    async with aclosing(Sandbox(asynchronous, SANDBOX_SECRET, WEBHOOK_URL, clock)) as sandbox:
        yield SandboxWorld(sandbox, clock, database)
    await database.close()
    await databases.drop(url)


@asynccontextmanager
async def stripe_world(home: Path) -> AsyncIterator[StripeWorld]:
    async with LocalStripe(home) as server, idempotency_proxy(server.url) as proxy:
        adapter = Stripe(KEY, STRIPE_SECRET, api_base=proxy.url, deadline_seconds=5)
        async with aclosing(adapter):
            yield StripeWorld(adapter, server, proxy)


World = SandboxWorld | StripeWorld
