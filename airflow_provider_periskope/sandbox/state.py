"""All that a sandbox knows and is set to: WhatsApp's state, the key, the rate limit, the requests and the faults."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_periskope.sandbox.faults import Fault
from airflow_provider_periskope.sandbox.ids import INVITE, digits, now
from airflow_provider_periskope.sandbox.messages import Message
from airflow_provider_periskope.sandbox.phones import Phone
from airflow_provider_periskope.sandbox.rate_limit import RateLimit, rate_limit
from airflow_provider_periskope.sandbox.whatsapp import Invitation, WhatsApp

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from airflow_provider_periskope.sandbox.calls import Call
    from airflow_provider_periskope.sandbox.chats import Chat


class State(WhatsApp):
    """
    What tests read and set.

    :param api_key: the key it accepts.
    :param phone: the digits of the organisation's phone.
    :param limit: how many calls in how many seconds, None for no limit.
    :param latency: how many seconds pass before the response to a create is sent.
    :ivar requests: the requests as they came in, the last 10,000.
    :ivar faults: those that still wait for calls; `clear()` removes them.
    :ivar rows_without: fields that rows of `members` and of `messages` lack.
    :ivar rows_per_phone: whether lists of chats have a row for each of the organisation's phones in a chat.
    """

    def __init__(
        self, api_key: str, phone: str, limit: RateLimit | str | tuple[int, float] | None, latency: float
    ) -> None:
        self.api_key, self.rate_limit, self.latency = api_key, limit, latency
        self.requests: list[Call] = []
        self.faults: list[Fault] = []
        self.rows_per_phone = False
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
        self,
        name: str | None,
        phone: str | None = None,
        *,
        creator: str | None = None,
        admins: Iterable[str] = (),
        people: Iterable[str] = (),
        without: Iterable[str] = (),
        **attributes: Any,
    ) -> Chat:
        """
        Put a group there from before.

        :param phone: the phone of the organisation that it belongs to, by its digits.
        :param creator: who created it, if not the phone, which then is an admin only if `admins` has it.
        :param admins: the numbers of its other admins.
        :param people: the numbers of the other people in it.
        :param without: fields that its row in responses lacks.
        :param attributes: `created_at`, `exited` and the other attributes of a
            :class:`~airflow_provider_periskope.sandbox.whatsapp.Chat`.
        """
        phone = phone or self.phone
        members = {number: self.new_member(number) for number in (*people, *admins, creator) if number}
        for number in admins:
            members[number].is_admin = True
        if creator:
            members[creator].is_admin = members[creator].is_super_admin = True
        known = {member.contact_id: member for member in members.values()} | attributes.pop("members", {})
        chat = self.add_chat(name, phone, members=known, without=frozenset(without), **attributes)
        chat.members[self.new_member(phone).contact_id].is_admin |= phone in admins
        return chat

    def messages_in(self, chat_id: str) -> list[Message]:
        """List the messages of a chat, oldest first, those included that are still in the queue."""
        chat = self.find_chat(chat_id)
        return list(chat.messages) if chat else []

    def add_message(
        self,
        chat_id: str,
        text: str | None,
        *,
        sender: str | None = None,
        at: datetime | None = None,
        **attributes: Any,
    ) -> Message:
        """
        Put a message into a chat that was not sent through the API.

        :param sender: the number of the person who wrote it; None for a person who used the phone itself.
        :param at: when it was written.
        :param attributes: `content` for media or a poll, and the other attributes of a
            :class:`~airflow_provider_periskope.sandbox.messages.Message`.
        :raises KeyError: when there is no such chat.
        """
        chat = self.find_chat(chat_id)
        if chat is None:
            raise KeyError(chat_id)
        content = {"message": text, **attributes.pop("content", {})}
        moment = at or now()
        known: dict[str, Any] = {
            "sender": sender,
            "performed_by": None,
            "queued_at": moment,
            "_sent_at": moment,
        }
        return self.keep(
            chat, Message(chat.chat_id, self.phones[chat.phone], content, **{**known, **attributes})
        )

    @property
    def sends(self) -> list[Call]:
        """The requests that send a message, those that failed included."""
        return [c for c in list(self.requests) if (c.method, c.path) == ("POST", "/message/send")]

    def invitations_to(self, number: str) -> list[Invitation]:
        """List the private invitations that a person was sent."""
        return [invitation for invitation in list(self.invitations) if invitation.number == digits(number)]

    def chat_rows(self, chats: list[Chat]) -> list[dict[str, Any]]:
        """Show chats as lists do."""
        rows = []
        for chat in chats:
            row, phones = chat.row(), chat.numbers_in(self.phones)
            if len(phones) > 1 and "chat_org_phones" not in chat.without | chat.shown.keys():
                row["chat_org_phones"] = phones
            several = self.rows_per_phone and phones
            rows += [row | {"org_phone": phone} for phone in phones] if several else [row]
        return rows

    def without(self, kind: str, row: dict[str, Any]) -> dict[str, Any]:
        """Leave out of a row what rows of its kind are to lack."""
        return {name: value for name, value in row.items() if name not in self.rows_without.get(kind, ())}

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
        self.rows_without: dict[str, set[str]] = {"members": set(), "messages": set()}
        super().reset()
