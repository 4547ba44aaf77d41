"""WhatsApp as the organisation's phones see it, in memory only: people, groups, what can be done with them."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from airflow_provider_periskope.sandbox.chats import Chat, Member
from airflow_provider_periskope.sandbox.ids import (
    FOR_EVER,
    contact_id,
    digits,
    hidden_id,
    invite_link,
    new_group_id,
    now,
)
from airflow_provider_periskope.sandbox.messages import Message
from airflow_provider_periskope.sandbox.phones import Phone

GROUP_SIZE = 1024
NAME_LENGTH = 100


@dataclass(frozen=True)
class Invitation:
    """A private invitation that a person was sent."""

    number: str
    chat_id: str
    sent_at: datetime = field(default_factory=now)


class WhatsApp:
    """
    The whole state.

    :ivar phones: the organisation's phones by their digits.
    :ivar not_in_contacts: digits of people who are invited instead of added.
    :ivar not_on_whatsapp: digits of people who have no WhatsApp.
    :ivar left_recently: digits of people who cannot be added because they left a short time ago.
    :ivar refusing: digits of people who can be neither added nor invited.
    :ivar hidden_numbers: digits of people whom groups show without their number, by an id such as `…@lid`.
    :ivar contact_names: what the phone calls people, by their digits.
    :ivar invitations: each private invitation, in the order in which people were sent them.
    :ivar sent_after: how many seconds a message is in the queue before it is sent.
    :ivar delivered_after: how many seconds after that it is delivered.
    :ivar read_after: how many seconds after that it is read.
    """

    def __init__(self, phone: str) -> None:
        self.phone = phone
        self._lock = threading.Lock()  # tests change chats in their thread while the server lists them
        self.sent_after, self.delivered_after, self.read_after = 0.5, 0.5, 1.0
        self.reset()

    def reset(self) -> None:
        """Forget everything but the first phone."""
        self.phones: dict[str, Phone] = {self.phone: Phone(self.phone)}
        self.chats: dict[str, Chat] = {}
        self.messages: dict[str, Message] = {}
        self.invitations: list[Invitation] = []
        self.not_in_contacts: set[str] = set()
        self.not_on_whatsapp: set[str] = set()
        self.left_recently: set[str] = set()
        self.refusing: set[str] = set()
        self.hidden_numbers: set[str] = set()
        self.contact_names: dict[str, str] = {}
        self._newest_first: list[Chat] | None = None

    def find_phone(self, name: str) -> Phone | None:
        """Find a phone by its digits or its id."""
        by_id = (phone for phone in self.phones.values() if phone.phone_id == name)
        return self.phones.get(digits(name)) or next(by_id, None)

    def find_chat(self, chat_id: str) -> Chat | None:
        """Find a chat by its id, of which a person's may lack `@c.us`."""
        return self.chats.get(chat_id) or self.chats.get(contact_id(chat_id))

    def find_message(self, name: str) -> Message | None:
        """Find a message by its `message_id` or its `queue_id`."""
        known = (m for m in list(self.messages.values()) if name in (m.message_id, m.queue_id))
        return next(known, None)

    def add_chat(self, name: str | None, phone: str, *, chat_id: str = "", **attributes: Any) -> Chat:
        """Put a chat there, and if it is a group, the phone in it as its creator unless another one is."""
        created = (attributes.pop("created_at", None) or now()).astimezone(UTC)
        updated = attributes.pop("updated_at", None) or created
        while not chat_id:
            made_up = new_group_id()
            chat_id = "" if made_up in self.chats else made_up
        # WhatsApp knows the birth of a group in whole seconds.
        chat = Chat(chat_id, name, phone, created.replace(microsecond=0), updated, **attributes)
        if chat.chat_type == "group":
            creates = not any(member.is_super_admin for member in chat.members.values())
            owner = self.new_member(phone)
            owner.is_admin = owner.is_super_admin = creates
            chat.members = {owner.contact_id: owner, **chat.members}
            chat.invite_link = chat.invite_link or invite_link()
        with self._lock:
            self.chats[chat.chat_id] = chat
            self._newest_first = None
        return chat

    def touch(self, chat: Chat) -> None:
        """Note that the chat has changed: it moves to the front of the list."""
        with self._lock:
            chat.updated_at = now()
            self._newest_first = None

    def listed(self, chat_type: str | None = None, label: str | None = None) -> list[Chat]:
        """List the chats as the API does, newest update first."""
        with self._lock:
            if self._newest_first is None:
                self._newest_first = sorted(self.chats.values(), key=attrgetter("updated_at"), reverse=True)
            chats = self._newest_first
        moment = time.monotonic()
        chats = [chat for chat in chats if chat.listed_from <= moment]
        if chat_type:
            chats = [chat for chat in chats if chat.chat_type == chat_type]
        return [chat for chat in chats if chat.has_label(label)] if label else chats

    def new_member(self, number: str, **attributes: Any) -> Member:
        """Describe a person as a group shows them."""
        number = digits(number)
        person = hidden_id(number) if number in self.hidden_numbers else contact_id(number)
        return Member(person, self.contact_names.get(number), **attributes)

    def member(self, chat: Chat, person: str) -> Member | None:
        """Find a person in a chat, by their number or their id."""
        return chat.members.get(contact_id(person)) or chat.members.get(hidden_id(person))

    def add_person(
        self, chat: Chat, number: str, *, force: bool = False, listed_from: float = 0.0
    ) -> dict[str, Any]:
        """
        Add a person to the group, or invite who cannot be added.

        :return: what the API says of this person.
        """
        number, person = digits(number), contact_id(number)
        if self.member(chat, number):
            return refusal(409, "Participant is already in the group")
        if number in self.not_on_whatsapp:
            return refusal(404, "Participant is not on WhatsApp")
        if number in self.left_recently:
            return refusal(408, "Participant left the group recently")
        if len(chat.members) >= GROUP_SIZE:
            return refusal(419, "Group is full")
        if number in self.refusing:
            return {**refusal(403, "Participant could not be invited"), "isInviteV4Sent": False}
        chat.invited = [other for other in chat.invited if other != person]
        if number in self.not_in_contacts and not force:
            chat.invited.append(person)
            self.invitations.append(Invitation(number, chat.chat_id))
            invited = {"message": "Invite sent to participant", "isInviteV4Sent": True}
            return {"is_success": True, "code": 403, **invited}
        member = self.new_member(number, listed_from=listed_from)
        chat.members[member.contact_id] = member
        return {"is_success": True, "code": 200}

    def change_person(self, chat: Chat, person: str, change: str) -> dict[str, Any]:
        """
        Remove, promote or demote a person.

        :return: what the API says of this person.
        """
        member = self.member(chat, person)
        if member is None:
            return refusal(404, "Participant is not in the group")
        if member.is_super_admin and change != "promote":
            return refusal(403, "The creator of the group stays")
        if change == "remove" and member.is_admin:
            return refusal(403, "Participant is an admin")
        if change == "remove":
            del chat.members[member.contact_id]
            chat.removed.append(member.contact_id)
        else:
            member.is_admin = change == "promote"
        return {"is_success": True, "code": 200}

    def leave(self, chat: Chat, number: str) -> None:
        """Let a person or a phone leave; if no admin is left, WhatsApp makes a random member one."""
        member = self.member(chat, number)
        if member:
            del chat.members[member.contact_id]
        people = list(chat.members.values())
        if people and not any(other.is_admin for other in people):
            random.choice(people).is_admin = True  # noqa: S311
        chat.exited = not chat.numbers_in(self.phones)
        self.touch(chat)

    def send(self, phone: Phone, chat: Chat, content: dict[str, Any], **attributes: Any) -> Message:
        """Put a message into the queue of a phone; it fails for good where it cannot arrive."""
        delays = (self.sent_after, self.delivered_after, self.read_after)
        message = Message(chat.chat_id, phone, content, delays, **attributes)
        silent = chat.messages_admins_only and not chat.admits(phone)
        stranger = chat.chat_type == "group" and phone.contact_id not in chat.members
        if silent or stranger or digits(chat.chat_id) in self.not_on_whatsapp:
            message.is_failing, message.stays_for = True, FOR_EVER
        return self.keep(chat, message)

    def keep(self, chat: Chat, message: Message) -> Message:
        """Add a message to a chat."""
        chat.messages.append(message)
        self.messages[message.unique_id] = message
        self.touch(chat)
        return message

    def queue(self, phone: Phone) -> list[Message]:
        """List the messages that wait in the queue of a phone, oldest first."""
        return [m for m in list(self.messages.values()) if m.phone is phone and m.is_waiting]


def refusal(code: int, message: str) -> dict[str, Any]:
    """Say of one person that it did not work, under HTTP 200."""
    return {"is_success": False, "code": code, "message": message}
