"""The form of the Olares dialect: what is read out of any body, how failures are told, and whose token is taken."""

import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Annotated
from uuid import UUID, uuid4

import pytest
from fastapi import APIRouter, Depends
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncSession

from shared.auth import Caller, Scope, require
from shared.errors import Kind, RequestInvalid, ServiceError
from shared.olares import MAX_FIELDS, TOKEN_TYPE, Fields, OlaresRoute, answer, parse, read_fields, require_token
from shared.service import Service
from tests.shared.probe import Settings, make_service
from tests.support.running import Running, running
from tests.support.tokens import Owner, TokenIssuer

ENDED: set[UUID] = set()
PLAIN = st.text(st.characters(exclude_characters="&%=\0\r\n", codec="utf-8"), max_size=20)
BODIES = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=300).map(lambda text: text.encode("utf-8", "replace")),
    st.lists(st.sampled_from(["a", "=", "&", "%", "+", "%2", "%41", "[", "]", "message", "\0", "{", '"', ";"])).map(
        lambda parts: "".join(parts).encode()
    ),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=10,
    ).map(lambda found: json.dumps(found).encode()),
)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"", {}),
        (b"clusterId=Qy8+fg==", {"clusterId": "Qy8+fg=="}),
        (b"sk=a%2F%2Bb&st=c%3D%3D", {"sk": "a/+b", "st": "c=="}),
        (b"a=100%&b=%zz&c=%4&d=%41%", {"a": "100%", "b": "%zz", "c": "%4", "d": "A%"}),
        (b"a=x y;z=1", {"a": "x y;z=1"}),
        (b"a=first&a=second", {"a": "first"}),
        (b"a&=b&&c=", {"a": "", "c": ""}),
        (b"token=abc\r\n", {"token": "abc"}),
        (b"body%5Bdid%5D=did%3Akey%3Az&body[time]=1", {"body[did]": "did:key:z", "body[time]": "1"}),
        (b'a=1&message={"x":"&b=2 100% +"}\n', {"a": "1", "message": '{"x":"&b=2 100% +"}\n'}),
        (b"a=1&message=one&message=two", {"a": "1", "message": "one&message=two"}),
        (b"a=\xff\xfe", {"a": "\ufffd\ufffd"}),
        (b"a=%FF", {"a": "\ufffd"}),
        ("a=\u00e9\U0001f642".encode(), {"a": "\u00e9\U0001f642"}),
        (b'{"a":"x","b":7,"c":true,"d":null,"e":[1],"f":1.5}', {"a": "x", "b": "7", "c": "true", "f": "1.5"}),
        (b'  {"body":{"did":"d","time":1,"deep":{"er":1}}}', {"body[did]": "d", "body[time]": "1"}),
        (b'{"a":"\\ud83d\\ude42 \\ud800"}', {"a": "\U0001f642 ?"}),
        (b'{"\\ud800":"a"}', {"?": "a"}),
    ],
)
def test_a_body_is_read_as_its_writer_meant_it(body: bytes, fields: dict[str, str]) -> None:
    assert read_fields(body) == fields


@pytest.mark.parametrize(
    "body",
    [
        b"a=%00",
        b"a=\0",
        b"a=1&message=\0",
        b'{"a":"\\u0000"}',
        b"{",
        b'{"a":',
        b'{"a":1}x',
        b'{"a":' + b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a":' + b"9" * 100_000 + b"}",
        "&".join(f"f{number}=1" for number in range(10_000)).encode(),
        b"&".join([b"a=1"] * 10_000),
        json.dumps({str(number): "1" for number in range(10_000)}).encode(),
        json.dumps({"body": {str(number): "1" for number in range(10_000)}}).encode(),
    ],
    ids=lambda body: repr(body[:20]),
)
def test_what_nobody_can_mean_is_refused(body: bytes) -> None:
    with pytest.raises(RequestInvalid):
        read_fields(body)


def test_as_many_fields_as_may_be_are_read_to_the_last() -> None:
    many = {f"f{number}": str(number) for number in range(MAX_FIELDS)}
    assert read_fields("&".join(f"{name}={value}" for name, value in many.items()).encode()) == many
    assert read_fields(json.dumps(many).encode()) == many


@given(BODIES)
def test_any_body_is_read_or_refused(body: bytes) -> None:
    try:
        fields = read_fields(body)
    except RequestInvalid:
        return
    assert len(fields) <= MAX_FIELDS
    for text in (*fields, *fields.values()):
        text.encode()
    assert not any("\0" in value for value in fields.values())


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True).filter(lambda name: name != "message"), PLAIN))
def test_values_without_escapes_arrive_as_they_were_sent(sent: dict[str, str]) -> None:
    body = "&".join(f"{name}={value}" for name, value in sent.items())
    assert read_fields(f"first=1&{body}".encode()) == {"first": "1", **sent}


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8")))
def test_a_message_is_whatever_stands_behind_it(message: str) -> None:
    assert read_fields(f"a=1&message={message}".encode()) == {"a": "1", "message": message}


class Report(BaseModel):
    name: str = Field(alias="backupName", min_length=1)
    size: int = 0
    at: float = 0


