"""What stands between the socket and the API: the record of requests, the key, the rate limit, the faults."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from contextlib import suppress
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from uvicorn.protocols.http.h11_impl import H11Protocol

from airflow_provider_periskope.sandbox import answers
from airflow_provider_periskope.sandbox.answers import Answer, json_bytes, too_many
from airflow_provider_periskope.sandbox.calls import PREFIX, Conditions, record
from airflow_provider_periskope.sandbox.faults import KINDS, LIMITS, Fault, Kind
from airflow_provider_periskope.sandbox.ids import FOR_EVER, ORG_ID, now

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from airflow_provider_periskope.sandbox.calls import Call
    from airflow_provider_periskope.sandbox.state import State

BODY_LIMIT = 24 * 2**20  # base64 of 16 MiB, the largest picture or video of WhatsApp, and some room
KEPT_REQUESTS = KEPT_BODY = 10_000
USUAL = Kind(works=True)


class Connection(H11Protocol):
    """A connection whose transport the application can reach: ASGI alone has no way to drop one."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Hand the transport to each request as `scope["state"]["transport"]`."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def queueing(fault: Fault | None, kind: Kind) -> tuple[float, bool]:
    """Tell how long a message that is sent stays in the queue, and whether it counts as failed meanwhile."""
    if fault is None or kind.delays != "queue":
        return 0.0, False
    return FOR_EVER if fault.seconds is None else fault.seconds, fault.name == "message_failed"


class Traffic:
    """
    An ASGI application around the one that answers.

    :param app: the one that answers, which may serve other sandboxes as well.
    :param state: the state that each request is about.
    :param host: the address that the sandbox listens on.
    """

    def __init__(self, app: ASGIApp, state: State, host: str) -> None:
        self.app = app
        self.state = state
        self.host = host

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
        self.state.requests.append(call)
        del self.state.requests[:-KEPT_REQUESTS]
        answer = self._refusal(call, body, is_json)
        fault = None if answer else self._fault(call)
        kind = KINDS[fault.name] if fault else USUAL
        if kind.delays == "commit":
            await self._respond(scope, receive, send, call, fault, None)
        delay = {kind.delays: fault.seconds if fault else None}
        await asyncio.sleep(delay.get("work") or delay.get("commit") or 0.0)
        if kind.works and not answer:
            listed_from = time.monotonic() + (delay.get("listing") or 0.0)
            answer = await self._work(scope, body, Conditions(listed_from, *queueing(fault, kind)))
            if answer.status == 200 and call.group_name is not None:
                await asyncio.sleep(self.state.latency)
        await asyncio.sleep(delay.get("answer") or 0.0)
        if kind.delays != "commit":
            await self._respond(scope, receive, send, call, fault, answer)

    async def _respond(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        call: Call,
        fault: Fault | None,
        answer: Answer | None,
    ) -> None:
        kind = KINDS[fault.name] if fault else USUAL
        answer = (fault.answer() if fault else None) or answer
        call.ended_at = now()
        if answer and kind.sends != "nothing":
            if kind.rewrites and answer.status == 200:
                answer = replace(answer, body=json_bytes(kind.rewrites(json.loads(answer.body))))
            call.status, call.response = answer.status, answer.body[:KEPT_BODY].decode(errors="replace")
            await reply(send, answer, self._headers(call, answer), half=kind.sends == "half")
        if fault and kind.sends != "whole":
            await hang_up(scope["state"]["transport"], receive, reset=fault.reset)

    async def _work(self, scope: Scope, body: bytes, conditions: Conditions | None = None) -> Answer:
        """Let the application answer, and hold the answer back."""
        scope["state"].update(sandbox=self.state, host=self.host, conditions=conditions)
        if len(body) > BODY_LIMIT:
            return answers.TOO_LARGE.answer()
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
        limit = self.state.rate_limit
        if len(body) > BODY_LIMIT:
            return answers.TOO_LARGE.answer()
        if call.headers.get("authorization") != f"Bearer {self.state.api_key}":
            return answers.WRONG_KEY.answer()
        if limit and not limit.take():
            return too_many(limit.calls, limit.period).answer()
        return None if is_json else answers.invalid("Invalid body. It is not JSON").answer()

    def _fault(self, call: Call) -> Fault | None:
        fault = next((fault for fault in self.state.faults if fault.meets(call)), None)
        if fault:
            fault.strike()
            call.fault = fault.name
        self.state.faults[:] = [other for other in self.state.faults if not other.is_spent]
        return fault

    def _headers(self, call: Call, answer: Answer) -> dict[str, str]:
        if not answer.by_api:
            return {}
        phone = self.state.find_phone(call.phone or "")
        headers = {"Access-Control-Allow-Origin": "*", "x-periskope-org-id": ORG_ID}
        headers |= {"x-periskope-phone-id": phone.phone_id} if phone else {}
        limit = None if call.fault in LIMITS else self.state.rate_limit
        return headers | (limit.headers() if limit else {}) | {"x-periskope-trace-id": call.trace_id}


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
