"""A message that is sent once: recognising our own in the queue of a phone and among the messages of a chat."""

from __future__ import annotations

import hashlib
import json
import logging
import time
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypedDict, cast

from airflow_provider_periskope.exceptions import (
    PeriskopeConflictError,
    PeriskopeNotFoundError,
    PeriskopeOutcomeUnknownError,
    PeriskopeValidationError,
)
from airflow_provider_periskope.models import MessageStatus, PollSettings
from airflow_provider_periskope.once import rule
from airflow_provider_periskope.once.record import Record
from airflow_provider_periskope.phone_numbers import mask_chat, mask_numbers, masked

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_periskope.hooks.periskope import PeriskopeHook
    from airflow_provider_periskope.models import Message, NewMessage, QueueJob
    from airflow_provider_periskope.once.doubt import Attempt, Window

log = logging.getLogger(__name__)

LONGEST_PAUSE = 10.0
"""Seconds between two looks while absence is being proven."""

FILES = {"image", "video", "document", "audio"}


class MessageResult(TypedDict):
    """
    A message that a task has sent, or that was found to be sent.

    :ivar unique_id: its id.
    :ivar queue_id: id of its job in the queue, if known.
    :ivar status: how far it was known to be: ``queued``, ``sent``, ``delivered`` or ``read``.
    :ivar queued_at: when it was sent to the API, by the worker's clock, in ISO 8601.
    """

    unique_id: str
    queue_id: str | None
    status: str
    queued_at: str


@dataclass(frozen=True)
class Sighting:
    """
    A message of the content that was looked for.

    :param unique_id: its id.
    :param queue_id: id of its job in the queue, if known.
    :param status: how far it is.
    :param at: when it was queued or sent, by the worker's clock, if known.
    """

    unique_id: str
    queue_id: str | None
    status: str
    at: datetime | None

    def __str__(self) -> str:
        return f"{mask_numbers(self.unique_id)} ({f'{self.at:%Y-%m-%d %H:%M:%S %Z}' if self.at else 'time unknown'})"


def same_text(text: str | None) -> str:
    """Return a text in the form in which two texts of one message are equal: NFC, white space at line ends removed."""
    lines = unicodedata.normalize("NFC", text or "").replace("\r\n", "\n").split("\n")
    return "\n".join(line.rstrip() for line in lines).strip()


