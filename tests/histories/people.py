"""A third kind of thing that is made: private invitations, to those who cannot be added to a group."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.histories.groups import PHONES
from tests.histories.history import World
from tests.histories.scheduler import kind_of
from tests.histories.units import EXPECTED, has_no_record, judge_units, old_process_sends, twice_in_list

if TYPE_CHECKING:
    import re
    from collections.abc import Callable

    from tests.histories.network import Request
    from tests.histories.periskope import Periskope
    from tests.histories.units import Unit

IN_CONTACTS, NOT_IN_CONTACTS, THIRD = "919537851844", "919874532456", "919812345678"
EVERYBODY = (IN_CONTACTS, NOT_IN_CONTACTS, THIRD)
NEVER = float("inf")


@dataclass
class Invitation:
    """A private invitation that a person has received."""

    person: str
    chat_id: str
    made_at: float
    request: Request | None
    listed_from: float = NEVER  # Nothing shows who was invited.


@dataclass
class Members:
    """
    Who is in a group.

    :param since: from when on somebody is in it, by number.
    :param shown_from: from when on the API shows that.
    """

    since: dict[str, float] = field(default_factory=dict)
    shown_from: dict[str, float] = field(default_factory=dict)


class People:
    """
    The groups of a phone, and who can be added to them.

    :param periskope: the API that shows them.
    """

    def __init__(self, periskope: Periskope) -> None:
        self.periskope, self.choices = periskope, periskope.choices
        self.timeline = periskope.timeline
        self.members: dict[str, Members] = {}
        self.invitations: list[Invitation] = []
        self.third = self.choices.pick("people: the third", ("is added", "left recently"), 0.4, setting=True)
        periskope.route("POST", r"/chats/([^/]+)/add", self._add)
        periskope.route("GET", r"/chats/([^/]+)", self._show)
        periskope.route("GET", "/phones", self._phone)

    def group(self, chat_id: str) -> Members:
        """Return the members of a group, of which there is one for each id."""
        return self.members.setdefault(chat_id, Members())

    def join(self, chat_id: str, person: str, *, shown_after: float = 0.0) -> None:
        """Let somebody be in a group."""
        members = self.group(chat_id)
        members.since.setdefault(person, self.timeline.now)
        members.shown_from.setdefault(person, self.timeline.now + shown_after)

    def _add(self, request: Request, match: re.Match[str]) -> tuple[int, Any]:
        chat_id = match[1].replace("%40", "@")
        lag = float(self.choices.pick(f"{request.name}: members shown after", (0.1, 5, 25, 50, 90), 0.25))
        return 200, {
            f"{number}@c.us": self._add_one(chat_id, number, request, lag)
            for number in request.body["participants"]
        }

    def _add_one(self, chat_id: str, number: str, request: Request, lag: float) -> dict[str, Any]:
        if number in self.group(chat_id).since:
            return {"is_success": False, "code": 409, "message": "Participant is already in the group"}
        if number == NOT_IN_CONTACTS:
            self.invitations.append(Invitation(number, chat_id, self.timeline.now, request))
            self.periskope.tell(f"  invited for {request.process.name}")
            return {"is_success": False, "code": 403, "message": "Not in contacts", "isInviteV4Sent": True}
        if number == THIRD and self.third == "left recently":
            return {"is_success": False, "code": 408, "message": "Participant left the group recently"}
        self.join(chat_id, number, shown_after=lag)
        return {"is_success": True, "code": 200, "message": "Added"}

    def _show(self, request: Request, match: re.Match[str]) -> tuple[int, Any]:
        chat_id, now = match[1].replace("%40", "@"), self.timeline.now
        shown = [number for number, moment in self.group(chat_id).shown_from.items() if moment <= now]
        people = {f"{number}@c.us": {"is_admin": False, "is_super_admin": False} for number in shown}
        creator = {f"{PHONES['A']}@c.us": {"is_admin": True, "is_super_admin": True}}
        return 200, {"chat_id": chat_id, "chat_type": "group", "members": creator | people}

    def _phone(self, request: Request, _: re.Match[str]) -> tuple[int, Any]:
        return 200, {"org_phone": f"{PHONES['A']}@c.us", "phone_id": "phone-abcdefghijklmnop",
                     "wa_state": "CONNECTED", "is_ready": True}  # fmt: skip


def chat_of(name: str) -> str:
    """Return the group of a name."""
    return f"120363{zlib.crc32(name.encode()):012}@g.us"


def _violations(world: WorldOfPeople, unit: Unit) -> list[str]:
    broken = []
    if len(unit.own) > 1:
        moments = ", ".join(f"{invitation.request.process.name}" for invitation in unit.own)
        broken.append(f"two invitations: {moments}")
    members = world.people.group(chat_of(unit.name)).since
    for end in unit.ends:
        where = f"by {end.process.name}"
        if end.state == "success":
            broken += [
                f"untrue: {outcome} for {person} {where}"
                for person, outcome in end.value.items()
                if not _is_true(outcome, person, members.get(person, NEVER) <= end.moment, unit)
            ]
            if set(end.value) != set(EVERYBODY):
                broken.append(f"somebody left out: {', '.join(end.value)} {where}")
            if "unknown" in end.value.values() and not _may_have_sent(world, unit):
                broken.append(f"unknown, although nothing was sent {where}")
            continue
        kind = type(end.error).__name__
        if not kind.startswith("Periskope") and kind not in EXPECTED:
            broken.append(f"crash: {kind}: {end.error} {where}")
        if kind_of(end.error) == "PeriskopeParticipantsError":
            broken.append(f"failed for its outcomes: {end.error} {where}")
    return broken


def _is_true(outcome: str, person: str, is_in: bool, unit: Unit) -> bool:
    match outcome:
        case "added" | "already_in":
            return is_in
        case "invited":
            return person == NOT_IN_CONTACTS and bool(unit.own)
        case "left_recently":
            return person == THIRD and not is_in
        case _:
            return outcome == "unknown"


def _may_have_sent(world: WorldOfPeople, unit: Unit) -> bool:
    """Return whether a try that remembers what it may can be in doubt."""
    if unit.requests or has_no_record(world) or unit.run.is_mapped:
        return True
    return any(
        world.airflow.starts_of[process][0].run is unit.run for process, _ in world.airflow.recorded_as_sent
    )


def _new_instance(world: WorldOfPeople, unit: Unit, violation: str) -> bool:
    """Return whether a mapped instance that runs for the first time has sent to a group of another one."""
    return len({id(world.airflow.starts_of[one.request.process][0]) for one in unit.own}) > 1


def _record_is_gone(world: WorldOfPeople, unit: Unit, violation: str) -> bool:
    return world.store_was_lost


EXEMPTIONS: dict[str, Callable[[Any, Unit, str], bool]] = {
    "a group twice in the list": twice_in_list,
    "a new mapped instance": _new_instance,
    "the record has expired": _record_is_gone,
    "an old process still sends": old_process_sends,
}
"""What the documentation does not promise, by name: whether it explains what happened to a unit."""


class WorldOfPeople(World):
    """All that takes part in a history of tasks that add people to groups."""

    exemptions = EXEMPTIONS
    interferences = (
        "clears it", "marks it failed and clears it", "clears it with its list", "goes on with the backfill",
    )  # fmt: skip

    def furnish(self) -> None:
        """Let there be groups and people."""
        self.people = People(self.periskope)

    def operator_for(self, name: str, phone: str, _: str, retries: int, retry_delay: float) -> Any:
        """Return the task that adds people."""
        from airflow_provider_periskope.operators.participants import PeriskopeAddParticipantsOperator

        # The operator asks Airflow whether a task without a record has never sent.
        os.environ["AIRFLOW__STATE_STORE__CLEAR_ON_SUCCESS"] = str(self.airflow.release.store_cleared)
        return PeriskopeAddParticipantsOperator(
            task_id="group", chat_id=chat_of(name), participants=list(EVERYBODY), if_not_added="ignore",
            phone=PHONES[phone], retries=retries, retry_delay=timedelta(seconds=retry_delay),
            cool_down=self.cool_down,
        )  # fmt: skip

    def pick_option(self) -> str:
        """Choose nothing: what is done about outcomes changes none of them."""
        return "ignore"

    def surround(self, name: str, begins: float) -> None:
        """Let people be in the group before, or accept the invitation."""
        pick, people = self.choices.pick, self.people
        if pick("world: one is in before", ("no", "yes"), 0.2) != "no":
            people.join(chat_of(name), IN_CONTACTS)
        moment = pick("world: the invited one accepts after", ("never", 30, 200, 1000), 0.3)
        if moment != "never":

            def accept() -> None:
                if any(invitation.chat_id == chat_of(name) for invitation in people.invitations):
                    self.tell("the invited person joins")
                    people.join(chat_of(name), NOT_IN_CONTACTS)

            self.timeline.after(begins + float(moment), accept)

    def judge(self) -> tuple[str | None, list[str]]:
        """Return the promise that was broken, and the exemptions that were needed."""
        return judge_units(
            self,
            lambda request: request.path.endswith("/add"),
            self.people.invitations,
            _violations,
            EXEMPTIONS,
        )
