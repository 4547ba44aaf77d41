"""The network as urllib3 sees it: sockets that are none, to a server that is a function."""

from __future__ import annotations

import io
import json
import socket
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import RemoteDisconnected
from typing import TYPE_CHECKING, Any

import urllib3.connection
import urllib3.util.connection
from urllib3.response import HTTPResponse

from tests.histories.virtual_time import Process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.histories.periskope import Periskope


@dataclass
class Request:
    """A request that has arrived whole."""

    process: Process
    number: int
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    sent_at: float
    ended_at: float = float("inf")

    @property
    def name(self) -> str:
        """Return what its choices are named by."""
        return f"{self.process.name}, request {self.number}"


@dataclass
class Reply:
    """
    What comes back of a request.

    :param after: seconds until it does.
    :param status: HTTP status; 0 for a connection that is dropped.
    :param ends: whether the body ends ``whole``, or before its end: ``dropped`` or ``stalls``.
    """

    after: float
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    ends: str = "whole"
    request: Request | None = field(default=None, repr=False)


class Socket:
    """The client's end of a connection that was made."""

    def __init__(self) -> None:
        self.timeout: float | None = None
        self.reply: Reply | None = None

    def settimeout(self, timeout: float | None) -> None:
        self.timeout = timeout

    def setsockopt(self, *option: Any) -> None:
        pass

    def shutdown(self, how: int) -> None:
        pass

    def close(self) -> None:
        pass

    def wait(self, seconds: float) -> None:
        """Wait for something to come, but not longer than the timeout."""
        process = Process.running()
        if self.timeout is not None and seconds > self.timeout:
            process.timeline.sleep(self.timeout)
            self.end()
            raise TimeoutError("timed out")
        process.timeline.sleep(seconds)

    def end(self) -> None:
        """Note that the client knows how it has ended."""
        if self.reply and self.reply.request:
            self.reply.request.ended_at = Process.running().timeline.now


class _Body(io.BytesIO):
    """The body of a response, which may stop before its end."""

    def __init__(self, sock: Socket, reply: Reply) -> None:
        super().__init__(reply.body)
        self._sock, self._ends = sock, reply.ends

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if not data or self._ends == "whole":
            if self._ends == "stalls":
                self._sock.wait(float("inf"))
            self._sock.end()
        return data


@contextmanager
def simulated(periskope: Periskope) -> Iterator[None]:
    """
    Let every connection that is made lead to the simulated Periskope.

    All above a connection of urllib3 is real: its pools, its errors, requests, and what the provider adds to them.
    Putting a request into bytes and reading a response from them would take half of the time, and is tested elsewhere.
    """

    def create_connection(address: Any, timeout: Any = None, *_: Any, **__: Any) -> Socket:
        process = Process.running()
        match fate := periskope.fate_of_connection(process):
            case "refused":
                raise ConnectionRefusedError(111, "Connection refused")
            case "host unknown":
                raise socket.gaierror(-2, "Name or service not known")
            case "not made in time":
                process.timeline.sleep(timeout)
                raise TimeoutError("timed out")
            case "killed while it is made":
                process.die()
            case "slow":
                process.timeline.sleep(8)
            case _:
                assert fate == "made"
        return Socket()

    def request(
        self: Any, method: str, url: str, body: Any = None, headers: Any = None, **options: Any
    ) -> None:
        if self.sock is None:
            self.connect()
        path, _, query = url.partition("?")
        self.sock.reply = periskope.receive(
            Process.running(),
            method,
            path.removeprefix("/v1"),
            dict(pair.split("=") for pair in query.split("&") if pair),
            {name.lower(): value for name, value in headers.items()},
            json.loads(body) if body else None,
        )
        self.of_response = options

    def getresponse(self: Any) -> HTTPResponse:
        sock, reply = self.sock, self.sock.reply
        sock.settimeout(self.timeout)
        sock.wait(reply.after)
        if not reply.status:
            sock.end()
            raise RemoteDisconnected("Remote end closed connection without response")
        if reply.headers["Connection"] == "close":
            self.close()
        return HTTPResponse(
            _Body(sock, reply),
            reply.headers,
            reply.status,
            preload_content=False,
            decode_content=self.of_response["decode_content"],
            enforce_content_length=self.of_response["enforce_content_length"],
        )

    connection = urllib3.connection.HTTPConnection
    replaced: list[tuple[Any, str, Any]] = [
        (urllib3.util.connection, "create_connection", create_connection),
        (urllib3.connection, "wait_for_read", lambda sock, timeout=None: False),
        (connection, "request", request),
        (connection, "getresponse", getresponse),
    ]
    real = [(owner, name, getattr(owner, name)) for owner, name, _ in replaced]
    for owner, name, function in replaced:
        setattr(owner, name, function)
    try:
        yield
    finally:
        for owner, name, function in real:
            setattr(owner, name, function)
