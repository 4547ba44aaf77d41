"""A sandbox that runs: the server in a thread of its own, and its state at hand."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

import uvicorn

from airflow_provider_periskope.sandbox import control, traffic
from airflow_provider_periskope.sandbox.api import create_app
from airflow_provider_periskope.sandbox.faults import Fault
from airflow_provider_periskope.sandbox.traffic import PREFIX, Call, Connection, RateLimit, Traffic
from airflow_provider_periskope.sandbox.whatsapp import INVITE, Chat, Phone, WhatsApp, now

if TYPE_CHECKING:
    from collections.abc import Iterable

# A failed test shows what came in, not how uvicorn starts.
QUIET: dict[str, Any] = {"log_config": None, "log_level": "warning", "access_log": False}
BARE: dict[str, Any] = {"proxy_headers": False, "server_header": False, "date_header": False}


class Sandbox(WhatsApp):
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
        self.host, self.port, self.api_key, self.latency = host, port, api_key, latency
        self.rate_limit = rate_limit
        self.requests: list[Call] = []
        self.faults: list[Fault] = []
        super().__init__(phone)
        app = create_app(self)
        app.include_router(control.router)
        self._app = Traffic(app, self)
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

    @property
    def phone_id(self) -> str:
        """The id of the first phone."""
        return Phone(self.phone).phone_id

    def connection_json(self) -> str:
        """Describe the Airflow connection to it, as a value for `AIRFLOW_CONN_PERISKOPE_DEFAULT`."""
        login = {"conn_type": "periskope", "login": self.phone, "password": self.api_key}
        return json.dumps({**login, "host": self.url})

    @property
    def rate_limit(self) -> RateLimit | None:
        """How many calls in how many seconds; can be set while it runs, in the forms of the constructor."""
        return self._rate_limit

    @rate_limit.setter
    def rate_limit(self, value: RateLimit | str | tuple[int, float] | None) -> None:
        self._rate_limit = traffic.rate_limit(value)

    @property
    def groups(self) -> list[Chat]:
        """All groups, in the order in which they were put there, hidden and exited ones included."""
        return [chat for chat in list(self.chats.values()) if chat.chat_type == "group"]

    def groups_named(self, name: str) -> list[Chat]:
        """Find the groups of this name."""
        return [group for group in self.groups if group.name == name]

    def add_phone(self, digits: str, name: str = "Sandbox") -> Phone:
        """Add a phone to the organisation."""
        return self.phones.setdefault(digits, Phone(digits, name))

    def fault(self, name: str, route: str = "POST /chats/create", **details: Any) -> Fault:
        """
        Let the next calls of a route fail.

        :param name: what happens, one of :data:`~airflow_provider_periskope.sandbox.faults.KINDS`.
        :param route: method and path without `/v1`; `*` stands for anything.
        :param details: `group_name`, `times`, `seconds` and what else a
            :class:`~airflow_provider_periskope.sandbox.faults.Fault` takes.
        """
        fault = Fault(name, route, **details)
        self.faults.append(fault)
        return fault

    def add_group(
        self, name: str | None, phone: str | None = None, *, without: Iterable[str] = (), **attributes: Any
    ) -> Chat:
        """
        Put a group there from before.

        :param without: fields that its row in answers lacks.
        :param attributes: `created_at`, `exited` and what else a
            :class:`~airflow_provider_periskope.sandbox.whatsapp.Chat` has.
        """
        return self.add_chat(name, phone or self.phone, without=frozenset(without), **attributes)

    def move_chat(self, chat_id: str) -> None:
        """Let a chat come to the front of the list, as any message in it does."""
        self.touch(self.chats[chat_id])

    def seed(self, count: int) -> None:
        """Fill the list with groups, one a minute into the past."""
        newest = now()
        for number in range(1, count + 1):
            moment, link = newest - timedelta(minutes=number), f"{INVITE}/{number:022}"
            self.add_group(f"Seeded group {number:06}", created_at=moment, invite_link=link)

    def reset(self) -> None:
        """Forget chats, requests, faults and added phones; key, rate limit and latency stay."""
        self.requests.clear()
        self.faults.clear()
        super().reset()