def test_fields_nobody_knows_are_left_alone() -> None:
    assert parse(Report, {"backupName": "photos", "size": "7", "new": "x"}).size == 7


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({}, "backupName"),
        ({"backupName": "", "size": "secret"}, "backupName, size"),
        ({"backupName": "a", "size": "9" * 10_000}, "size"),
        ({"backupName": "a", "at": "secret"}, "at"),
    ],
)
def test_a_refusal_names_what_is_wrong_and_not_what_it_holds(fields: dict[str, str], named: str) -> None:
    with pytest.raises(RequestInvalid) as refused:
        parse(Report, fields)
    assert refused.value.detail == f"This request is not valid at: {named}."


@given(st.dictionaries(st.sampled_from(["backupName", "size", "at"]), st.text()))
def test_any_fields_are_taken_or_refused(fields: dict[str, str]) -> None:
    try:
        parse(Report, fields)
    except RequestInvalid as refused:
        refused.detail.encode()


class Full(ServiceError):
    code = "full"
    kind = Kind.CONFLICT


async def _has_ended(_: AsyncSession, session_id: UUID) -> bool:
    return session_id in ENDED


router = APIRouter(route_class=OlaresRoute)
native = APIRouter()


@router.post("/who")
async def who(caller: Annotated[Caller, Depends(require_token(_has_ended))]) -> object:
    return answer({"userid": caller.did})


@native.get("/native")
async def native_read(caller: Annotated[Caller, Depends(require(Scope.BACKUPS_READ))]) -> str:
    return caller.did


@router.post("/report")
async def report(fields: Fields) -> object:
    if parse(Report, fields).name == "full":
        raise Full("There is no room.")
    return answer(None)


@pytest.fixture
def service() -> Service:
    """The probe, with paths of both kinds."""
    made = make_service()
    return replace(made, routers=(*made.routers, router, native))


@pytest.fixture
async def probe(service: Service, settings: Settings) -> AsyncIterator[Running]:
    async with running(service, settings) as found:
        yield found


@pytest.fixture(autouse=True)
def none_ended() -> Iterator[None]:
    yield
    ENDED.clear()


async def ask(probe: Running, path: str, body: str | bytes) -> tuple[int, object]:
    """The envelope's code and data; the HTTP status is 200 whatever was asked."""
    found = await probe.api.post(path, content=body)
    assert found.status_code == 200, found.text
    assert found.headers["content-type"] == "application/json"
    assert found.headers["cache-control"] == "no-store"
    envelope = found.json()
    assert envelope.keys() == {"code", "message", "data"}
    assert envelope["message"]
    return envelope["code"], envelope["data"]


async def test_the_owner_is_known_by_the_token_in_the_body(probe: Running, issuer: TokenIssuer) -> None:
    owner = Owner()
    token = issuer.token(owner, "olares", typ=TOKEN_TYPE)
    done = (200, {"userid": owner.did})
    assert await ask(probe, "/who", f"userid={owner.did}&token={token}") == done
    assert await ask(probe, "/who", json.dumps({"userid": owner.did, "token": token})) == done
    assert await ask(probe, "/who", f"token={token}&userid={owner.did}&more=1\n") == done


async def test_any_other_token_sends_the_owner_to_connect_again(probe: Running, issuer: TokenIssuer) -> None:
    owner, session_id = Owner(), uuid4()
    ENDED.add(session_id)
    token = issuer.token(owner, "olares", typ=TOKEN_TYPE)
    deep = "W1tb" * 40_000
    for did, sent in (
        (owner.did, ""),
        (owner.did, "nonsense"),
        (owner.did, "...."),
        (owner.did, f"{deep}.e30.x"),
        (owner.did, f"{token[:-4]}AAAA"),
        (owner.did, issuer.token(owner)),
        (owner.did, issuer.token(owner, "olares", typ=TOKEN_TYPE, exp=int(time.time()) - 60)),
        (owner.did, issuer.token(owner, "olares", typ=TOKEN_TYPE, sid=str(session_id))),
        (owner.did, issuer.token(Owner(), "olares", typ=TOKEN_TYPE)),
        (Owner().did, token),
        ("", token),
    ):
        assert await ask(probe, "/who", f"userid={did}&token={sent}") == (506, None), sent[:200]
    assert await ask(probe, "/who", f"token={token}") == (506, None)
    assert await ask(probe, "/who", b"") == (506, None)


async def test_a_token_of_devices_opens_nothing_of_the_native_api(probe: Running, issuer: TokenIssuer) -> None:
    """Nor does it speak for its owner in a header."""
    owner = Owner()
    token = issuer.token(owner, "olares", typ=TOKEN_TYPE)
    headers = {"Authorization": f"Bearer {token}"}
    assert (await probe.api.get("/native", headers=headers)).status_code == 401
    assert (await probe.api.get("/native", headers=issuer.headers(owner))).status_code == 200
    found = await probe.api.post("/who", content=f"userid={owner.did}", headers=headers)
    assert found.json()["code"] == 506


async def test_failures_are_told_in_the_envelope_without_data(probe: Running) -> None:
    assert await ask(probe, "/report", "backupName=photos") == (200, None)
    assert await ask(probe, "/report", "backupName=full") == (409, None)
    assert await ask(probe, "/report", "size=x") == (422, None)
    assert await ask(probe, "/report", b'{"a":' * 5000) == (422, None)
