"""What stands between the socket and the API: the record of requests, the key, the rate limit, the faults."""

from __future__ import annotations

import asyncio
import json
import math
import socket
import struct
import time
import uuid
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from uvicorn.protocols.http.h11_impl import H11Protocol

from airflow_provider_periskope.sandbox import errors
from airflow_provider_periskope.sandbox.errors import Answer
from airflow_provider_periskope.sandbox.faults import Fault, too_many
from airflow_provider_periskope.sandbox.whatsapp import ORG_ID, WhatsApp, now

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PREFIX = "/v1"
BODY_LIMIT = 24 * 2**20  # base64 of 16 MiB, the largest picture or video of WhatsApp, and some room
KEPT_REQUESTS = 10_000


class Connection(H11Protocol):
    """A connection whose transport the application can reach: ASGI alone has no way to drop one."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Hand the transport to each request as `scope["state"]["transport"]`."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


@dataclass
class Call:
    """A request as it came in.

    :param path: decoded, without `/v1`.
    :param target: path and query exactly as sent.
    :param phone: the header `x-phone` as sent.
    :param headers: all of them, names in any case.
    :param body: the parsed JSON, None when there is none.
    :param status: what was answered, None when nothing was (or not yet: see `ended_at`).
    :param fault: the name of the fault it met.
    """

    time: datetime
    method: str
    path: str
    target: str
    phone: str | None
    headers: Headers
    body: Any
    status: int | None = None
    fault: str | None = None
    ended_at: datetime | None = None

    @property
    def group_name(self) -> str | None:
        """The name of the group that it creates."""
        if (self.method, self.path) != ("POST", "/chats/create") or not isinstance(self.body, dict):
            return None
        name = self.body.get("group_name")
        return name if isinstance(name, str) else None


@dataclass
class RateLimit:
    """So many calls in so many seconds, counted for the whole key in windows that begin with a call."""

    calls: int
    period: float
    _ends_at: float = field(default=0.0, init=False)
    _left: int = field(default=0, init=False)

    @classmethod
    def parse(cls, value: str | tuple[int, float] | None) -> RateLimit | None:
        """Read `10/1s`, a pair, or None and `off` for no limit.

        :raises ValueError: when it is none of these.
        """
        if value is None or value == "off":
            return None
        if isinstance(value, str):
            calls, slash, period = value.removesuffix("s").partition("/")
            value = (int(calls), float(period if slash else "1"))
        if value[0] < 1 or not 0 < value[1] < math.inf:
            raise ValueError("A rate limit looks like 10/1s, or off")
        return cls(*value)

    def take(self) -> bool:
        """Count a call, and tell whether it may go on."""
        if time.time() >= self._ends_at:
            self._ends_at, self._left = time.time() + self.period, self.calls
        self._left -= 1
        return self._left >= 0

    @property
    def headers(self) -> dict[str, str]:
        """What the API says about it in each answer."""
        return {
            "X-RateLimit-Limit": str(self.calls),
            "X-RateLimit-Remaining": str(max(0, self._left)),
            "X-RateLimit-Reset": str(math.ceil(self._ends_at)),
        }


class Traffic:
    """An ASGI application around the one that answers."""

    def __init__(self, app: ASGIApp, world: WhatsApp, api_key: str) -> None:
        self.app = app
        self.world = world
        self.api_key = api_key
        self.rate_limit: RateLimit | None = None
        self.latency = 0.0
        self.requests: list[Call] = []
        self.faults: list[Fault] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one request from the socket."""
        body = await read(receive)
        if body is None:
            return
        if not scope["path"].startswith(PREFIX + "/"):
            if len(body) > BODY_LIMIT:
                await reply(send, errors.TOO_LARGE.answer(), {})
            else:
                await self.app(scope, replay(body), send)
            return
        call, is_json = record(scope, body)
        self.requests.append(call)
        del self.requests[:-KEPT_REQUESTS]
        refusal = self._refusal(call, body, is_json)
        fault = None if refusal else self._fault(call)
        kind = fault.kind if fault else None
        seconds = (fault.seconds if fault else None) or 0.0
        waits = kind.waits if kind else None
        if waits == "work":
            await asyncio.sleep(seconds)
        answer = refusal
        if not refusal and (kind is None or kind.works):
            scope["state"]["listed_from"] = time.monotonic() + (seconds if waits == "listing" else 0.0)
            answer = await collect(self.app, scope, body)
            if answer.status == 200 and call.group_name is not None:
                await asyncio.sleep(self.latency)
        if waits == "answer":
            await asyncio.sleep(seconds)
        if fault:
            answer = fault.answer(self.rate_limit.calls if self.rate_limit else 10) or answer
        sends = kind.sends if kind else "whole"
        call.ended_at = now()
        if sends != "nothing" and answer:
            call.status = answer.status
            headers = self._headers(call, answer, limited=fault is None or fault.name != "rate_limit")
            await reply(send, answer, headers, half=sends == "half")
        if sends != "whole":
            await hang_up(scope["state"]["transport"], receive, reset=bool(fault and fault.reset))

    def _refusal(self, call: Call, body: bytes, is_json: bool) -> Answer | None:
        if len(body) > BODY_LIMIT:
            return errors.TOO_LARGE.answer()
        if call.headers.get("authorization") != f"Bearer {self.api_key}":
            return errors.WRONG_KEY.answer()
        if self.rate_limit and not self.rate_limit.take():
            return too_many(self.rate_limit.calls, self.rate_limit.period).answer()
        if not is_json:
            return errors.invalid("Invalid body. It is not JSON").answer()
        return None

    def _fault(self, call: Call) -> Fault | None:
        fault = next((fault for fault in self.faults if fault.meets(call)), None)
        if fault:
            fault.strike()
            call.fault = fault.name
        self.faults[:] = [other for other in self.faults if not other.is_spent]
        return fault

    def _headers(self, call: Call, answer: Answer, *, limited: bool) -> dict[str, str]:
        if not answer.by_api:
            return {}
        phone = self.world.phone(call.phone or "")
        return {
            "Access-Control-Allow-Origin": "*",
            **(self.rate_limit.headers if self.rate_limit and limited else {}),
            "x-periskope-org-id": ORG_ID,
            **({"x-periskope-phone-id": phone.phone_id} if phone else {}),
            "x-periskope-trace-id": str(uuid.uuid1()),
        }


