"""What the sandbox knows: phones, people, chats and messages, in memory only."""

from __future__ import annotations

import random
import string
import threading
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any

ORG_ID = "5eb0c0de-0000-4000-8000-706572697363"
INVITE = "https://chat.whatsapp.com/invite"
GROUP_SIZE = 1024
NAME_LENGTH = 100
UNUSED = ("closed_at", "assigned_to", "is_archived", "parent_community_id")


def now() -> datetime:
    """Tell the time with its zone."""
    return datetime.now(UTC)


def letters(count: int, seed: str | None = None) -> str:
    """Make up the tail of an id, always the same one for the same seed."""
    return "".join(random.Random(seed).choices(string.ascii_lowercase, k=count))  # noqa: S311 (no secret)


def invite_link() -> str:
    """Make up a link that nobody had before."""
    return f"{INVITE}/{''.join(random.choices(string.ascii_letters, k=22))}"  # noqa: S311


def contact_id(number: str) -> str:
    """Name a person as the API does: `919876543210@c.us`."""
    return number if number.endswith("@c.us") else f"{number}@c.us"


@dataclass
class Phone:
    """A phone of the organisation."""

    digits: str
    name: str = "Sandbox"
    is_off: bool = False
    created_at: datetime = field(default_factory=now)

    @property
    def phone_id(self) -> str:
        """The other name of the phone, the same at every start."""
        return f"phone-{letters(16, self.digits)}"

    def row(self) -> dict[str, Any]:
        """Show the phone as the API does."""
        row: dict[str, Any] = {
            "org_id": ORG_ID,
            "org_phone": contact_id(self.digits),
            "phone_id": self.phone_id,
        }
        row |= dict.fromkeys(("created_at", "first_connected_at", "updated_at"), self.created_at.isoformat())
        row |= {"phone_name": self.name, "phone_image": None, "qr_code": None, "labels": [], "label_ids": {}}
        return row | {"is_ready": not self.is_off, "wa_state": "DISCONNECTED" if self.is_off else "CONNECTED"}


@dataclass(slots=True)
class Member:
    """A person in a chat."""

    contact_id: str
    contact_name: str | None = None
    is_admin: bool = False
    is_super_admin: bool = False


@dataclass
class Message:
    """A message that was put into the queue, and travels by the clock."""

    chat_id: str
    content: dict[str, Any]
    can_arrive: bool = True
    queued_at: datetime = field(default_factory=now)
    unique_id: str = field(default_factory=lambda: f"message-{letters(16)}")
    queue_id: str = field(default_factory=lambda: f"queue-{letters(16)}")

    @property
    def text(self) -> str | None:
        """The text or the caption."""
        return self.content.get("message")

    def progress(self) -> list[tuple[str, int, datetime]]:
        """List the stages it has passed, each with its `ack` and its time."""
        stages = [("queued", 0, 0.0), ("failed", -1, 0.5)]
        if self.can_arrive:
            stages = [("queued", 0, 0.0), ("sent", 1, 0.5), ("delivered", 3, 1.0), ("read", 4, 2.0)]
        timed = [(status, ack, self.queued_at + timedelta(seconds=after)) for status, ack, after in stages]
        return [stage for stage in timed if stage[2] <= now()]


@dataclass(slots=True)
class Chat:
    """
    A chat, nearly always a group.

    :param listed_from: the moment, by the monotonic clock, from which lists show it.
    :param shown: fields of its row that are shown as given here.
    :param without: fields that its row lacks.
    """

    chat_id: str
    name: str | None
    phone: str
    created_at: datetime
    updated_at: datetime
    chat_type: str = "group"
    members: dict[str, Member] = field(default_factory=dict)
    invited: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    description: str | None = None
    image: str | None = None
    invite_link: str | None = None
    exited: bool = False
    messages_admins_only: bool = False
    info_admins_only: bool = False
    add_members_admins_only: bool = False
    labels: list[str] = field(default_factory=list)
    listed_from: float = 0.0
    shown: dict[str, Any] = field(default_factory=dict)
    without: frozenset[str] = frozenset()

    def row(self) -> dict[str, Any]:
        """Show the chat as the API does in a list."""
        row: dict[str, Any] = {"chat_id": self.chat_id, "chat_name": self.name, "chat_type": self.chat_type}
        row |= {"org_id": ORG_ID, "org_phone": contact_id(self.phone), **dict.fromkeys(UNUSED)}
        row |= {"created_at": self.created_at.isoformat(), "updated_at": self.updated_at.isoformat()}
        row |= {"chat_image": self.image, "group_description": self.description}
        row |= {"invite_link": self.invite_link, "member_count": len(self.members), "is_exited": self.exited}
        for rule in ("messages_admins_only", "info_admins_only", "add_members_admins_only"):
            row[rule] = getattr(self, rule)
        row |= {"labels": self.labels, "label_ids": {label_id(label): True for label in self.labels}}
        row |= {"chat_access": {"sandbox@example.com": True}, "is_muted": False, "custom_properties": {}}
        last = self.messages[-1] if self.messages else None
        row["latest_message"] = {"message_id": last.unique_id, "body": last.text} if last else None
        row |= self.shown
        return (
            {name: value for name, value in row.items() if name not in self.without} if self.without else row
        )

    def member_rows(self) -> dict[str, Any]:
        """Show who is in the chat; people who are only invited do not stand here."""
        shared = {"chat_id": self.chat_id, "org_id": ORG_ID, "org_phone": contact_id(self.phone)}
        return {key: {**asdict(member), **shared} for key, member in self.members.items()}

    def has_label(self, label: str) -> bool:
        """Tell whether the chat carries the label, given by name or by id."""
        return any(label.casefold() in (name.casefold(), label_id(name)) for name in self.labels)


