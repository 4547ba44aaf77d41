"""
The other end of every call, in a process of its own: answers that are ready before they are asked for.

``/v1`` is as much of Periskope's API as creating a group and listing chats takes; the bodies are the sandbox's.
``/execution`` is as much of Airflow's as a task needs. A real Airflow would spend time of its own on that, the same for
every operator, and thereby hide what differs.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from contextlib import contextmanager
from email.utils import formatdate
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, urlsplit
from urllib.request import urlopen

if TYPE_CHECKING:
    from collections.abc import Iterator

PHONE = "919876543210"
GROUP = "120363392071406466@g.us"
CHATS = 100_000
MOMENT = "2026-01-01T00:00:00Z"
RUN = {
    "dag_run": {
        "dag_id": "benchmark",
        "run_id": "benchmark",
        "logical_date": MOMENT,
        "data_interval_start": MOMENT,
        "data_interval_end": MOMENT,
        "run_after": MOMENT,
        "start_date": MOMENT,
        "end_date": None,
        "run_type": "manual",
        "state": "running",
        "consumed_asset_events": [],
        "partition_key": None,
    },
    "max_tries": 0,
    "should_retry": False,
}
Answer = tuple[int, bytes]


class Connection(asyncio.Protocol):
    """One connection, kept open from request to request."""

    returned_at: ClassVar[float] = 0.0
    requests: ClassVar[int] = 0
    kept: ClassVar[dict[str, Any]] = {}

    def connection_made(self, transport: Any) -> None:
        """Begin to collect."""
        self._transport, self._received = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].decode("latin-1").split("\r\n")
            lengths = [
                line.partition(":")[2] for line in head[1:] if line.lower().startswith("content-length:")
            ]
            whole = end + 4 + (int(lengths[0]) if lengths else 0)
            if len(self._received) < whole:
                return
            body, self._received = self._received[end + 4 : whole], self._received[whole:]
            method, target = head[0].split(" ")[:2]
            self._send(*self._answer(method, target, body))

    def _send(self, status: int, body: bytes) -> None:
        head = (
            f"HTTP/1.1 {status} -\r\nDate: {formatdate(usegmt=True)}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._transport.write(head.encode() + body)

    def _answer(self, method: str, target: str, body: bytes) -> Answer:
        url = urlsplit(target)
        if url.path.startswith("/v1/"):
            type(self).requests += 1
            return periskope(method, url.path.removeprefix("/v1"), parse_qs(url.query))
        if url.path.startswith("/execution/"):
            if url.path.endswith("/return_value"):
                type(self).returned_at = time.monotonic()
            return airflow(method, url.path, body, self.kept)
        seen = {"returned_at": self.returned_at, "requests": self.requests}
        type(self).returned_at, type(self).requests = 0.0, 0
        self.kept.clear()
        return 200, json.dumps(seen).encode()


QUEUED = b'{"queue_id": "queue-abc", "unique_id": "message-abc", "queue_position": 1, "status": "queued"}'


def periskope(method: str, path: str, query: dict[str, list[str]]) -> Answer:
    """Answer as Periskope."""
    if (method, path) == ("POST", "/chats/create"):
        return 200, new_chat()
    if (method, path) == ("POST", "/message/send"):
        return 200, QUEUED
    if (method, path) == ("GET", "/chats"):
        start, count = int(query["offset"][0]), int(query["limit"][0])
        return 200, page(start, count)
    if (method, path) == ("GET", f"/chats/{GROUP}"):
        return 200, group_with_members()
    return 404, b'{"code": "not_found", "message": "Not found"}'


@cache
def group_with_members() -> bytes:
    """Return a group in which nobody is yet but the phone."""
    members = {f"{PHONE}@c.us": {"contact_name": None, "is_admin": True, "is_super_admin": True}}
    return json.dumps({**json.loads(new_chat()), "chat_id": GROUP, "members": members}).encode()


def airflow(method: str, path: str, body: bytes, kept: dict[str, Any]) -> Answer:
    """Answer as the part of Airflow's API server that tasks speak to."""
    if path.endswith("/run"):
        return 200, json.dumps(RUN).encode()
    if path.endswith("/validate-inlets-and-outlets"):
        return 200, b'{"inactive_assets": []}'
    if method == "POST":  # an XCom
        kept[path] = {"key": path.rpartition("/")[2], "value": json.loads(body)}
    elif method == "PUT" and "/store/" in path:
        kept[path] = {"value": json.loads(body)["value"]}
    elif method == "GET" and path not in kept:
        return 404, b'{"detail": {"reason": "not_found", "message": "Not found"}}'
    elif method == "GET":
        return 200, json.dumps(kept[path]).encode()
    return 200, b"{}"


@cache
def page(start: int, count: int) -> bytes:
    """Return a page of the list of chats."""
    rows = chats()[start : start + count]
    head = f'{{"from": {start}, "to": {start + len(rows)}, "count": {CHATS}, "chats": ['
    return head.encode() + b", ".join(rows) + b"]}"


@cache
def chats() -> list[bytes]:
    """Return the rows of all chats, newest first."""
    from airflow_provider_periskope.sandbox.server import Sandbox

    sandbox = Sandbox(phone=PHONE)
    sandbox.seed(CHATS)
    return [json.dumps(chat.row()).encode() for chat in sandbox.listed()]


@cache
def new_chat() -> bytes:
    """Return the answer to a create."""
    from airflow_provider_periskope.sandbox.server import Sandbox

    return json.dumps(Sandbox(phone=PHONE).add_group("Stand-up").row()).encode()


@contextmanager
def running() -> Iterator[str]:
    """Run the server as long as the block lasts; yield its URL."""
    command = [sys.executable, "-m", "benchmarks.loopback"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        yield server.stdout.readline().strip()
        server.terminate()


def take_seen(url: str) -> dict[str, float]:
    """
    Return what the server has seen since it was last asked, and forget what tasks have left.

    :return: ``returned_at``, when the last task's return value came in, by the monotonic clock; ``requests``, how many
        there were of Periskope's API.
    """
    with urlopen(f"{url}/seen") as answer:
        return dict(json.load(answer))


async def serve() -> None:
    """Listen on a free port, print the URL, and serve until terminated."""
    new_chat()
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve())
