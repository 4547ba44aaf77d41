"""A sandbox that runs: the server in a thread of its own, and its state at hand."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from functools import cache
from typing import TYPE_CHECKING, Any, Self

import uvicorn

from airflow_provider_periskope.sandbox import control
from airflow_provider_periskope.sandbox.api import create_app
from airflow_provider_periskope.sandbox.calls import PREFIX
from airflow_provider_periskope.sandbox.state import State
from airflow_provider_periskope.sandbox.traffic import Connection, Traffic

if TYPE_CHECKING:
    from fastapi import FastAPI

    from airflow_provider_periskope.sandbox.rate_limit import RateLimit

# A failed test shows what came in, not how uvicorn starts.
QUIET: dict[str, Any] = {"log_config": None, "log_level": "warning", "access_log": False}
BARE: dict[str, Any] = {"proxy_headers": False, "server_header": False, "date_header": False}


@cache
def application() -> FastAPI:
    """Build what answers, once for all sandboxes of the process: it takes longer than many a test."""
    app = create_app()
    app.include_router(control.router)
    return app


class Sandbox(State):
    """
    A local Periskope.

    :param port: where it listens; 0 for a free port.
    :param api_key: the key it accepts.
    :param phone: the digits of the organisation's phone.
    :param rate_limit: `10/1s`, a pair like `(10, 1.0)`, or None for none.
    :param latency: how many seconds a create takes to be answered.
    :param host: the address it listens on.
    :ivar requests: the requests as they came in, the last 10,000.
    :ivar faults: those that still wait for calls; `clear()` takes them away.
    """

    def __init__(
        self,
        port: int = 0,
        api_key: str = "sandbox-key",
        phone: str = "919876543210",
        rate_limit: RateLimit | str | tuple[int, float] | None = None,
        latency: float = 0.0,
        host: str = "127.0.0.1",
    ) -> None:
        super().__init__(api_key, phone, rate_limit, latency)
        self.host, self.port = host, port
        self._app = Traffic(application(), self, host)
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """
        Listen. A stopped sandbox starts again on the same port with all it knew.

        :raises OSError: when the port is taken.
        """
        listener = socket.create_server((self.host, self.port), backlog=1024)
        self.port = listener.getsockname()[1]
        self._running = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(listener),), daemon=True)
        self._thread.start()
        self._running.wait()
        return self

    def stop(self) -> None:
        """Close every connection and end, whatever is still under way."""
        if self._thread:
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()
            self._thread = None

    async def _serve(self, listener: socket.socket) -> None:
        server = uvicorn.Server(
            uvicorn.Config(self._app, http=Connection, ws="none", lifespan="off", **QUIET, **BARE)
        )
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self._running.set()
        serving = asyncio.create_task(server.serve([listener]))
        await self._stopping.wait()
        # Not uvicorn's own shutdown: that one waits for late answers, and in steps of 0.1 s.
        serving.cancel()
        listener.close()
        for connection in list(server.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The base URL of the API."""
        host = "127.0.0.1" if self.host in ("", "0.0.0.0") else self.host  # noqa: S104
        return f"http://{host}:{self.port}{PREFIX}"

    def connection_json(self) -> str:
        """Describe the Airflow connection to it, as a value for `AIRFLOW_CONN_PERISKOPE_DEFAULT`."""
        login = {"conn_type": "periskope", "login": self.phone, "password": self.api_key}
        return json.dumps({**login, "host": self.url})
