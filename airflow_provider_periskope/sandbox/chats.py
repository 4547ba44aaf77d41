"""A chat and the people in it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_periskope.sandbox.ids import ORG_ID, contact_id, label_id

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from airflow_provider_periskope.sandbox.messages import Message
    from airflow_provider_periskope.sandbox.phones import Phone

UNUSED = ("closed_at", "is_archived", "parent_community_id")


@dataclass(slots=True)
class Member:
    """
    A person in a chat.

    :param listed_from: the moment, by the monotonic clock, from which the chat shows the person.
    """

    contact_id: str
    contact_name: str | None = None
    is_admin: bool = False
    is_super_admin: bool = False
    listed_from: float = 0.0


@dataclass(slots=True)
class Chat:
    """
    A chat, nearly always a group.

    :param phone: the digits of the organisation's phone that it belongs to.
    :param invited: who has been invited and is not in it.
    :param removed: who has been removed from it.
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
    removed: list[str] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    description: str | None = None
    image: str | None = None
    invite_link: str | None = None
    exited: bool = False
    messages_admins_only: bool = False
    info_admins_only: bool = False
    add_members_admins_only: bool = False
    labels: list[str] = field(default_factory=list)
    assigned_to: str | None = None
    custom_properties: dict[str, str] = field(default_factory=dict)
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
        row |= {"chat_access": {"sandbox@example.com": True}, "is_muted": False}
        row |= {"assigned_to": self.assigned_to, "custom_properties": self.custom_properties}
        last = self.messages[-1] if self.messages else None
        row["latest_message"] = {"message_id": last.message_id, "body": last.text} if last else None
        row |= self.shown
        return (
            {name: value for name, value in row.items() if name not in self.without} if self.without else row
        )

    def member_rows(self) -> dict[str, dict[str, Any]]:
        """Show who is in the chat; people who are only invited are not."""
        shared = {"chat_id": self.chat_id, "org_id": ORG_ID, "org_phone": contact_id(self.phone)}
        moment = time.monotonic()
        return {
            key: {
                "contact_id": key,
                "contact_name": member.contact_name,
                "is_admin": member.is_admin,
                "is_super_admin": member.is_super_admin,
                **shared,
            }
            for key, member in list(self.members.items())
            if member.listed_from <= moment
        }

    def sent_messages(self) -> list[Message]:
        """List the messages that the chat shows, newest first."""
        moment = time.monotonic()
        shown = [(message.sent_at, message) for message in list(self.messages)]
        sent = [(at, message) for at, message in shown if at and message.listed_from <= moment]
        return [message for _, message in sorted(sent, key=lambda pair: pair[0], reverse=True)]

    def has_label(self, label: str) -> bool:
        """Tell whether the chat carries the label, given by name or by id."""
        return any(label.casefold() in (name.casefold(), label_id(name)) for name in self.labels)

    def relabel(self, labels: str) -> None:
        """Replace all labels by those of the text, which has commas between them; case does not matter."""
        names = (name.strip() for name in labels.split(","))
        self.labels = list({name.casefold(): name for name in names if name}.values())

    def admits(self, phone: Phone) -> bool:
        """Tell whether the phone is an admin."""
        member = self.members.get(phone.contact_id)
        return member is not None and member.is_admin

    def numbers_in(self, phones: Iterable[str]) -> list[str]:
        """List which of these phones are in the chat."""
        return [contact_id(phone) for phone in phones if contact_id(phone) in self.members]
