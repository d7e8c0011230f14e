"""What passes through restore on its way to the agent lies nowhere when it is over, and never in a log or an event."""

import json
import logging
import os
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from sqlalchemy import text

from restore.domain.order import State
from restore.encoding import decode, encode
from tests.restore.cloud import Cloud
from tests.support.catalog_double import CREDENTIAL, CatalogDouble
from tests.support.order_double import CREDENTIAL as ORDER_CREDENTIAL

PASSWORD = "correct horse battery staple"


async def at_rest(cloud: Cloud) -> bytes:
    """All rows of all tables: bytes in their own form, as hexadecimal digits and in base64url."""
    found = b""
    async with cloud.restore.runtime.database.reading() as session:
        names = list(await session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")))
        assert {"restores", "cloud_restores", "timeline", "outbox", "idempotent_responses"} <= set(names)
        for name in names:
            for row in (await session.execute(text(f'SELECT * FROM "{name}"'))).all():
                for value in row:
                    forms = [value, value.hex().encode(), encode(value).encode()] if isinstance(value, bytes) else []
                    found += b"\n".join(forms or [str(value).encode()])
    return found


async def test_nothing_secret_is_left_of_a_restore(
    cloud: Cloud, catalog: CatalogDouble, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sent: list[str] = []
    owner = dict(cloud.headers)
    cloud.headers = owner | {"Idempotency-Key": str(uuid4())}
    restore_id = str((await cloud.ask()).json()["restore_id"])
    secrets = [cloud.headers["Idempotency-Key"], owner["Authorization"].split()[1], CREDENTIAL, ORDER_CREDENTIAL]
    cloud.headers = owner
    await cloud.confirm(restore_id)
    await cloud.hold(restore_id)
    agent = await cloud.boot(restore_id)
    secrets.append(agent.headers()["Authorization"].split()[1])
    for verdict in ("password_wrong", None, "restoring"):
        number = await agent.offer()
        sealed = encode(os.urandom(90))
        sent.append(sealed)
        assert (await cloud.send(restore_id, number, sealed)).status_code == 200
        assert decode(sealed) in await at_rest(cloud)
        assert sealed in (await agent.call("GET", f"rounds/{number}")).text
        keys = (await agent.call("POST", "keys", {})).json()
        secrets += [keys["secret_access_key"], keys["session_token"], keys["key_files"][0]["content"]]
        if verdict is None:
            await cloud.let_pass(restore_id, timedelta(minutes=5))
        else:
            assert (await agent.report(number, verdict)).status_code == 204
        assert decode(sealed) not in await at_rest(cloud)
    # Answers and requests that are refused are logged without what they hold.
    catalog.refusal = (200, json.dumps(keys | {"expires_at": "never"}).encode())
    assert (await agent.call("POST", "keys", {})).status_code == 503
    catalog.refusal = None
    for body in ({"round": 1, "sealed": sent[0]}, {"round": 1, "sealed": sent[0], "password": PASSWORD}):
        assert (await cloud._post(restore_id, "password", body)).status_code in (409, 422)
    await agent.report(3, "usable")
    await cloud.capture(restore_id)
    assert await cloud.state(restore_id) == "completed"
    rows = await at_rest(cloud)
    logged = caplog.text + json.dumps([record.__dict__ for record in caplog.records], default=str)
    for secret in [*secrets, *sent, PASSWORD]:
        assert secret.encode() not in rows
        assert secret not in logged
    assert "an answer is not what was agreed" in logged


async def test_what_is_refused_is_not_told_again(cloud: Cloud) -> None:
    """A password that somebody sends as it is, is not in the answer that refuses it."""
    restore_id, _ = await cloud.to(State.AWAITING_PASSWORD)
    for body in ({"round": 1, "sealed": PASSWORD}, {"round": 1, "sealed": encode(b"\x07" * 70), "password": PASSWORD}):
        refused = await cloud._post(restore_id, "password", body)
        assert refused.status_code == 422
        assert PASSWORD not in refused.text
    assert PASSWORD.encode() not in await at_rest(cloud)


async def test_what_the_owner_seals_only_the_agent_opens(cloud: Cloud) -> None:
    """The two ends of the way, with restore in between: what it keeps and passes on does not show the password."""
    suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    restore_id, agent = await cloud.to(State.INSTALLING)
    assert agent is not None
    private = X25519PrivateKey.generate()
    raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    number = await agent.offer(encode(raw))
    shown = (await cloud.read(restore_id))["cloud"]
    assert (UUID(shown["instance_id"]), shown["password"]["round"]) == (agent.instance_id, number)
    assert decode(shown["password"]["public_key"]) == raw
    info = b"space restore password v1\0" + f"{restore_id}/{shown['instance_id']}/{number}".encode()
    sealed = encode(suite.encrypt(PASSWORD.encode(), private.public_key(), info))
    assert (await cloud.send(restore_id, number, sealed)).status_code == 200
    assert PASSWORD.encode() not in await at_rest(cloud)
    fetched = (await agent.call("GET", f"rounds/{number}")).json()["sealed"]
    assert suite.decrypt(decode(fetched), private, info) == PASSWORD.encode()