def record(scope: Scope, body: bytes) -> tuple[Call, bool]:
    """Note a request, and whether its body is JSON (or there is none)."""
    headers = Headers(scope=scope)
    content, is_json = None, True
    try:
        content = json.loads(body, parse_constant=refuse_constant) if body else None
    except (ValueError, RecursionError):
        is_json = False
    query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
    target = scope["raw_path"].decode("latin-1") + query
    path = scope["path"].removeprefix(PREFIX)
    return Call(now(), scope["method"], path, target, headers.get("x-phone"), headers, content), is_json


async def read(receive: Receive) -> bytes | None:
    """Read a body, keeping no more of it than it takes to see that it is too large.

    :return: None when the client has gone before its end.
    """
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body = (body + message.get("body", b""))[: BODY_LIMIT + 1]
        more = message.get("more_body", False)
    return body


def replay(body: bytes) -> Receive:
    """Give a body that was read to the application."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


async def collect(app: ASGIApp, scope: Scope, body: bytes) -> Answer:
    """Let the application answer, and hold the answer back."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, replay(body), send)
    headers = Headers(raw=sent[0]["headers"])
    content = b"".join(message.get("body", b"") for message in sent[1:])
    kept = {name: value for name, value in headers.items() if name == "allow"}
    return Answer(sent[0]["status"], content, headers.get("content-type", ""), kept)


async def reply(send: Send, answer: Answer, headers: dict[str, str], *, half: bool = False) -> None:
    """Send an answer, or announce the whole of it and send its first half."""
    headers = {"Date": formatdate(usegmt=True), **headers, **answer.headers}
    if answer.content_type:
        headers["Content-Type"] = answer.content_type
    if answer.status != 204:
        headers["Content-Length"] = str(len(answer.body))
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    body = answer.body[: len(answer.body) // 2] if half else answer.body
    await send({"type": "http.response.body", "body": body, "more_body": half})


async def hang_up(transport: asyncio.Transport, receive: Receive, *, reset: bool) -> None:
    """Close the connection as it is, with FIN or with RST."""
    if reset:
        linger = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    else:
        transport.close()
    while (await receive())["type"] != "http.disconnect":  # else uvicorn answers 500 for us
        pass


def refuse_constant(name: str) -> None:
    """Refuse `NaN` and its like, which Python reads and JSON does not have."""
    raise ValueError(name)
