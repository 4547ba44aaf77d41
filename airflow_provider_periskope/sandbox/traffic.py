"""What stands between the socket and the API: the record of requests, the key, the rate limit, the faults."""

from __future__ import annotations

import asyncio
import json
import math
import socket
import struct
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from uvicorn.protocols.http.h11_impl import H11Protocol

from airflow_provider_periskope.sandbox import errors
from airflow_provider_periskope.sandbox.errors import Answer, too_many
from airflow_provider_periskope.sandbox.faults import KINDS, Fault, Kind
from airflow_provider_periskope.sandbox.whatsapp import ORG_ID, now

if TYPE_CHECKING:
    from datetime import datetime

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from airflow_provider_periskope.sandbox.server import Sandbox

PREFIX = "/v1"
BODY_LIMIT = 24 * 2**20  # base64 of 16 MiB, the largest picture or video of WhatsApp, and some room
KEPT_REQUESTS = 10_000
USUAL = Kind(works=True)


class Connection(H11Protocol):
    """A connection whose transport the application can reach: ASGI alone has no way to drop one."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Hand the transport to each request as `scope["state"]["transport"]`."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


@dataclass
class Call:
    """
    A request as it came in.

    :param path: decoded, without `/v1`.
    :param target: path and query exactly as sent.
    :param phone: the header `x-phone` as sent.
    :param headers: all of them, to be asked by a name in any case.
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
        is_create = (self.method, self.path) == ("POST", "/chats/create") and isinstance(self.body, dict)
        return self.body.get("group_name") if is_create else None


class RateLimit:
    """So many calls in so many seconds, counted for the whole key in windows that begin with a call."""

    def __init__(self, calls: int, period: float) -> None:
        if calls < 1 or not 0 < period < math.inf:
            raise ValueError("A rate limit has at least one call and some time")
        self.calls, self.period = calls, period
        self._ends_at, self._left = 0.0, 0

    def __str__(self) -> str:
        return f"{self.calls}/{self.period:g}s"

    def take(self) -> bool:
        """Count a call, and tell whether it may go on."""
        if time.time() >= self._ends_at:
            self._ends_at, self._left = time.time() + self.period, self.calls
        self._left -= 1
        return self._left >= 0

    def headers(self) -> dict[str, str]:
        """Say about it what the API says in each answer."""
        now = {"Limit": self.calls, "Remaining": max(0, self._left), "Reset": math.ceil(self._ends_at)}
        return {f"X-RateLimit-{name}": str(number) for name, number in now.items()}


def rate_limit(value: RateLimit | str | tuple[int, float] | None) -> RateLimit | None:
    """
    Read `10/1s`, a pair, or None and `off` for no limit.

    :raises ValueError: when it is none of these.
    """
    if value is None or isinstance(value, RateLimit):
        return value
    if value == "off":
        return None
    calls, period = value.removesuffix("s").split("/") if isinstance(value, str) else value
    return RateLimit(int(calls), float(period))


