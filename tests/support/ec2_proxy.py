"""Stands before moto: keeps EC2's promises that moto does not keep, and goes wrong on demand.

moto 5.2 writes the namespace of answers without its last slash, and gives errors one. It takes a `ClientToken` and
makes a second machine for the same one, and does not know the filter by it. EC2 promises ("Ensuring idempotency in
Amazon EC2 API requests") that the same token with the same parameters is answered with the machine that was made,
whatever has become of it, and with other parameters by `IdempotentParameterMismatch`. Tests of that promise therefore
test the driver against the promise, not against EC2.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qsl, urlencode

import httpx
from aiohttp import web

from space_local import ports

Kind = Literal["drop", "refuse", "delay", "slow", "nonsense", "empty", "cut", "trickle", "error"]
Form = dict[str, str]
NAMESPACE = b' xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"'
ERROR = "<?xml version='1.0'?><Response><Errors><Error><Code>{}</Code><Message>{}</Message></Error></Errors></Response>"


@dataclass
class Fault:
    """What goes wrong with the next request for an action, once.

    ``drop``: forwarded, the answer lost. ``refuse``: closed, nothing forwarded. ``delay``: held, then forwarded.
    ``slow``: forwarded at once, the answer held. ``nonsense``: forwarded, a page of HTML answered. ``empty``:
    forwarded, nothing answered with 200. ``cut``: forwarded, half of the answer. ``trickle``: forwarded, the answer in
    ten pieces over that time. ``error``: nothing forwarded, one of EC2's errors answered.
    """

    kind: Kind
    action: str
    seconds: float = 0
    code: str = ""
    status: int = 400
    after: int = 0
    """How many requests for the action go well before."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    content_type: str = "text/xml"

    def response(self) -> web.Response:
        return web.Response(status=self.status, body=self.body, content_type=self.content_type)


@dataclass
class Made:
    """What was asked for under a token, and the machine that was made."""

    form: Form
    reference: str
    answer: Answer


