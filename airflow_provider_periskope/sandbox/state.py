"""All that a sandbox knows and is set to: WhatsApp's state, the key, the rate limit, the requests and the faults."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_periskope.sandbox.faults import Fault
from airflow_provider_periskope.sandbox.rate_limit import RateLimit, rate_limit
from airflow_provider_periskope.sandbox.whatsapp import INVITE, Chat, Phone, WhatsApp, now

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_periskope.sandbox.calls import Call


class State(WhatsApp):
    """
    What tests read and set.

    :param api_key: the key it accepts.
    :param phone: the digits of the organisation's phone.
    :param limit: how many calls in how many seconds, None for no limit.
    :param latency: how many seconds pass before the response to a create is sent.
    :ivar requests: the requests as they came in, the last 10,000.
    :ivar faults: those that still wait for calls; `clear()` removes them.
    """

    def __init__(
        self, api_key: str, phone: str, limit: RateLimit | str | tuple[int, float] | None, latency: float
    ) -> None:
        self.api_key, self.rate_limit, self.latency = api_key, limit, latency
        self.requests: list[Call] = []
        self.faults: list[Fault] = []
        super().__init__(phone)

    @property
    def phone_id(self) -> str:
        """The id of the first phone."""
        return Phone(self.phone).phone_id

    @property
    def rate_limit(self) -> RateLimit | None:
        """How many calls in how many seconds; can be set while it runs, in the forms of the constructor."""
        return self._rate_limit

    @rate_limit.setter
    def rate_limit(self, value: RateLimit | str | tuple[int, float] | None) -> None:
        self._rate_limit = rate_limit(value)

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
        :param details: `group_name`, `times`, `seconds` and the other parameters of a
            :class:`~airflow_provider_periskope.sandbox.faults.Fault`.
        """
        fault = Fault(name, route, **details)
        self.faults.append(fault)
        return fault

    def add_group(
        self, name: str | None, phone: str | None = None, *, without: Iterable[str] = (), **attributes: Any
    ) -> Chat:
        """
        Put a group there from before.

        :param without: fields that its row in responses lacks.
        :param attributes: `created_at`, `exited` and the other attributes of a
            :class:`~airflow_provider_periskope.sandbox.whatsapp.Chat`.
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