class Traffic:
    """An ASGI application around the one that answers."""

    def __init__(self, app: ASGIApp, sandbox: Sandbox) -> None:
        self.app = app
        self.sandbox = sandbox

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take one request from the socket."""
        with suppress(asyncio.CancelledError):  # the sandbox stops, and uvicorn would log each call under way
            await self._take(scope, receive, send)

    async def _take(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read(receive)
        if body is None:
            return
        if not scope["path"].startswith(PREFIX + "/"):  # the page, and what tests use to look inside
            await reply(send, await self._work(scope, body))
            return
        call, is_json = record(scope, body)
        self.sandbox.requests.append(call)
        del self.sandbox.requests[:-KEPT_REQUESTS]
        answer = self._refusal(call, body, is_json)
        fault = None if answer else self._fault(call)
        kind = KINDS[fault.name] if fault else USUAL
        delay = {kind.waits: (fault.seconds if fault else None) or 0.0}
        await asyncio.sleep(delay.get("work", 0.0))
        if kind.works and not answer:
            scope["state"]["listed_from"] = time.monotonic() + delay.get("listing", 0.0)
            answer = await self._work(scope, body)
            if answer.status == 200 and call.group_name is not None:
                await asyncio.sleep(self.sandbox.latency)
        await asyncio.sleep(delay.get("answer", 0.0))
        answer = (fault.answer() if fault else None) or answer
        call.ended_at = now()
        if answer and kind.sends != "nothing":
            call.status = answer.status
            await reply(send, answer, self._headers(call, answer), half=kind.sends == "half")
        if fault and kind.sends != "whole":
            await hang_up(scope["state"]["transport"], receive, reset=fault.reset)

    async def _work(self, scope: Scope, body: bytes) -> Answer:
        """Let the application answer, and hold the answer back."""
        if len(body) > BODY_LIMIT:
            return errors.TOO_LARGE.answer()
        sent: list[Message] = []

        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        headers = dict(Headers(raw=sent[0]["headers"]))
        headers.pop("content-length", None)
        content = b"".join(message.get("body", b"") for message in sent[1:])
        return Answer(sent[0]["status"], content, headers.pop("content-type", ""), headers)

    def _refusal(self, call: Call, body: bytes, is_json: bool) -> Answer | None:
        limit = self.sandbox.rate_limit
        if len(body) > BODY_LIMIT:
            return errors.TOO_LARGE.answer()
        if call.headers.get("authorization") != f"Bearer {self.sandbox.api_key}":
            return errors.WRONG_KEY.answer()
        if limit and not limit.take():
            return too_many(limit.calls, limit.period).answer()
        return None if is_json else errors.invalid("Invalid body. It is not JSON").answer()

    def _fault(self, call: Call) -> Fault | None:
        fault = next((fault for fault in self.sandbox.faults if fault.meets(call)), None)
        if fault:
            fault.strike()
            call.fault = fault.name
        self.sandbox.faults[:] = [other for other in self.sandbox.faults if not other.is_spent]
        return fault

    def _headers(self, call: Call, answer: Answer) -> dict[str, str]:
        if not answer.by_api:
            return {}
        phone = self.sandbox.find_phone(call.phone or "")
        headers = {"Access-Control-Allow-Origin": "*", "x-periskope-org-id": ORG_ID}
        headers |= {"x-periskope-phone-id": phone.phone_id} if phone else {}
        limit = None if call.fault == "rate_limit" else self.sandbox.rate_limit
        return headers | (limit.headers() if limit else {}) | {"x-periskope-trace-id": str(uuid.uuid1())}


def record(scope: Scope, body: bytes) -> tuple[Call, bool]:
    """Note a request, and whether its body is JSON (or there is none)."""
    headers, content, is_json = Headers(scope=scope), None, True
    try:
        content = json.loads(body, parse_constant=refuse_constant) if body else None
    except (ValueError, RecursionError):
        is_json = False
    target = b"?".join(filter(None, (scope["raw_path"], scope["query_string"]))).decode("latin-1")
    path = scope["path"].removeprefix(PREFIX)
    return Call(now(), scope["method"], path, target, headers.get("x-phone"), headers, content), is_json


def refuse_constant(name: str) -> None:
    """Refuse `NaN` and its like, which Python reads and JSON does not have."""
    raise ValueError(name)


async def read(receive: Receive) -> bytes | None:
    """
    Read a body, keeping no more of it than it takes to see that it is too large.

    :return: None when the client has gone before its end.
    """
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")[: BODY_LIMIT + 1 - len(body)]
        more = message.get("more_body", False)
    return bytes(body)


async def reply(
    send: Send, answer: Answer, headers: dict[str, str] | None = None, *, half: bool = False
) -> None:
    """Send an answer, or announce the whole of it and send its first half."""
    headers = {"Date": formatdate(usegmt=True), **(headers or {}), **answer.headers}
    headers |= {"Content-Type": answer.content_type} if answer.content_type else {}
    headers |= {"Content-Length": str(len(answer.body))} if answer.status != 204 else {}
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    body = answer.body[: len(answer.body) // 2] if half else answer.body
    await send({"type": "http.response.body", "body": body, "more_body": half})


async def hang_up(transport: asyncio.Transport, receive: Receive, *, reset: bool) -> None:
    """Close the connection as it is, with FIN or with RST."""
    if reset:
        at_once = struct.pack("ii", 1, 0)  # no lingering: the kernel then sends RST in place of FIN
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    transport.close()
    while (await receive())["type"] != "http.disconnect":  # else uvicorn answers 500 for us
        pass
