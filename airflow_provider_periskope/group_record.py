"""
What a task remembers of its group over its tries: written before the request is sent, finished right after the answer.

Airflow 3.3 and newer keep it in the task state store, which outlives a killed process and a new try. Older ones have no
such place; there it lives as long as the try, a deferral included, and later tries look for the group instead.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, Protocol

from airflow_provider_periskope.group_search import same_name

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "periskope_group"

Outcome = Literal["created", "reused"]


class TaskStateStore(Protocol):
    """The part of ``context["task_state_store"]`` that is used here."""

    def get(self, key: str) -> Any:
        """Return a value."""

    def set(self, key: str, value: Any) -> None:
        """Write a value; when this returns, it is stored."""


@dataclass(frozen=True)
class GroupRecord:
    """
    What is known of one group.

    :param identity: which group, see :func:`identity_of`.
    :param on_try: number of the try that wrote this.
    :param sent_at: when the last request was sent that may have made the group, by the worker's clock, ISO 8601;
        ``None`` if none was.
    :param in_doubt_since: when the first such request was sent.
    :param settled: whether the group was looked for during the whole settling time, and has not shown up.
    :param chat_id: the group, once it is known.
    :param invite_link: its link, if known.
    :param outcome: ``created`` by this run, or ``reused`` from before it.
    """

    identity: str
    on_try: int
    sent_at: str | None = None
    in_doubt_since: str | None = None
    settled: bool = False
    chat_id: str | None = None
    invite_link: str | None = None
    outcome: Outcome = "created"


_FIELDS = {field.name for field in fields(GroupRecord)}


def identity_of(phone: str, group_name: str) -> str:
    """
    Return what tells one group from another: phone and name, hashed so that the store holds nobody's number.

    :param phone: value of ``x-phone``.
    :param group_name: name of the group.
    """
    return hashlib.sha256(f"{phone}\n{same_name(group_name)}".encode()).hexdigest()


class GroupMemory:
    """
    Where the record of the running task is kept.

    :param store: the task state store; ``None`` on an Airflow that has none.
    :param carried: what :meth:`carried` returned before a deferral.
    """

    def __init__(self, store: TaskStateStore | None, carried: Mapping[str, Any] | None = None) -> None:
        self._store = store
        kept = store.get(KEY) if store is not None else carried
        # A newer version of the provider, gone back from since, may have kept more.
        known = {key: value for key, value in (kept or {}).items() if key in _FIELDS}
        self.record = GroupRecord(**known) if known else None

    @property
    def outlives_tries(self) -> bool:
        """Whether a later try of this task finds what is kept here."""
        return self._store is not None

    def keep(self, record: GroupRecord) -> None:
        """Remember the record; when this returns, it is stored."""
        if self._store is not None:
            self._store.set(KEY, asdict(record))
        self.record = record

    def carried(self) -> dict[str, Any] | None:
        """Return the record in a form that a deferral can carry along."""
        return asdict(self.record) if self.record else None