class OneMessage:
    """
    A message for :func:`~airflow_provider_periskope.once.rule.make_once`.

    :param hook: hook of the phone.
    :param message: the message, checked.
    :param occasion: what distinguishes this message from an equal one, such as the run and the task. A poll gets an id
        that is derived from it.
    :param start: number of the first try since the clear with which a new message is wanted; 1 for none. What was sent
        before that try is another message.
    """

    looks_first = False

    def __init__(self, hook: PeriskopeHook, message: NewMessage, *, occasion: str, start: int = 1) -> None:
        self._hook = hook
        self._text = same_text(message.message)
        self.kind = "message" if start == 1 else f"message_{start}"
        self.identity = self._digest(message)
        self._message = self._with_poll_id(message, occasion)
        self._absent_since: datetime | None = None
        self._looked_at = datetime.now(UTC)
        self._why_unproven = ""

    def __str__(self) -> str:
        return f"message to {mask_chat(self._message.chat_id)}"

    @property
    def settling(self) -> timedelta:
        """How long after a request has ended its message may still appear in the queue or the chat."""
        return self._hook.settling_time or rule.SETTLING

    def send(self, before_sending: Callable[[], None]) -> MessageResult:
        """Send the request; see :meth:`.rule.Once.send`."""
        at = datetime.now(UTC)
        queued = self._hook.send_message(self._message, before_sending=before_sending)
        log.info("Queued: %s. Its unique_id: %s", self, queued.unique_id)
        return MessageResult(
            unique_id=queued.unique_id, queue_id=queued.queue_id, status="queued", queued_at=at.isoformat()
        )

    def look(self, window: Window | None, *, last: bool) -> MessageResult | None:
        """
        Look for the message in the queue of the phone, then in its chat; see :meth:`.rule.Once.look`.

        A message in a queue that cannot be read, or that a phone is just sending, is in neither. So that it is in
        neither proves something only where the phone is ready and the queue can be read, both for as long as a message
        may take to appear.

        :raises PeriskopeOutcomeUnknownError: if absence proves nothing at the last look.
        :raises PeriskopeConflictError: if it cannot be told whether a message is ours, at the last look.
        """
        if window is None:
            return None
        while True:
            if found := self._look_once(window, last=last):
                log.info("Found %s: %s. Nothing is sent.", self, found)
                return MessageResult(
                    unique_id=found.unique_id,
                    queue_id=found.queue_id,
                    status=found.status,
                    queued_at=(found.at or window.opens_at).isoformat(),
                )
            if not last:
                return None
            if self._absent_since is None:
                raise PeriskopeOutcomeUnknownError(
                    f"It is unknown whether a message was sent: {self._why_unproven}.",
                    what_to_do="See that the phone is connected in the Periskope console, then let this task retry.",
                    details=[f"It is the {self} ({self._origin}). Nothing more was sent."],
                )
            left = (self._absent_since + self.settling - self._looked_at).total_seconds()
            if left <= 0:
                return None
            time.sleep(min(left, LONGEST_PAUSE))

    def _look_once(self, window: Window, *, last: bool) -> Sighting | None:
        # The queue first: what leaves it meanwhile is in the chat after that.
        jobs = self._queue()
        # Between both requests, so that their duration does not count as absence.
        self._looked_at = datetime.now(UTC)
        seen = [*self._seen_in_queue(jobs or [], window), *self._seen_in_chat(window)]
        certain = [sighting for sighting in seen if sighting.at and window.is_certain(sighting.at)]
        if certain:
            return max(certain, key=lambda sighting: sighting.at or window.opens_at)
        if seen and last:
            raise PeriskopeConflictError(
                f"It is not certain that this run sent its {self}.",
                what_to_do="Look into the chat. If the message is there, mark this task as success; otherwise clear it "
                "with resend=True.",
                details=[
                    f"Equal messages, maybe of other runs: {', '.join(map(str, seen[:5]))}. Nothing was sent."
                ],
            )
        self._why_unproven = self._why_absence_proves_nothing(jobs, window)
        self._absent_since = None if self._why_unproven else self._absent_since or self._looked_at
        return None

    def _why_absence_proves_nothing(self, jobs: list[QueueJob] | None, window: Window) -> str:
        if jobs is None:
            return "its queue cannot be read"
        if any(self._can_be_ours(job, window) for job in jobs):
            return "its queue does not show what waits in it"
        if not self._hook.get_phone().is_known_to_be_connected:
            return f"phone {masked(self._hook.phone)} is not connected"
        return ""

    def _can_be_ours(self, job: QueueJob, window: Window) -> bool:
        """Return whether a job, which was not recognised as our message, says too little to exclude that it is."""
        at = self._by_our_clock(job.timeline.queued_at if job.timeline else None)
        if job.chat_id not in (None, self._message.chat_id) or (at and not window.contains(at)):
            return False
        content = job.message
        if content is None or (self._text and not content.body):
            return True
        return self._has_our_content(content.type, {same_text(content.body)} if content.body else set())

    def _queue(self) -> list[QueueJob] | None:
        try:
            return self._hook.get_message_queue()
        except (PeriskopeNotFoundError, PeriskopeValidationError) as refused:
            log.warning("The queue of messages is not available: %s", refused.args[0])
            return None

    def _seen_in_queue(self, jobs: list[QueueJob], window: Window) -> Iterator[Sighting]:
        for job in jobs:
            content = job.message
            if job.chat_id != self._message.chat_id or content is None:
                continue
            if not self._has_our_content(content.type, {same_text(content.body)} if content.body else set()):
                continue
            at = self._by_our_clock(job.timeline.queued_at if job.timeline else None)
            if (unique_id := job.unique_id or job.queue_id) and (at is None or window.contains(at)):
                # A job without a time is one that still waits, so it was queued lately.
                yield Sighting(unique_id, job.queue_id, "queued", at or datetime.now(UTC))

    def _seen_in_chat(self, window: Window) -> Iterator[Sighting]:
        try:
            for message in self._hook.iter_messages(self._message.chat_id):
                at = self._by_our_clock(message.timestamp)
                if at and not window.contains(at):
                    return  # newest first
                status = MessageStatus(ack=message.ack)
                if message.from_me is False or status.has_failed or not self._is_ours(message):
                    continue
                how_far = "delivered" if status.is_delivered else "queued" if message.ack == 0 else "sent"
                yield Sighting(message.unique_id or message.message_id, message.sent_message_id, how_far, at)
        except PeriskopeNotFoundError:
            return  # A chat with a person begins with its first message.

    def _is_ours(self, message: Message) -> bool:
        ours, poll = self._message, message.poll_info or {}
        if not _same_id(ours.reply_to, message.quoted_message_id):
            return False
        if (
            ours.poll
            and ours.poll.options
            and ours.poll.options.poll_id
            in (
                poll.get("pollId"),
                (poll.get("options") or {}).get("pollId") if isinstance(poll.get("options"), dict) else None,
            )
        ):
            return True
        name = (message.media or {}).get("filename")
        if ours.media and ours.media.filename and name and name != ours.media.filename:
            return False
        return self._has_our_content(
            message.message_type, {same_text(text) for text in (message.body, message.prev_body) if text}
        )

    def _has_our_content(self, kind: str | None, texts: set[str]) -> bool:
        """Compare what can be compared: a kind or a text that the response lacks does not count against it."""
        ours = self._message
        if ours.poll:
            return kind not in FILES | {"chat"} and (
                not texts or bool(texts & {same_text(ours.poll.poll_name), self._text})
            )
        if ours.media:
            kinds = {ours.media.type, "ptt"} if ours.media.type == "audio" else {ours.media.type}
            return kind in kinds | {None} and (not texts or not self._text or self._text in texts)
        return kind not in FILES and self._text in texts

    def _by_our_clock(self, moment: datetime | None) -> datetime | None:
        return moment - (self._hook.api_clock_ahead or timedelta()) if moment else None

    def _digest(self, message: NewMessage) -> str:
        """Phone, chat and content, as a digest, so that the store holds nobody's number and no text."""
        content: dict[str, Any] = message.model_dump(exclude={"message", "options"}, exclude_none=True)
        written = json.dumps([self._hook.phone, self._text, content], sort_keys=True)
        return hashlib.sha256(written.encode()).hexdigest()

    def _with_poll_id(self, message: NewMessage, occasion: str) -> NewMessage:
        if message.poll is None:
            return message
        settings = message.poll.options or PollSettings.model_validate({})
        if settings.poll_id is None:
            poll_id = hashlib.sha256(f"{self.identity}\n{occasion}".encode()).hexdigest()[:32]
            settings = settings.model_copy(update={"poll_id": poll_id})
        poll = message.poll.model_copy(update={"options": settings})
        return message.model_copy(update={"poll": poll})

    @property
    def _origin(self) -> str:
        return f"connection {self._hook.periskope_conn_id!r}, phone {masked(self._hook.phone)}"


