"""The kind of thing that is made: groups. What the API does with them, and what is promised of them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.histories.network import Request
    from tests.histories.periskope import Periskope

PERSON = "919537851844"
PHONES = {"A": "918527184400", "B": "917011223344"}


@dataclass
class Group:
    """A group as it really is."""

    chat_id: str
    name: str
    phone: str
    made_at: float
    created_at: str
    updated_at: float
    listed_from: float
    members: list[str] = field(default_factory=list)
    request: Request | None = None
    is_exited: bool = False
    was_changed: bool = False

    def __post_init__(self) -> None:
        self.first_name = self.name


class Groups:
    """
    The groups of an organisation.

    :param periskope: the API that shows them.
    """

    def __init__(self, periskope: Periskope) -> None:
        self.periskope, self.choices = periskope, periskope.choices
        self.all: list[Group] = []
        self._numbers = count(1000)
        pick = self.choices.pick
        self.order = pick("list: order", ("newest change first", "oldest first"), 0.1, setting=True)
        self.lacking = pick(
            "list: rows lack",
            ("nothing", "created_at at first", "created_at", "org_phone"),
            0.08,
            setting=True,
        )
        self.shared = pick(
            "list: a group of two phones",
            ("creator's row", "a row each", "one row, both named"),
            0.5,
            setting=True,
        )
        if (
            pick("list: org_phone of a group", ("its creator", "whoever is in it"), 0.04, setting=True)
            != "its creator"
        ):
            self.shared = "other's row"
        self.shows_creator = pick(
            "chat: creator", ("marked", "without a number", "not marked"), 0.3, setting=True
        )
        for number in range(int(pick("list: other groups", (0, 2, 7, 12), 0.3, setting=True))):
            self.add(f"Other {number}", "A", made_before=86400.0 * (number + 1))
        periskope.route("POST", "/chats/create", self._create)
        periskope.route("GET", "/chats", self._list)
        periskope.route("GET", r"/chats/([^/]+)", self._show)
        periskope.route("GET", "/phones", self._phone)

    def add(
        self,
        name: str,
        phone: str,
        *,
        made_before: float = 0.0,
        listed_after: float = 0.0,
        members: list[str] | None = None,
        request: Request | None = None,
    ) -> Group:
        """Let there be a group, made by one of the phones."""
        timeline, periskope = self.periskope.timeline, self.periskope
        made_at = timeline.now - made_before
        stamp = periskope.stamp(periskope.stamps_ahead - made_before).replace(microsecond=0)
        group = Group(
            f"120363{next(self._numbers):012}@g.us", name, phone, made_at, stamp.isoformat(), made_at,
            timeline.now + listed_after, [phone, *(members or [])], request,
        )  # fmt: skip
        self.all.append(group)
        return group

    def named(self, name: str) -> list[Group]:
        """Return the groups of a name."""
        return [group for group in self.all if group.name == name]

    def _create(self, request: Request, _: re.Match[str]) -> tuple[int, Any]:
        (phone,) = (key for key, digits in PHONES.items() if digits == request.headers["x-phone"])
        lag = float(self.choices.pick(f"{request.name}: listed after", (0.5, 5, 25, 50, 58, 90), 0.3))
        digits_of_phones = {digits: key for key, digits in PHONES.items()}
        members = [
            digits_of_phones[person] for person in request.body["participants"] if person in digits_of_phones
        ]
        group = self.add(
            request.body["group_name"], phone, listed_after=lag, members=members, request=request
        )
        self.periskope.tell(f"  made {group.chat_id} for {request.process.name}, listed after {lag:g} s")
        row = self._rows(group)[0] | {"org_phone": f"{PHONES[phone]}@c.us", "created_at": group.created_at}
        return 200, row

    def _rows(self, group: Group) -> list[dict[str, Any]]:
        phones = list(dict.fromkeys(group.members)) if self.shared != "creator's row" else [group.phone]
        if self.shared == "one row, both named":
            phones = [group.phone]
        elif self.shared == "other's row":
            phones = phones[-1:]
        at_first = self.lacking == "created_at at first" and (
            self.periskope.timeline.now < group.listed_from + 15
        )
        rows = []
        for phone in phones:
            row: dict[str, Any] = {
                "chat_id": group.chat_id, "chat_name": group.name, "chat_type": "group",
                "org_phone": f"{PHONES[phone]}@c.us", "created_at": group.created_at,
                "updated_at": str(group.updated_at), "is_exited": group.is_exited,
                "invite_link": f"https://chat.whatsapp.com/{group.chat_id[6:18]}",
            }  # fmt: skip
            if self.shared == "one row, both named" and len(group.members) > 1:
                row["chat_org_phones"] = [f"{PHONES[phone]}@c.us" for phone in group.members]
            if at_first or self.lacking == "created_at":
                row["created_at"] = None
            if self.lacking == "org_phone":
                row["org_phone"] = None
            rows.append(row)
        return rows

    def _list(self, request: Request, _: re.Match[str]) -> tuple[int, Any]:
        now = self.periskope.timeline.now
        listed = [group for group in self.all if group.listed_from <= now]
        newest_first = self.order == "newest change first"
        listed.sort(
            key=lambda group: group.updated_at if newest_first else group.made_at, reverse=newest_first
        )
        rows = [row for group in listed for row in self._rows(group)]
        offset, limit = int(request.query["offset"]), int(request.query["limit"])
        chats = rows[offset : offset + limit]
        # What happens before the next page is read.
        moves = self.choices.pick(
            f"{request.name}: list moves",
            ("not", "one to the front", "the last to the front", "one goes"),
            0.15,
        )
        others = [group for group in listed if group.name.startswith("Other")]
        if moves == "one to the front" and listed:
            listed[len(listed) // 2].updated_at = now + 0.001
        elif moves == "the last to the front" and listed:
            listed[-1].updated_at = now + 0.001
        elif moves == "one goes" and others:
            self.all.remove(others[0])
        return 200, {"from": offset, "to": offset + len(chats), "count": len(rows), "chats": chats}

    def _show(self, request: Request, match: re.Match[str]) -> tuple[int, Any]:
        chat_id = match[1].replace("%40", "@")
        (group,) = (group for group in self.all if group.chat_id == chat_id)
        members = {}
        for phone in group.members:
            is_creator = phone == group.phone and self.shows_creator != "not marked"
            hidden = phone == group.phone and self.shows_creator == "without a number"
            key = f"5551{PHONES[phone]}@lid" if hidden else f"{PHONES[phone]}@c.us"
            members[key] = {"is_admin": is_creator, "is_super_admin": is_creator}
        members[f"{PERSON}@c.us"] = {"is_admin": False, "is_super_admin": False}
        return 200, self._rows(group)[0] | {"members": members}

    def _phone(self, request: Request, _: re.Match[str]) -> tuple[int, Any]:
        return 200, {"org_phone": f"{request.headers['x-phone']}@c.us", "phone_id": "phone-abcdefghijklmnop",
                     "wa_state": "CONNECTED", "is_ready": True}  # fmt: skip


def operator_for(
    name: str, phone: str, if_exists: str, retries: int, retry_delay: float, cool_down: timedelta | None
) -> Any:
    """Return the task that makes a group."""
    from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

    others = [digits for key, digits in PHONES.items() if key != phone]
    return PeriskopeCreateGroupOperator(
        task_id="group",
        group_name=name,
        participants=[PERSON, *others],
        if_exists=if_exists,  # type: ignore[arg-type]
        phone=PHONES[phone],
        retries=retries,
        retry_delay=timedelta(seconds=retry_delay),
        cool_down=cool_down,
    )


def ids_in(text: str) -> list[str]:
    """Return the chat ids that an error names."""
    return re.findall(r"\d{18}@g\.us", text)
