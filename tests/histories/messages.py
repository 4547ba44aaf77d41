"""Another kind of thing that is made: messages. What the API does with them, and what is promised of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from tests.histories.groups import PHONES
from tests.histories.history import World
from tests.histories.scheduler import kind_of
from tests.histories.units import (
    EXPECTED,
    apart,
    clocks_differ,
    due_at,
    earliest_send,
    judge_units,
    list_cleared_while_running,
    listed_late,
    old_process_sends,
    twice_in_list,
    was_cleared_without_record,
)

if TYPE_CHECKING:
    import re
    from collections.abc import Callable

    from tests.histories.network import Request
    from tests.histories.periskope import Periskope
    from tests.histories.units import Unit

CHAT = "120363000000000001@g.us"
NEVER = float("inf")
BETWEEN_LOOKS = 35.0
"""Seconds, with a look itself."""


@dataclass
class Message:
    """
    A message as it really is.

    :param made_at: when it was queued.
    :param shown_from: from when on the API shows it, in the queue or in the chat.
    :param leaves_queue_at: when the queue listing shows it no longer.
    :param sent_at: when it is out, and the chat shows it.
    :param fails_from: from when on it has the status of a failed one, until it is out.
    """

    unique_id: str
    text: str
    made_at: float
    shown_from: float
    leaves_queue_at: float
    sent_at: float
    fails_from: float = NEVER
    request: Request | None = None

    @property
    def listed_from(self) -> float:
        """From when on somebody who looks every half a minute sees it."""
        is_seen_in_queue = self.leaves_queue_at - self.shown_from > BETWEEN_LOOKS
        if is_seen_in_queue or not self.comes_out:
            return self.shown_from
        return max(self.shown_from, self.sent_at)

    @property
    def comes_out(self) -> bool:
        """Whether it is out, or will be."""
        return self.sent_at < NEVER


class Messages:
    """
    The queue of a phone, and one chat.

    :param periskope: the API that shows them.
    """

    def __init__(self, periskope: Periskope) -> None:
        self.periskope, self.choices = periskope, periskope.choices
        self.timeline = periskope.timeline
        self.all: list[Message] = []
        self.off_from = self.off_until = 0.0
        self._numbers = count(1000)
        pick = self.choices.pick
        self.lacking = pick(
            "queue: jobs lack",
            ("nothing", "the text", "the time", "the chat", "all of it"),
            0.12,
            setting=True,
        )
        self.white_space = pick("chat: texts", ("as sent", "with other white space"), 0.2, setting=True)
        for number in range(int(pick("chat: other messages", (0, 3, 9), 0.3, setting=True))):
            self.add(f"Other {number}", sent_before=3600.0 * (number + 1))
        periskope.route("POST", "/message/send", self._send)
        periskope.route("POST", "/message/queues", self._queue)
        periskope.route("GET", r"/chats/([^/]+)/messages", self._list)
        periskope.route("GET", r"/message/([^/]+)/status", self._status)
        periskope.route("GET", "/phones", self._phone)

    def add(self, text: str, *, sent_before: float = 0.0) -> Message:
        """Let there be a message that was written on the phone."""
        moment = self.timeline.now - sent_before
        message = Message(f"true_{next(self._numbers)}", text, moment, moment, moment, moment)
        self.all.append(message)
        return message

    def _is_off(self, moment: float) -> bool:
        return self.off_from <= moment < self.off_until

    def _send(self, request: Request, _: re.Match[str]) -> tuple[int, Any]:
        pick, now = self.choices.pick, self.timeline.now
        lag = float(pick(f"{request.name}: listed after", (0.1, 5, 25, 50, 90), 0.2))
        waits = float(pick(f"{request.name}: seconds in the queue", (0.4, 4, 40, 200), 0.4))
        gap = float(pick(f"{request.name}: in neither list for", (0, 2, 20, 45), 0.3))
        leaves = now + waits
        if self._is_off(leaves):
            leaves = self.off_until + 1
        sent = leaves + gap
        message = Message(
            f"true_{next(self._numbers)}",
            request.body["message"],
            now,
            now + lag,
            leaves,
            sent,
            request=request,
        )
        fate = pick(f"{request.name}: the phone", ("sends it", "fails, then sends it", "fails for good"), 0.1)
        if fate == "fails, then sends it":
            message.fails_from = leaves
            message.leaves_queue_at, message.sent_at = leaves + 150, leaves + 150 + gap
        elif fate == "fails for good":
            message.fails_from, message.sent_at = leaves, NEVER
        self.all.append(message)
        how = "" if fate == "sends it" else f", the phone {fate}"
        self.periskope.tell(
            f"  queued {message.unique_id} for {request.process.name}, listed after {lag:g} s, "
            f"out after {message.sent_at - now:g} s{how}"
        )
        return 200, {
            "unique_id": message.unique_id,
            "queue_id": f"job-{message.unique_id}",
            "track_by": "unique_id",
        }

    def _queue(self, request: Request, _: re.Match[str]) -> tuple[int, Any]:
        now = self.timeline.now
        jobs = []
        for message in self.all:
            if not message.shown_from <= now < message.leaves_queue_at:
                continue
            job: dict[str, Any] = {
                "queue_id": f"job-{message.unique_id}", "unique_id": message.unique_id, "chat_id": CHAT,
                "message": {"body": message.text, "type": "chat"},
                "timeline": {"queued_at": self._stamp(message.made_at)},
            }  # fmt: skip
            if self.lacking == "the text":
                job["message"] = {"type": "chat"}
            elif self.lacking == "the time":
                job["timeline"] = None
            elif self.lacking == "the chat":
                job["chat_id"] = None
            elif self.lacking == "all of it":
                job["chat_id"] = job["message"] = None
            jobs.append(job)
        return 200, {"jobs": jobs}

    def _list(self, request: Request, _: re.Match[str]) -> tuple[int, Any]:
        now = self.timeline.now
        shown = [message for message in self.all if message.shown_from <= now and message.sent_at <= now]
        shown.sort(key=lambda message: message.sent_at, reverse=True)
        offset, limit = int(request.query["offset"]), int(request.query["limit"])
        rows = [
            {
                "message_id": message.unique_id, "unique_id": message.unique_id, "chat_id": CHAT,
                "body": self._as_listed(message.text), "message_type": "chat", "from_me": True, "ack": 1,
                "timestamp": self._stamp(message.sent_at),
            }
            for message in shown[offset : offset + limit]
        ]  # fmt: skip
        return 200, {"from": offset, "to": offset + len(rows), "count": len(shown), "messages": rows}

    def _as_listed(self, text: str) -> str:
        return text if self.white_space == "as sent" else f"{text}  \r\n"

    def _status(self, request: Request, match: re.Match[str]) -> tuple[int, Any]:
        now = self.timeline.now
        found = [message for message in self.all if message.unique_id == match[1]]
        if not found or found[0].shown_from > now:
            return 404, {"code": "NOT_FOUND_ERROR", "message": "Message not found", "status": 404}
        message = found[0]
        if message.sent_at <= now:
            return 200, {"status": "sent", "ack": 1}
        if message.fails_from <= now:
            return 200, {"status": "queued", "ack": -1}
        return 200, {"status": "queued", "ack": 0}

    def _phone(self, request: Request, _: re.Match[str]) -> tuple[int, Any]:
        is_off = self._is_off(self.timeline.now)
        return 200, {"org_phone": f"{PHONES['A']}@c.us", "phone_id": "phone-abcdefghijklmnop",
                     "wa_state": "DISCONNECTED" if is_off else "CONNECTED", "is_ready": not is_off}  # fmt: skip

    def _stamp(self, moment: float) -> str:
        ahead = self.periskope.clock_ahead + self.periskope.stamps_ahead
        return datetime.fromtimestamp(moment + ahead, UTC).replace(microsecond=0).isoformat()


def _violations(world: WorldOfMessages, unit: Unit) -> list[str]:
    broken = []
    own = {message.unique_id: message for message in unit.own}
    out = [message.unique_id for message in unit.own if message.comes_out]
    if len(out) > 1:
        broken.append(f"two messages: {', '.join(out)}")
    for end in unit.ends:
        where = f"by {end.process.name}"
        if end.state == "success":
            if end.value not in own:
                broken.append(f"another's message: {end.value} {where}")
            elif unit.run.option == "sent" and own[end.value].sent_at > end.moment:
                broken.append(f"not out: {end.value} {where}")
            continue
        kind = type(end.error).__name__
        if not kind.startswith("Periskope") and kind not in EXPECTED:
            broken.append(f"crash: {kind}: {end.error} {where}")
        if kind_of(end.error) == "PeriskopeMessageFailedError" and all(
            message.fails_from == NEVER for message in world.messages.all
        ):
            broken.append(f"called failed: {end.error} {where}")
    return broken


def _looks_like_ours(world: WorldOfMessages, unit: Unit, violation: str) -> bool:
    """Return whether an equal message was sent in the time in which its own can have been."""
    since = earliest_send(world, unit)
    if was_cleared_without_record(world, unit):
        since = min(since, due_at(unit))
    since -= apart(world)
    own = {message.unique_id for message in unit.own}
    return any(
        message.text == unit.name and message.unique_id not in own and message.sent_at >= since
        for message in world.messages.all
    )


EXEMPTIONS: dict[str, Callable[[Any, Unit, str], bool]] = {
    "listed later than is looked": listed_late,
    "a text twice in the list": twice_in_list,
    "clocks differ, and the API does not tell its own": clocks_differ,
    "list cleared while its run goes on, below 3.2": list_cleared_while_running,
    "an equal message of that time": _looks_like_ours,
    "an old process still sends": old_process_sends,
}
"""What the documentation does not promise, by name: whether it explains what happened to a unit."""


class WorldOfMessages(World):
    """All that takes part in a history of tasks that send messages to one group."""

    exemptions = EXEMPTIONS
    interferences = (
        "clears it", "marks it failed and clears it", "clears it with its list", "goes on with the backfill",
    )  # fmt: skip

    def furnish(self) -> None:
        """Let there be a queue and a chat."""
        self.messages = Messages(self.periskope)

    def operator_for(self, text: str, phone: str, wait_for: str, retries: int, retry_delay: float) -> Any:
        """Return the task that sends a message."""
        from airflow_provider_periskope.operators.message import PeriskopeSendMessageOperator

        return PeriskopeSendMessageOperator(
            task_id="group", chat_id=CHAT, message=text, wait_for=wait_for,  # type: ignore[arg-type]
            phone=PHONES[phone], retries=retries, retry_delay=timedelta(seconds=retry_delay),
        )  # fmt: skip

    def pick_option(self) -> str:
        """Choose what the tasks wait for."""
        return str(self.choices.pick("Dag: wait_for", ("sent", "queued"), 0.4, setting=True))

    def surround(self, text: str, begins: float) -> None:
        """Let there be messages of the text that are not the task's, and a phone that is off for a time."""
        pick, messages = self.choices.pick, self.messages
        age = pick("world: an equal message from before", ("none", 86400, 3600, 900), 0.2)
        if age != "none":
            messages.add(text, sent_before=float(age))
            self.tell(f"there is {messages.all[-1].unique_id}, {age} s old")
        moment = pick("world: a person sends the text", ("never", 5, 100, 500, -50), 0.05)
        if moment != "never":

            def by_hand() -> None:
                self.tell(f"a person sends {messages.add(text).unique_id}")

            self.timeline.after(begins + float(moment), by_hand)
        moment = pick("phone: it is not connected from", ("never", -5, 3, 60), 0.15)
        if moment != "never":
            lasts = float(pick("phone: it is not connected for", (120, 30, 900), 0.6))
            messages.off_from = self.timeline.now + begins + float(moment)
            messages.off_until = messages.off_from + lasts
            self.tell(f"the phone is not connected from {begins + float(moment):g} s on, for {lasts:g} s")

    def judge(self) -> tuple[str | None, list[str]]:
        """Return the promise that was broken, and the exemptions that were needed."""
        return judge_units(
            self, lambda request: request.path == "/message/send", self.messages.all, _violations, EXEMPTIONS
        )
