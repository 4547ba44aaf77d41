"""
The record of something that is created once: its states, the transitions between them, and where it is kept.

Airflow 3.3 and newer keep it in the task state store, which outlives a killed process and a retry. Older releases have
no such place: there it lives as long as the try, deferrals included, and later tries look for the result instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(StrEnum):
    """What is known of a creation; the table in :mod:`airflow_provider_periskope.once` says what follows from it."""

    NONE = "none"
    UNSENT = "unsent"
    SENT = "sent"
    LOOKED = "looked"
    DONE = "done"


@dataclass(frozen=True)
class Record:
    """
    What is known of one creation. A method returns the record that follows, and nothing else changes it.

    :param identity: what is created, as a digest: no name and no number is stored.
    :param on_try: number of the try that wrote this.
    :param state: the state.
    :param sent_at: when the last request was sent that may have created it, by the worker's clock; ``None`` if it is
        not known that one was.
    :param first_sent_at: when the first such request was sent.
    :param result: what was created, once it is known.
    :param about: what a kind must find again on a later try, such as whom a request was for; in a form that a store
        can hold.
    """

    identity: str
    on_try: int = 0
    state: State = State.NONE
    sent_at: datetime | None = None
    first_sent_at: datetime | None = None
    result: Mapping[str, Any] | None = None
    about: Mapping[str, Any] | None = None

    def unsent(self, on_try: int) -> Record:
        """Return the record of a try that has not sent anything yet."""
        return Record(self.identity, on_try, State.UNSENT, about=self.about)

    def sent(self, on_try: int, at: datetime, about: Mapping[str, Any] | None = None) -> Record:
        """Return the record to keep right before a request is sent, with what the kind must find again."""
        first = self.first_sent_at or at
        return Record(self.identity, on_try, State.SENT, sent_at=at, first_sent_at=first, about=about)

    def refused(self, on_try: int, *, older_doubt: bool) -> Record:
        """
        Return, for the record from before a request, the one after it was refused.

        :param on_try: number of the try.
        :param older_doubt: whether an earlier request may have been sent. It was looked for, and that doubt remains.
        """
        return replace(self, on_try=on_try, state=State.LOOKED) if older_doubt else self.unsent(on_try)

    def looked(self) -> Record:
        """Return the record after the result was looked for until it could no longer appear."""
        return replace(self, state=State.LOOKED)

    def done(self, on_try: int, result: Mapping[str, Any]) -> Record:
        """Return the record of a result."""
        return Record(self.identity, on_try, State.DONE, result=dict(result))

    def reopened(self, on_try: int) -> Record:
        """Return the record of a creation that a later try continues; its result is kept as what is known."""
        return Record(self.identity, on_try, State.UNSENT, about=self.result)

    def as_json(self) -> dict[str, Any]:
        """Return it in a form that a store and a deferral can hold."""
        moments = {"sent_at": self.sent_at, "first_sent_at": self.first_sent_at}
        return {
            "identity": self.identity,
            "on_try": self.on_try,
            "state": str(self.state),
            **{name: moment.isoformat() if moment else None for name, moment in moments.items()},
            "result": dict(self.result) if self.result is not None else None,
            "about": dict(self.about) if self.about is not None else None,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Record:
        """Return the record of :meth:`as_json`, also of one in which a newer version has kept more."""
        moments = {name: kept.get(name) for name in ("sent_at", "first_sent_at")}
        return cls(
            identity=kept["identity"],
            on_try=kept["on_try"],
            state=State(kept["state"]),
            result=kept.get("result"),
            about=kept.get("about"),
            **{name: datetime.fromisoformat(moment) if moment else None for name, moment in moments.items()},
        )


class TaskStateStore(Protocol):
    """The part of ``context["task_state_store"]`` that is used here."""

    def get(self, key: str) -> Any:
        """Return a value."""

    def set(self, key: str, value: Any) -> None:
        """Write a value; when this returns, it is stored."""


class Memory:
    """
    Where the records of the running task are kept, one for each kind of creation.

    :param store: the task state store, or what stands in for it; ``None`` if nothing outlives a try.
    :param carried: what :meth:`carried` returned before a deferral.
    """

    def __init__(self, store: TaskStateStore | None, carried: Mapping[str, Any] | None = None) -> None:
        self._store = store
        self._kept: dict[str, Any] = dict(carried or {})

    @property
    def outlives_tries(self) -> bool:
        """Whether a later try of this task finds what is kept here."""
        return self._store is not None

    def latest(self, kind: str) -> Record | None:
        """Return the record that this task has written last for a kind, whatever it is the record of."""
        kept = self._kept.get(kind)
        if self._store is not None:
            kept = self._store.get(_key(kind))
        return Record.from_json(kept) if kept else None

    def of(self, kind: str, identity: str) -> Record:
        """Return the record of one creation."""
        latest = self.latest(kind)
        return latest if latest and latest.identity == identity else Record(identity)

    def keep(self, kind: str, record: Record) -> None:
        """Keep a record; when this returns, it is stored."""
        if self._store is not None:
            self._store.set(_key(kind), record.as_json())
        self._kept[kind] = record.as_json()

    def carried(self) -> dict[str, Any]:
        """Return all records in a form that a deferral can carry."""
        return self._kept


def _key(kind: str) -> str:
    return f"periskope_{kind}"