def label_id(name: str) -> str:
    """Give a label its id, the same one each time."""
    return f"label-{letters(16, name.casefold())}"


class WhatsApp:
    """
    The whole state.

    :ivar phones: the organisation's phones by their digits; `is_off` switches one off.
    :ivar not_in_contacts: digits of people who are invited where others are added.
    :ivar not_on_whatsapp: digits of people who have no WhatsApp.
    :ivar contact_names: what the phone calls people, by their digits.
    """

    def __init__(self, phone: str) -> None:
        self.phone = phone
        self._lock = threading.Lock()  # tests change chats in their thread while the server lists them
        self.reset()

    def reset(self) -> None:
        """Forget everything but the first phone."""
        self.phones: dict[str, Phone] = {self.phone: Phone(self.phone)}
        self.chats: dict[str, Chat] = {}
        self.messages: dict[str, Message] = {}
        self.not_in_contacts: set[str] = set()
        self.not_on_whatsapp: set[str] = set()
        self.contact_names: dict[str, str] = {}
        self._newest_first: list[Chat] | None = None

    def find_phone(self, name: str) -> Phone | None:
        """Find a phone by its digits or its id."""
        by_id = (phone for phone in self.phones.values() if phone.phone_id == name)
        return self.phones.get(name.removesuffix("@c.us")) or next(by_id, None)

    def find_chat(self, chat_id: str) -> Chat | None:
        """Find a chat by its id, of which a person's may lack `@c.us`."""
        return self.chats.get(chat_id) or self.chats.get(contact_id(chat_id))

    def add_chat(self, name: str | None, phone: str, *, chat_id: str = "", **attributes: Any) -> Chat:
        """Put a chat there, and if it is a group, the phone in it as its creator."""
        created = (attributes.pop("created_at", None) or now()).astimezone(UTC)
        updated = attributes.pop("updated_at", None) or created
        while not chat_id:
            made_up = f"120363{random.randrange(10**12):012}@g.us"  # noqa: S311
            chat_id = "" if made_up in self.chats else made_up
        # WhatsApp tells the birth of a group in whole seconds.
        chat = Chat(chat_id, name, phone, created.replace(microsecond=0), updated, **attributes)
        if chat.chat_type == "group":
            owner = contact_id(phone)
            chat.members = {owner: Member(owner, self.contact_names.get(phone), True, True), **chat.members}
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

    def add_person(self, chat: Chat, number: str, *, force: bool = False) -> dict[str, Any]:
        """
        Add a person to the group, or invite who can't be added.

        :return: what the API says of this person.
        """
        person, number = contact_id(number), number.removesuffix("@c.us")
        if person in chat.members:
            return refusal(409, "Participant is already in the group")
        if number in self.not_on_whatsapp:
            return refusal(404, "Participant is not on WhatsApp")
        if len(chat.members) >= GROUP_SIZE:
            return refusal(419, "Group is full")
        chat.invited = [other for other in chat.invited if other != person]
        if number in self.not_in_contacts and not force:
            chat.invited.append(person)
            invited = {"message": "Invite sent to participant", "isInviteV4Sent": True}
            return {"is_success": True, "code": 403, **invited}
        chat.members[person] = Member(person, self.contact_names.get(number))
        return {"is_success": True, "code": 200}

    def send(self, chat: Chat, content: dict[str, Any]) -> Message:
        """Queue a message; it arrives a little later, unless nobody is there."""
        message = Message(
            chat.chat_id, content, chat.chat_id.removesuffix("@c.us") not in self.not_on_whatsapp
        )
        chat.messages.append(message)
        self.messages[message.unique_id] = message
        self.touch(chat)
        return message


def refusal(code: int, message: str) -> dict[str, Any]:
    """Say of one person that it did not work, under HTTP 200."""
    return {"is_success": False, "code": code, "message": message}
