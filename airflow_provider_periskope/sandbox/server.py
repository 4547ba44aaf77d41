"""A sandbox that runs: the server in a thread of its own, and its state at hand."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import uvicorn

from airflow_provider_periskope.sandbox.api import create_app
from airflow_provider_periskope.sandbox.faults import Fault
from airflow_provider_periskope.sandbox.traffic import PREFIX, Call, Connection, RateLimit, Traffic
from airflow_provider_periskope.sandbox.whatsapp import INVITE, Chat, Phone, WhatsApp, now

if TYPE_CHECKING:
    from collections.abc import Iterable


class Sandbox:
    """A local Periskope.

    :param port: where it listens; 0 for a free port.
    :param api_key: the key it accepts.
    :param phone: the digits of the organisation's phone.
    :param rate_limit: `10/1s`, a pair like `(10, 1.0)`, or None for none.
    :param latency: how many seconds a create takes to be answered.
    :param host: the address it listens on.
    """

    def __init__(
        self,
        port: int = 0,
        api_key: str = "sandbox-key",
        phone: str = "919876543210",
        rate_limit: str | tuple[int, float] | None = None,
        latency: float = 0.0,
        host: str = "127.0.0.1",
    ) -> None:
        self.host = host
        self.port = port
        self.api_key = api_key
        self.world = WhatsApp(phone)
        self._traffic = Traffic(create_app(self.world), self.world, api_key)
        self.rate_limit = rate_limit
        self.latency = latency
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Listen. A stopped sandbox starts again on the same port with all it knew.

        :raises OSError: when the port is taken.
        """
        listener = socket.create_server((self.host, self.port), backlog=1024)
        self.port = listener.getsockname()[1]
        self._running = threading.Event()
        self._thread = threading.Thread(
            target=asyncio.run, args=(self._serve(listener),), name="periskope-sandbox", daemon=True
        )
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
        config = uvicorn.Config(
            self._traffic,
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
        )
        server = uvicorn.Server(config)
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
    def phone(self) -> str:
        """The digits of the first phone."""
        return self.world.first_phone

    @property
    def phone_id(self) -> str:
        """The id of the first phone."""
        return Phone(self.phone).phone_id

    def connection_json(self) -> str:
        """Describe the Airflow connection to it, as a value for `AIRFLOW_CONN_PERISKOPE_DEFAULT`."""
        connection = {
            "conn_type": "periskope",
            "login": self.phone,
            "password": self.api_key,
            "host": self.url,
        }
        return json.dumps(connection)

    @property
    def rate_limit(self) -> tuple[int, float] | None:
        """How many calls in how many seconds; can be set while it runs."""
        limit = self._traffic.rate_limit
        return (limit.calls, limit.period) if limit else None

    @rate_limit.setter
    def rate_limit(self, value: str | tuple[int, float] | None) -> None:
        self._traffic.rate_limit = RateLimit.parse(value)

    @property
    def latency(self) -> float:
        """How many seconds a create takes to be answered; can be set while it runs."""
        return self._traffic.latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        self._traffic.latency = seconds

    @property
    def groups(self) -> list[Chat]:
        """All groups, in the order in which they were made, hidden and exited ones included."""
        return [chat for chat in list(self.world.chats.values()) if chat.chat_type == "group"]

    def groups_named(self, name: str) -> list[Chat]:
        """Find the groups of this name."""
        return [group for group in self.groups if group.name == name]

    @property
    def requests(self) -> list[Call]:
        """The requests as they came in, the last 10,000."""
        return list(self._traffic.requests)

    @property
    def phones(self) -> dict[str, Phone]:
        """The phones by their digits; set `is_off` to switch one off."""
        return self.world.phones

    @property
    def not_in_contacts(self) -> set[str]:
        """Digits of people who can only be invited."""
        return self.world.not_in_contacts

    @property
    def not_on_whatsapp(self) -> set[str]:
        """Digits of people who have no WhatsApp."""
        return self.world.not_on_whatsapp

    @property
    def contact_names(self) -> dict[str, str]:
        """What the phone calls people, by their digits."""
        return self.world.contact_names

    def add_phone(self, digits: str, name: str = "Sandbox") -> Phone:
        """Add a phone to the organisation."""
        return self.world.phones.setdefault(digits, Phone(digits, name))

    def fault(self, name: str, route: str = "POST /chats/create", **details: Any) -> Fault:
        """Let the next calls of a route fail.

        :param name: what happens, one of :data:`~airflow_provider_periskope.sandbox.faults.KINDS`.
        :param route: method and path without `/v1`; `*` stands for anything.
        :param details: `group_name`, `times`, `seconds` and what else a
            :class:`~airflow_provider_periskope.sandbox.faults.Fault` takes.
        """
        fault = Fault(name, route, **details)
        self._traffic.faults.append(fault)
        return fault

    def clear_faults(self) -> None:
        """Let nothing fail any more."""
        self._traffic.faults.clear()

    def add_group(
        self,
        name: str,
        phone: str | None = None,
        created_at: datetime | None = None,
        exited: bool = False,
        *,
        without: Iterable[str] = (),
        row: dict[str, Any] | None = None,
        **fields: Any,
    ) -> Chat:
        """Put a group there from before.

        :param without: fields that its row in answers lacks.
        :param row: fields of its row that are shown with these values.
        :param fields: further attributes of the :class:`~airflow_provider_periskope.sandbox.whatsapp.Chat`.
        """
        return self.world.add_chat(
            name,
            phone or self.phone,
            created_at=created_at,
            exited=exited,
            without=frozenset(without),
            overrides=row or {},
            **fields,
        )

    def move_chat(self, chat_id: str) -> None:
        """Let a chat come to the front of the list, as any message in it does."""
        self.world.touch(self.world.chats[chat_id])

    def seed(self, count: int) -> None:
        """Fill the list with groups, one a minute into the past."""
        newest = now()
        for number in range(1, count + 1):
            moment = newest - timedelta(minutes=number)
            self.add_group(
                f"Seeded group {number:06}", created_at=moment, invite_link=f"{INVITE}/{number:022}"
            )

    def reset(self) -> None:
        """Forget chats, requests, faults and added phones; key, rate limit and latency stay."""
        self.clear_faults()
        self._traffic.requests.clear()
        self.world.reset()
