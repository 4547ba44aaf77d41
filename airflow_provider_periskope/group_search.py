"""Looking for groups of a name among all chats of a phone, in a list that moves while it is read."""

from __future__ import annotations

import logging
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_periskope.models import Chat, row_id
from airflow_provider_periskope.phone_numbers import is_phone_id, mask_creator

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_periskope.hooks.periskope import PeriskopeHook

log = logging.getLogger(__name__)

PAGES_BETWEEN_LOGS = 10


@dataclass(frozen=True)
class Sighting:
    """
    A group of the name that was looked for.

    :param chat_id: its id.
    :param invite_link: its link, if the list told.
    :param created_at: when it was made by the API's clock, if the list told.
    :param phone_known: whether the list told that it belongs to the phone; one of another phone is no sighting.
    """

    chat_id: str
    invite_link: str | None
    created_at: datetime | None
    phone_known: bool

    def __str__(self) -> str:
        made = f"made {self.created_at:%Y-%m-%d %H:%M:%S %Z}" if self.created_at else "made nobody knows when"
        return f"{mask_creator(self.chat_id)} ({made}{'' if self.phone_known else ', phone not told'})"


def same_name(name: object) -> str:
    """Return a name in the form in which two names of one group are equal: NFC, white space collapsed, case kept."""
    return " ".join(unicodedata.normalize("NFC", name).split()) if isinstance(name, str) else ""


class GroupSearch:
    """
    A search for the groups of one name that the hook's phone is in.

    The list is read newest change first, by offset: what changes while it is read moves to its front, behind the
    reader. So after a full reading the front is read again, up to the first row that has not changed since.

    :param hook: hook of the phone.
    :param name: name of the group.
    """

    def __init__(self, hook: PeriskopeHook, name: str) -> None:
        self._hook = hook
        self.name = name
        self._wanted = same_name(name)
        self._own = set() if is_phone_id(hook.phone) else {hook.phone}
        self._own_is_resolved = False
        self._front: dict[str, Any] = {}
        self._pages = 0
        self.sightings: dict[str, Sighting] = {}

    @property
    def spans_pages(self) -> bool:
        """Whether the list is longer than its first page, so that its front is not all of it."""
        return self._pages > 1

    def read_all(self) -> None:
        """Read the whole list, then what moved to its front meanwhile."""
        self._read(until_unchanged=False)
        if self.spans_pages:
            self.read_front()

    def read_front(self) -> None:
        """Read the list up to where it has not changed since the last reading."""
        self._read(until_unchanged=True)

    def _read(self, *, until_unchanged: bool) -> None:
        before = self._front
        rows = number = 0
        # Each page is let go before the next one is read (enumerate() would hold on to it): were two there at a time,
        # the garbage collector would take as long as all the rest.
        for page in self._hook.iter_chat_pages("group"):
            number += 1  # noqa: SIM113
            rows += len(page)
            if number == 1:
                self._front = {row_id(row): row.get("updated_at") for row in page}
            for row in page:
                self._see(row)
            if number % PAGES_BETWEEN_LOGS == 0:
                log.info("Looking for group %r: %s chats read so far.", self.name, f"{rows:,}")
            last = page[-1]
            if until_unchanged and before.get(row_id(last), before) == last.get("updated_at"):
                return
            if not until_unchanged:
                self._pages = number
            del page, row, last

    def _see(self, row: dict[str, Any]) -> None:
        # Plain values first: of a hundred thousand rows hardly one is worth a model.
        if same_name(row.get("chat_name")) != self._wanted:
            return
        chat = Chat.model_validate(row)
        # Of a group that two phones of the organisation are in, there may be a row for each, or one that names both.
        owners = {_digits_of(phone) for phone in (chat.org_phone, *(chat.chat_org_phones or ()))} - {""}
        of_another = bool(owners) and not any(self._is_own(owner) for owner in sorted(owners))
        if of_another and self._own:
            return
        if chat.is_exited or chat.chat_type not in (None, "group"):
            self.sightings.pop(chat.chat_id, None)
            return
        self.sightings[chat.chat_id] = Sighting(
            chat_id=chat.chat_id,
            invite_link=chat.invite_link,
            created_at=chat.created_at,
            phone_known=bool(owners and not of_another),
        )

    def _is_own(self, owner: str) -> bool:
        # A phone id says nothing, and of one number WhatsApp may keep an older form than the connection has.
        if owner not in self._own and not self._own_is_resolved:
            self._own |= {_digits_of(self._hook.get_phone().org_phone)} - {""}
            self._own_is_resolved = True
        return owner in self._own


def _digits_of(contact_id: str | None) -> str:
    return (contact_id or "").partition("@")[0]