def send_once(thing: OneMessage, attempt: Attempt) -> MessageResult:
    """
    Send a message, or find the one that an earlier attempt has sent.

    :param thing: the message.
    :param attempt: what is known of this try and of earlier ones.
    :return: the message; errors as :func:`~airflow_provider_periskope.once.rule.make_once`.
    """
    latest = attempt.memory.latest(thing.kind)
    if latest and latest.result is not None and latest.on_try == attempt.number:
        # This try has sent it already and has waited since. Its templates may render to another text now.
        return cast("MessageResult", latest.result)
    return cast("MessageResult", rule.make_once(thing, attempt))


def note_failure(thing: OneMessage, attempt: Attempt, result: MessageResult) -> None:
    """
    Note that a message that was sent has failed, so that the next try looks for it before it sends another one.

    :param thing: the message.
    :param attempt: the try.
    :param result: what is known of the message.
    """
    latest = attempt.memory.latest(thing.kind) or Record(thing.identity)
    queued_at = datetime.fromisoformat(result["queued_at"])
    attempt.memory.keep(thing.kind, Record(latest.identity).sent(attempt.number, queued_at))


def _same_id(ours: str | None, quoted: str | None) -> bool:
    """Return whether a message replies to the one that ours replies to; an id may come back in a shorter form."""
    if ours is None or quoted is None:
        return ours is quoted or quoted is None
    return ours.rpartition("_")[2] == quoted.rpartition("_")[2]
