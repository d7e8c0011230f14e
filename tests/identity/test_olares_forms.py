"""Whatever is sent to the dialect's paths, the answer is the envelope, and never a failure of ours."""

import json
import re
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.identity.olares import Olares, envelope, milliseconds, new_secret, sign
from tests.identity.support import Space

PATHS = ("/login", "/activeLogin", "/refresh")
BODIES: list[bytes] = [
    b"",
    b"&",
    b"=",
    b"===&&&",
    b"%",
    b"%zz=%zz",
    b"\x00",
    b"secret=\x00",
    b"jws=%00",
    b"token=%00&userid=%00",
    b"\xff\xfe\xfd",
    b"jws=\xff\xfe&secret=\xff&token=\xff&userid=\xff",
    b"jws=%ff%fe&secret=%ff&token=%ff&userid=%ff",
    b"jws=&secret=&token=&userid=",
    b"jws=a.b.c&secret=a.b.c&token=a.b.c&userid=did:key:z",
    b"jws=..&token=..",
    b"jws=W10.W10.W10&token=W10.W10.W10&userid=x",
    b"jws=e30.e30.e30&token=e30.e30.e30&userid=x",
    b"jws=MTIz.MTIz.MTIz&token=MTIz.MTIz.MTIz&userid=x",
    b"token=eyJraWQiOlsxXX0.e30.e30&userid=x",
    b"token=eyJhbGciOiJub25lIn0.e30.&userid=x",
    "jws=é.ü.ß&secret=é&token=é&userid=é".encode(),
    b"jws=" + b"a" * 100_000 + b"&secret=" + b"a" * 10_000 + b"&token=" + b"a" * 100_000 + b"&userid=x",
    b"jws=" + b"[" * 5000 + b"&token=" + b"[" * 5000,
    b"&".join(b"field%d=1" % number for number in range(200)),
    b"secret=" + b"0" * 33,
    b"secret=" + b"A" * 32,
    b"secret=%0A" + b"0" * 32,
    b"secret=" + b"0" * 31 + b" ",
    b"secret=0123&secret=4567",
    b"{",
    b"{}",
    b"[]",
    b"null",
    b"{" * 10_000,
    b'{"jws": null, "secret": null, "token": null, "userid": null}',
    b'{"jws": 1, "secret": 1e400, "token": true, "userid": -0.0}',
    b'{"jws": {"jws": "x"}, "secret": {}, "token": [], "userid": [[]]}',
    b'{"jws": "\\ud800", "secret": "\\ud800", "token": "\\ud800", "userid": "\\ud800"}',
    b'{"jws": "\\u0000", "secret": "\\u0000", "token": "\\u0000", "userid": "\\u0000"}',
    b'{"body": {"did": {"did": 1}}, "jws": "a.b.c", "secret": "x", "token": "x"}',
    b'{"token": "' + b"a" * 50_000 + b'", "userid": "x"}',
    b"secret=1&message=%&=+;",
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:24]))
async def test_a_broken_form_is_refused_in_the_envelope(space: Space, body: bytes) -> None:
    for path in PATHS:
        told = await Olares(space).send_raw(path, body)
        assert 400 <= told["code"] <= 506, (path, told)
        assert told["code"] not in (500, 503), (path, told)
        assert len(told["message"]) < 500


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", [None, b"", b"text/plain", b"application/json", b"multipart/form-data", b"\xff"])
async def test_what_the_body_is_said_to_be_does_not_matter(space: Space, path: str, kind: bytes | None) -> None:
    headers = {} if kind is None else {b"Content-Type": kind}
    answer = await space.client().post(f"/v2/user{path}", content=b"secret=1", headers=headers)
    assert envelope(answer)["code"] in (422, 506)


@pytest.mark.parametrize("claim", ["did", "secret", "time", "exp", "iss"])
@pytest.mark.parametrize("value", [None, True, -1, 10**400, 1e308, "", "x" * 500, [], {}, [[[[]]]], "\0", "\ud800"])
async def test_a_signed_oddity_is_refused_in_the_envelope(space: Space, claim: str, value: Any) -> None:
    alice = await space.register("alice@olares.com")
    told = await Olares(space).log_in(alice.person, new_secret(), **{claim: value})
    good = (claim == "exp" and value in (10**400, 1e308)) or (claim in ("did", "iss") and value is None)
    good = good or (claim == "did" and value == "")
    assert told["code"] == (0 if good else 403)


async def test_a_refusal_says_no_secret(space: Space) -> None:
    alice, olares, secret = await space.register("alice@olares.com"), Olares(space), new_secret()
    held = await olares.connect(alice.person)
    text = sign(alice.person, secret, at=space.clock.now())
    forged = text[:-4] + "AAAA"
    for path, fields in (
        ("/login", {"jws": forged, "secret": secret}),
        ("/login", {"jws": text, "secret": "f" * 32}),
        ("/activeLogin", {"secret": secret + "0", "jws": text}),
        ("/refresh", {"userid": "x", "token": held["token"]}),
        ("/refresh", {"userid": held["userid"], "token": held["token"][:-4] + "AAAA"}),
    ):
        told = await olares.send(path, fields)
        assert told["code"] not in (0, 200)
        for word in (secret, "f" * 32, held["token"], forged[-20:], text[-20:]):
            assert word not in json.dumps(told), path


@pytest.mark.parametrize("place", ["did", "secret", "time", "body[did]", "body[secret]", "body[time]"])
async def test_what_is_stated_must_agree_with_what_is_signed(space: Space, place: str) -> None:
    alice, secret, now = await space.register("alice@olares.com"), new_secret(), space.clock.now()
    name = re.sub(r"body\[(.*)\]", r"\1", place)
    signed = {"did": alice.person.did, "secret": secret, "time": str(milliseconds(now))}
    jws = sign(alice.person, secret, at=now)
    other = {"did": "did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK", "secret": "f" * 32, "time": "1"}[name]
    assert (await Olares(space).send("/login", {"jws": jws, quote(place): other}))["code"] == 403
    assert (await Olares(space).send("/login", {"jws": jws, place: signed[name]}))["code"] == 0


async def test_only_post_is_there(space: Space) -> None:
    client: httpx.AsyncClient = space.client()
    for path in PATHS:
        for method in ("GET", "PUT", "DELETE"):
            assert (await client.request(method, f"/v2/user{path}")).status_code == 405
