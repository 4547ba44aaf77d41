"""A server that sends exactly the bytes it is told to, for what no real server would do on purpose."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_periskope.api import client
from airflow_provider_periskope.hooks.periskope import PeriskopeHook

if TYPE_CHECKING:
    import ssl

KEY = "the-key-that-nobody-may-see"
PHONE = "918527184400"

Connect = Callable[..., PeriskopeHook]
Serve = Callable[..., "RawServer"]


class RawServer:
    """
    Takes one connection after another and answers each request with the next of its answers.

    :param answers: bytes to send, or ``None`` to hang up without any; the last one is for all that follow.
    :param keep_alive: go on reading after an answer, as long as the client likes.
    :param silent: read requests and never answer.
    :param tls: context to speak TLS with.
    :param past_tls: send answers in plain text, past the TLS that was agreed on.
    """

    def __init__(
        self,
        *answers: bytes | None,
        keep_alive: bool = False,
        silent: bool = False,
        tls: ssl.SSLContext | None = None,
        past_tls: bool = False,
    ) -> None:
        self._past_tls = past_tls
        self._answers = list(answers)
        self._keep_alive, self._silent, self._tls = keep_alive, silent, tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.requests: list[bytes] = []
        self.connections = 0
        self.hung_up = threading.Semaphore(0)
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/v1"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with contextlib.suppress(OSError):
                if self._tls:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
                self._converse(connection)
            if not self._silent:
                connection.close()
                self.hung_up.release()

    def _converse(self, connection: socket.socket) -> None:
        while request := read_request(connection):
            self.requests.append(request)
            if self._silent:
                return
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            if answer is not None and self._past_tls:
                os.write(connection.fileno(), answer)
            elif answer is not None:
                connection.sendall(answer)
            if answer is None or not self._keep_alive:
                return


def read_request(connection: socket.socket) -> bytes:
    """Return a whole request, or what came of it before the client went."""
    data = b""
    length = 0
    while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < length:
        more = connection.recv(65536)
        if not more:
            break
        data += more
        if data.startswith(b"\x16"):  # the greeting of TLS, which has no end that could be seen here
            break
        for line in data.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
    return data


def answer(status: int = 200, body: object = b"", **headers: str) -> bytes:
    """Return an answer in bytes; a body that is no bytes goes as JSON, ``_`` in a header's name is ``-``."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = "text/html" if isinstance(body, bytes) else "application/json"
    fields = {"Content-Type": kind, "Content-Length": str(len(content)), **headers}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Anything\r\n{head}\r\n".encode("latin-1") + content


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start raw servers, and close them after the test."""
    servers: list[RawServer] = []

    def start(*answers: bytes | None, **options: Any) -> RawServer:
        servers.append(RawServer(*answers, **options))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Connect:
    """Return hooks for a base URL."""

    def hook(
        url: str, *, phone: str | None = None, login: str = PHONE, key: str = KEY, **extra: Any
    ) -> PeriskopeHook:
        connection = {"conn_type": "periskope", "login": login, "password": key, "host": url, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_PERISKOPE_DEFAULT", json.dumps(connection))
        return PeriskopeHook(phone=phone)

    return hook


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Let the client's waits take no time, and return them."""
    waited: list[float] = []
    monkeypatch.setattr(client, "time", SimpleNamespace(sleep=waited.append, monotonic=time.monotonic))
    return waited


@pytest.fixture
def raw_answer() -> Callable[..., bytes]:
    """Return :func:`answer`."""
    return answer