@dataclass
class Ec2Proxy:
    client: httpx.AsyncClient
    """Of moto."""
    url: str
    faults: list[Fault] = field(default_factory=list)
    seen: list[Form] = field(default_factory=list)
    """Every request that came."""
    targets: list[str] = field(default_factory=list)
    """Their addresses."""
    hidden: set[str] = field(default_factory=set)
    """Machines that are not listed yet: tokens of theirs."""
    page: int | None = None
    """How many reservations EC2 lists at once, at most."""
    refuses_ended: bool = False
    """EC2 answers the token of an ended machine with its error for that, rather than with the machine."""
    _states: dict[str, str] = field(default_factory=dict)
    _made: dict[tuple[str, str], Made] = field(default_factory=dict)
    _making: asyncio.Lock = field(default_factory=asyncio.Lock)

    def reset(self) -> None:
        """As it was, but for the machines."""
        for kept in (self.faults, self.seen, self.targets, self.hidden, self._states):
            kept.clear()
        self.page, self.refuses_ended = None, False

    def will(self, kind: Kind, action: str, seconds: float = 0) -> None:
        self.faults.append(Fault(kind, action, seconds))

    def will_say(self, code: str, action: str, status: int = 400, after: int = 0) -> None:
        self.faults.append(Fault("error", action, code=code, status=status, after=after))

    def pretend(self, reference: str, state: str) -> None:
        """A machine is listed in a state that moto does not know."""
        self._states[reference] = state

    def asked(self, action: str) -> list[Form]:
        return [form for form in self.seen if form.get("Action") == action]

    async def send(self, region: str, action: str, **params: str) -> str:
        """To moto, past the driver: to arrange and to look."""
        answer = await self._forward({"Action": action, "Version": "2016-11-15", **params}, _scope(region))
        assert answer.status == 200, answer.body
        return answer.body.decode()

    async def make_foreign(self, region: str, installation: str = "", intent: str = "") -> str:
        """A machine that the driver has not made; its reference."""
        tags = {"space:installation": installation, "space:instance": intent}
        given = [(name, value) for name, value in tags.items() if value]
        named = {"TagSpecification.1.ResourceType": "instance"} if given else {}
        for number, (name, value) in enumerate(given, start=1):
            named |= {f"TagSpecification.1.Tag.{number}.Key": name, f"TagSpecification.1.Tag.{number}.Value": value}
        form = {"ImageId": "ami-1e749f67", "MinCount": "1", "MaxCount": "1", "InstanceType": "t3.small", **named}
        return _first("instanceId", await self.send(region, "RunInstances", **form))

    async def state(self, region: str, reference: str) -> str:
        """As moto has it."""
        return await self._state(reference, _scope(region), pretended=False)

    async def default_subnet(self, region: str) -> tuple[str, str]:
        """And the group of its VPC."""
        subnet = _first("subnetId", await self.send(region, "DescribeSubnets"))
        return subnet, _first("groupId", await self.send(region, "DescribeSecurityGroups"))

    async def handle(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        form = dict(parse_qsl(text or request.query_string, keep_blank_values=True))
        self.seen.append(form)
        self.targets.append(request.path_qs)
        fault = self._next_fault(form["Action"])
        if fault is None:
            return (await self._answer(form, request.headers["Authorization"])).response()
        if fault.kind == "refuse":
            return _cut(request)
        if fault.kind == "error":
            return Answer(fault.status, ERROR.format(fault.code, "Said on demand.").encode()).response()
        if fault.kind == "delay":
            await asyncio.sleep(fault.seconds)
        answer = await self._answer(form, request.headers["Authorization"])
        if fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        if fault.kind == "drop":
            return _cut(request)
        if fault.kind == "trickle":
            return await _trickle(request, answer, fault.seconds)
        return _spoilt(answer, fault.kind).response()

    async def _answer(self, form: Form, authorization: str) -> Answer:
        if form["Action"] == "RunInstances" and "ClientToken" in form:
            async with self._making:
                return await self._run(form, authorization)
        if form["Action"] == "DescribeInstances":
            return await self._describe(form, authorization)
        return await self._forward(form, authorization)

    async def _run(self, form: Form, authorization: str) -> Answer:
        key = (_region(authorization), form["ClientToken"])
        made = self._made.get(key)
        if made is None:
            answer = await self._forward(form, authorization)
            if answer.status == 200:
                self._made[key] = Made(form, _first("instanceId", answer.body.decode()), answer)
            return answer
        if form != made.form:
            return Answer(400, ERROR.format("IdempotentParameterMismatch", "Not the same request.").encode())
        state = await self._state(made.reference, authorization)
        if state == "terminated" and self.refuses_ended:
            return Answer(400, ERROR.format("IdempotentInstanceTerminated", "It was terminated.").encode())
        body = re.sub(rb"(<instanceState>.*?<name>)[a-z-]+", rb"\g<1>" + state.encode(), made.answer.body, flags=re.S)
        return Answer(200, body)

    async def _state(self, reference: str, authorization: str, *, pretended: bool = True) -> str:
        form = {"Action": "DescribeInstances", "Version": "2016-11-15", "InstanceId.1": reference}
        listed = (await self._forward(form, authorization)).body.decode()
        found = re.search(r"<instanceState>.*?<name>([a-z-]+)", listed, re.S)
        assert found, listed
        return self._states.get(reference, found[1]) if pretended else found[1]

    async def _describe(self, form: Form, authorization: str) -> Answer:
        region = _region(authorization)
        sent = dict(form)
        for name, value in form.items():
            if value == "instance-id" and "*" in form[name.replace("Name", "Value.1")]:
                # Where EC2 takes wildcards, moto takes letters.
                sent |= {name: "owner-id", name.replace("Name", "Value.1"): "123456789012"}
            if value == "client-token":
                made = self._made.get((region, form[name.replace("Name", "Value.1")]))
                sent[name] = "instance-id"
                sent[name.replace("Name", "Value.1")] = made.reference if made else "i-00000000000000000"
        if self.page is not None:
            sent["MaxResults"] = str(self.page)
        answer = await self._forward(sent, authorization)
        return Answer(answer.status, self._as_listed(answer.body.decode(), region).encode())

    def _as_listed(self, body: str, region: str) -> str:
        hidden = {
            made.reference for (there, token), made in self._made.items() if there == region and token in self.hidden
        }
        for item in re.findall(
            r"<item><reservationId>.*?</item>(?=<item><reservationId>|</reservationSet>)", body, re.S
        ):
            if any(reference in item for reference in hidden):
                body = body.replace(item, "")
        for reference, state in self._states.items():
            body = re.sub(
                rf"({reference}</instanceId>.*?<instanceState>.*?<name>)[a-z-]+", rf"\g<1>{state}", body, flags=re.S
            )
        return body

    async def _forward(self, form: Form, authorization: str) -> Answer:
        response = await self.client.post(
            "/",
            content=urlencode(form),
            headers={"Authorization": authorization, "Content-Type": "application/x-www-form-urlencoded"},
        )
        body = response.content.replace(b' xmlns="http://ec2.amazonaws.com/doc/2016-11-15"', NAMESPACE)
        return Answer(response.status_code, body.replace(b"<Response" + NAMESPACE, b"<Response"))

    def _next_fault(self, action: str) -> Fault | None:
        for fault in self.faults:
            if fault.action == action:
                if fault.after:
                    fault.after -= 1
                    return None
                self.faults.remove(fault)
                return fault
        return None


def _first(element: str, body: str) -> str:
    found = re.search(rf"<{element}>(.*?)</{element}>", body)
    assert found, body
    return found[1]


def _scope(region: str) -> str:
    return f"AWS4-HMAC-SHA256 Credential=AKIATESTS/20261123/{region}/ec2/aws4_request, SignedHeaders=host, Signature=0"


def _region(authorization: str) -> str:
    return authorization.split("/")[2]


def _spoilt(answer: Answer, kind: Kind) -> Answer:
    match kind:
        case "nonsense":
            return Answer(200, b"<html><body>Sign in to the network</body></html>", "text/html")
        case "empty":
            return Answer(200, b"")
        case "cut":
            return Answer(answer.status, answer.body[: len(answer.body) // 2])
        case _:
            return answer


async def _trickle(request: web.Request, answer: Answer, seconds: float) -> web.StreamResponse:
    headers = {"Content-Type": answer.content_type, "Content-Length": str(len(answer.body))}
    response = web.StreamResponse(status=answer.status, headers=headers)
    await response.prepare(request)
    size = len(answer.body) // 10 + 1
    for start in range(0, len(answer.body), size):
        await asyncio.sleep(seconds / 10)
        await response.write(answer.body[start : start + size])
    return response


def _cut(request: web.Request) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.close()
    return web.Response()


@asynccontextmanager
async def ec2_proxy(target: str) -> AsyncIterator[Ec2Proxy]:
    """The proxy at work on a private port, in this event loop."""
    port = ports.pick()
    # Without certificates to verify: loading them takes longer than a request, and there is no TLS here.
    async with httpx.AsyncClient(base_url=target, verify=False, timeout=60) as client:
        proxy = Ec2Proxy(client, f"http://127.0.0.1:{port}")
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", proxy.handle)
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            yield proxy
        finally:
            await runner.cleanup()
