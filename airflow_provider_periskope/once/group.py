"""A group that is created once: recognising our own among the chats of a phone, and ``if_exists``."""

from __future__ import annotations

import hashlib
import logging
import unicodedata
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from airflow_provider_periskope.api.chat_list import ChangingList
from airflow_provider_periskope.exceptions import (
    PeriskopeAmbiguousGroupError,
    PeriskopeConflictError,
    PeriskopeGroupExistsError,
    PeriskopeNotFoundError,
)
from airflow_provider_periskope.models import Chat
from airflow_provider_periskope.once import rule
from airflow_provider_periskope.phone_numbers import digits_of, is_phone_id, mask_creator, masked

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from airflow_provider_periskope.hooks.periskope import PeriskopeHook
    from airflow_provider_periskope.models import NewGroup
    from airflow_provider_periskope.once.doubt import Window

log = logging.getLogger(__name__)

LONGEST_NAME = 28
"""Characters of a name that logs and errors show."""

IfExists = Literal["create", "reuse", "fail"]


class GroupResult(TypedDict):
    """
    The group that a task has created or found.

    :ivar chat_id: its id.
    :ivar invite_link: its link, if known.
    :ivar outcome: ``created`` by this run, or ``reused`` from before it.
    """

    chat_id: str
    invite_link: str | None
    outcome: Literal["created", "reused"]


@dataclass(frozen=True)
class Sighting:
    """
    A group of the name that was looked for.

    :param chat_id: its id.
    :param invite_link: its link, if the list contains it.
    :param created_at: when it was created by the API's clock, if the list contains it.
    :param phone_known: whether the list says that it belongs to the phone.
    :param is_of_another: whether the list says that it belongs to another phone. Our phone can be in it all the same.
    """

    chat_id: str
    invite_link: str | None
    created_at: datetime | None
    phone_known: bool
    is_of_another: bool = False

    @property
    def is_clear(self) -> bool:
        """Whether the list says enough to recognise it."""
        return self.created_at is not None and self.phone_known

    def __str__(self) -> str:
        created = (
            f"created {self.created_at:%Y-%m-%d %H:%M:%S %Z}" if self.created_at else "creation time unknown"
        )
        return f"{mask_creator(self.chat_id)} ({created}{'' if self.phone_known else ', phone unknown'})"


def same_name(name: object) -> str:
    """Return a name in the form in which two names of one group are equal: NFC, white space collapsed, case kept."""
    return " ".join(unicodedata.normalize("NFC", name).split()) if isinstance(name, str) else ""


