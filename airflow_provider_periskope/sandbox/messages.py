"""A message and its way: from the queue of a phone to WhatsApp, and to the people."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_periskope.sandbox.ids import FOR_EVER, ORG_ID, contact_id, letters, now

if TYPE_CHECKING:
    from airflow_provider_periskope.sandbox.phones import Phone


@dataclass
class Message:
    """
    A message in the queue of a phone, or in a chat.

    :param content: the body of its send, without `chat_id`.
    :param delays: how many seconds after the stage before it is sent, delivered and read.
    :param sender: the number of the person who wrote it, None for the phone.
    :param performed_by: `api` for a send, None for what was written on a phone.
    :param stays_for: how many seconds it stays in the queue at least, `FOR_EVER` for good.
    :param is_failing: whether it counts as failed while it stays in the queue longer than usual.
    :param listed_from: the moment, by the monotonic clock, from which the chat shows it.
    :param prev_body: its text before it was edited.
    """

    chat_id: str
    phone: Phone
    content: dict[str, Any]
    delays: tuple[float, float, float] = (0.0, 0.0, 0.0)
    sender: str | None = None
    performed_by: str | None = "api"
    stays_for: float = 0.0
    is_failing: bool = False
    listed_from: float = 0.0
    prev_body: str | None = None
    is_deleted: bool = False
    queued_at: datetime = field(default_factory=now)
    unique_id: str = field(default_factory=lambda: f"message-{letters(16)}")
    queue_id: str = field(default_factory=lambda: f"queue-{letters(16)}")
    _was_held: bool = False
    _sent_at: datetime | None = None

    @property
    def text(self) -> str | None:
        """The text, the caption or the question."""
        text: str | None = self.content.get("message")
        return text if text is not None else self.content.get("poll", {}).get("pollName")

    @property
    def kind(self) -> str:
        """What the API calls its type."""
        if "poll" in self.content:
            return "poll_creation"
        return self.content.get("media", {}).get("type") or "chat"

    @property
    def message_id(self) -> str:
        """The id that it has in WhatsApp once it is sent."""
        return f"{str(self.sender is None).lower()}_{self.chat_id}_{letters(20, self.unique_id).upper()}"

    @property
    def sent_at(self) -> datetime | None:
        """When it left the queue, None while it is in it."""
        if self._sent_at is None:
            due = max(self.delays[0], self.stays_for)
            if not self.phone.sends:
                self._was_held = True
            elif age(self.queued_at) >= due:
                self._sent_at = now() if self._was_held else self.queued_at + timedelta(seconds=due)
        return self._sent_at

    @property
    def progress(self) -> tuple[str, int]:
        """Its status and its `ack`."""
        sent_at = self.sent_at
        if sent_at is None:
            failed = self.is_failing and age(self.queued_at) >= self.delays[0]
            return ("failed", -1) if failed else ("queued", 0)
        _, delivered, read = self.delays
        if age(sent_at) >= delivered + read:
            return ("read", 4)
        return ("delivered", 3) if age(sent_at) >= delivered else ("sent", 1)

    @property
    def is_waiting(self) -> bool:
        """Whether it is still in the queue; one that has failed for good is not."""
        return self.sent_at is None and not (self.progress[1] < 0 and self.stays_for == FOR_EVER)

    @property
    def attempts(self) -> int:
        """How often the phone has tried to send it; a failed message is tried again if it can still be sent."""
        if self.sent_at is None:
            return -min(0, self.progress[1])
        return 2 if self.is_failing else 1

    def edit(self, text: str) -> None:
        """Change the text, as a person can do for some minutes."""
        self.prev_body, self.content = self.text, {**self.content, "message": text}

    def job(self) -> dict[str, Any]:
        """Show it as a job of the queue."""
        known: dict[str, Any] = {"queue_id": self.queue_id, "unique_id": self.unique_id}
        known["chat_id"] = self.chat_id
        status = "delayed" if self.progress[1] < 0 else "waiting"
        known |= {"status": status, "message": {"body": self.text, "type": self.kind}}
        return known | {"timeline": {"queued_at": self.queued_at}, "attempts": self.attempts}

    def old_job(self) -> dict[str, Any]:
        """Show it as a job of the queue in the older form, with times in milliseconds."""
        job = self.job()
        added = {"addedTimestamp": int(self.queued_at.timestamp() * 1000), "processedTimestamp": None}
        attempts = {"attemptsMade": self.attempts, "attemptsStarted": self.attempts, "stacktrace": []}
        data = {"body": self.text, "chat_id": self.chat_id}
        known = {"id": self.queue_id, "message_id": self.unique_id, "status": job["status"], "data": data}
        return {**known, **attempts, **added, "finishedTimestamp": None}

    def row(self, viewer: Phone) -> dict[str, Any]:
        """Show it as the API does to one of the organisation's phones."""
        from_me = self.sender is None and viewer is self.phone
        sender = contact_id(self.sender or self.phone.digits)
        media = {name: value for name, value in self.content.get("media", {}).items() if name != "filedata"}
        quoted = self.content.get("reply_to")
        row: dict[str, Any] = {"message_id": self.message_id, "unique_id": self.unique_id, "org_id": ORG_ID}
        row |= {"org_phone": viewer.contact_id, "chat_id": self.chat_id, "message_type": self.kind}
        row |= {"body": self.text, "prev_body": self.prev_body, "timestamp": self.sent_at}
        row |= {"from_me": from_me, "from": sender, "to": self.chat_id, "sender_phone": sender}
        row |= {"author": sender, "ack": str(self.progress[1]), "performed_by": self.performed_by}
        row |= {"sent_message_id": self.queue_id if self.performed_by == "api" else None}
        row |= {"quoted_message_id": quoted, "has_quoted_msg": quoted is not None}
        row |= {"media": media or None, "has_media": bool(media), "poll_info": self.content.get("poll")}
        row |= {"mentioned_ids": self.content.get("mentions", []), "is_deleted": self.is_deleted}
        return row | {"updated_at": self.sent_at, "broadcast_id": None, "is_private_note": False}


def age(moment: datetime) -> float:
    """Return how many seconds ago that was."""
    return (now() - moment).total_seconds()