class OneGroup:
    """
    A group for :func:`~airflow_provider_periskope.once.rule.make_once`.

    :param hook: hook of the phone.
    :param group: the group, checked.
    :param if_exists: what to do about groups of this name from before the run.
    """

    kind = "group"

    def __init__(self, hook: PeriskopeHook, group: NewGroup, *, if_exists: IfExists) -> None:
        self._hook = hook
        self._group = group
        self._if_exists = if_exists
        self._name = same_name(group.group_name)
        self._own_digits = set() if is_phone_id(hook.phone) else {hook.phone}
        self._own_digits_are_resolved = False
        self.was_sent = False
        self._seen: dict[str, Sighting] = {}
        self._list = ChangingList(lambda: hook.iter_chat_pages("group"), self._see)

    def __str__(self) -> str:
        name = self._group.group_name
        return f"group {name if len(name) <= LONGEST_NAME else f'{name[:LONGEST_NAME]}…'!r}"

    @property
    def identity(self) -> str:
        """Phone and name, as a digest, so that the store holds nobody's number."""
        return hashlib.sha256(f"{self._hook.phone}\n{self._name}".encode()).hexdigest()

    @property
    def looks_first(self) -> bool:
        """Whether groups from before the run matter."""
        return self._if_exists != "create"

    @property
    def settling(self) -> timedelta:
        """How long after a request has ended its group may still appear in the list."""
        return self._hook.settling_time or rule.SETTLING

    def send(self, before_sending: Callable[[], None]) -> GroupResult:
        """Send the request; see :meth:`.rule.Once.send`."""
        self.was_sent = True
        chat = self._hook.create_group(self._group, before_sending=before_sending)
        log.info(
            "Created %s, people added or invited: %d. Chat ID: %s. PeriskopeGroupMembersSensor shows who is in.",
            self,
            len(self._group.participants),
            mask_creator(chat.chat_id),
        )
        return GroupResult(chat_id=chat.chat_id, invite_link=chat.invite_link, outcome="created")

    def look(self, window: Window | None, *, last: bool) -> GroupResult | None:
        """
        Look for the group in the list of the phone's chats; see :meth:`.rule.Once.look`.

        :raises PeriskopeAmbiguousGroupError: if several groups match, or one of which the list says too little.
        :raises PeriskopeGroupExistsError: if one exists from before the run, and ``if_exists="fail"``.
        """
        # How the list is sorted is not documented: before anything is sent, no row may have gone unread.
        if self._list.is_read and not (last and self._list.spans_pages):
            self._list.read_front()
        else:
            self._list.read_all()
        if window and (candidates := self._candidates(window)):
            if len(candidates) == 1 and not candidates[0].is_clear and not last:
                return None  # The API may still fill in what is missing.
            if own := self._only_one(candidates, window):
                log.info("Found %s: %s. Nothing is sent.", self, own)
                return _result(own, "created")
        # An earlier try may have found none from before the run and have sent, so its own group comes first.
        if last and self._if_exists != "create" and not self.was_sent and self._from_before():
            older = self._older()
            log.info("Reusing %s: %s. Nothing is sent.", self, older)
            return _result(older, "reused")
        return None

    def _candidates(self, window: Window) -> list[Sighting]:
        in_time = [
            seen
            for seen in self._seen.values()
            if seen.created_at is None or window.contains(self._by_our_clock(seen.created_at))
        ]
        return [checked for seen in in_time if (checked := self._checked(seen))]

    def _only_one(self, candidates: list[Sighting], window: Window) -> Sighting | None:
        first = candidates[0]
        if len(candidates) > 1:
            raise self._ambiguous(f"Several groups match: {self}.", candidates)
        if first.created_at is None or not first.phone_known:
            raise self._ambiguous(f"One group may be {self}, but too little is known of it.", candidates)
        if window.is_certain(self._by_our_clock(first.created_at)):
            return first
        if self._if_exists == "reuse":
            return None
        raise self._ambiguous(f"It is not certain that this run created {self}.", candidates)

    def _by_our_clock(self, created_at: datetime) -> datetime:
        return created_at - (self._hook.api_clock_ahead or timedelta())

    def _checked(self, seen: Sighting) -> Sighting | None:
        """Return the group unless another phone has created it; several phones of the organisation can be in it."""
        try:
            members = self._hook.get_chat(seen.chat_id).members or {}
        except PeriskopeNotFoundError:
            members = {}
        creators = {digits_of(person) for person, member in members.items() if member.is_super_admin}
        # A creator that is known only by an id without a number says nothing.
        numbers = sorted(digits for digits in creators if digits)
        if not numbers:
            # A row that names another phone alone can be that of our group, but only if our phone is in it.
            is_possible = not seen.is_of_another or any(self._is_own(digits_of(person)) for person in members)
            return seen if is_possible else None
        if any(map(self._is_own, numbers)):
            return replace(seen, phone_known=True, is_of_another=False)
        return None if self._own_digits else seen

    def _from_before(self) -> list[Sighting]:
        # The row of a group of ours may name another phone that is in it.
        checked = (self._checked(seen) if seen.is_of_another else seen for seen in self._seen.values())
        return [seen for seen in checked if seen and not seen.is_of_another]

    def _older(self) -> Sighting:
        older = self._from_before()
        if self._if_exists == "fail":
            raise PeriskopeGroupExistsError(
                f"{str(self).replace('g', 'G', 1)} already exists, and if_exists='fail'.",
                what_to_do="Choose another name, or use if_exists='reuse' to continue with that group.",
                details=[f"From before this run, on {self._whose}: {_listed(older)}. Nothing was sent."],
            )
        if len(older) == 1 and older[0].phone_known:
            return older[0]
        if len(older) > 1:
            raise self._ambiguous(f"Several groups match: {self}.", older, "if_exists='reuse' needs one.")
        raise self._ambiguous(f"It is unknown whether this phone is in {self}.", older)

    def _ambiguous(self, what: str, candidates: list[Sighting], *more: str) -> PeriskopeConflictError:
        return PeriskopeAmbiguousGroupError(
            what,
            chat_ids=[candidate.chat_id for candidate in candidates],
            what_to_do=f"On {self._whose}, leave or rename the wrong ones, then clear this task; or use a chat ID from "
            "this message.",
            details=[f"{_listed(candidates)}. Nothing more was sent.", *more],
        )

    @property
    def _whose(self) -> str:
        return f"phone {masked(self._hook.phone)} of connection {self._hook.periskope_conn_id!r}"

    def _see(self, row: dict[str, Any]) -> None:
        # Plain values first: of a hundred thousand rows hardly one needs a model.
        if same_name(row.get("chat_name")) != self._name:
            return
        chat = Chat.model_validate(row)
        # For a group that two phones of the organisation are in, there may be a row for each, or one that names both.
        owners = {digits_of(phone) for phone in (chat.org_phone, *(chat.chat_org_phones or ()))} - {""}
        is_of_another = bool(owners) and not any(self._is_own(owner) for owner in sorted(owners))
        if is_of_another and self._own_digits:
            # A row for another phone does not override what a row for ours says.
            before = self._seen.get(chat.chat_id)
            if (before and not before.is_of_another) or chat.is_exited:
                return
        elif chat.is_exited or chat.chat_type not in (None, "group"):
            self._seen.pop(chat.chat_id, None)
            return
        self._seen[chat.chat_id] = Sighting(
            chat_id=chat.chat_id,
            invite_link=chat.invite_link,
            created_at=chat.created_at,
            phone_known=bool(owners and not is_of_another),
            is_of_another=is_of_another and bool(self._own_digits),
        )

    def _is_own(self, digits: str) -> bool:
        # A phone id contains no number, and of one number WhatsApp may keep an older form than the connection has.
        if digits not in self._own_digits and not self._own_digits_are_resolved:
            self._own_digits |= {digits_of(self._hook.get_phone().org_phone)} - {""}
            self._own_digits_are_resolved = True
        return digits in self._own_digits


def _result(seen: Sighting, outcome: Literal["created", "reused"]) -> GroupResult:
    return GroupResult(chat_id=seen.chat_id, invite_link=seen.invite_link, outcome=outcome)


def _listed(sightings: list[Sighting]) -> str:
    return ", ".join(str(sighting) for sighting in sightings)
