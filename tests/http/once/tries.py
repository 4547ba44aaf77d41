"""The tries of one task against the sandbox, and what Airflow says of each."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_periskope.api import client
from airflow_provider_periskope.hooks.periskope import PeriskopeHook
from airflow_provider_periskope.input.group import check_group
from airflow_provider_periskope.once import doubt, rule
from airflow_provider_periskope.once.doubt import Attempt, TaskTry
from airflow_provider_periskope.once.group import OneGroup
from airflow_provider_periskope.once.record import Memory
from airflow_provider_periskope.once.rule import make_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_periskope.sandbox.server import Sandbox

NAME = "Stand-up 2026-11-23"
PERSON = "919537851844"
OTHER_PHONE = "918527184400"
READ_TIMEOUT = 1.0
SETTLING = 0.4
CONNECT_TIMEOUT = 0.2
KEY = "periskope_group"
"""Under which the task state store has the record."""

STARTED = datetime.now(UTC) - timedelta(minutes=1)
FIRST = TaskTry(number=1, is_mapped=False, cleared=False, run_started_at=STARTED, run_due_at=STARTED)
RETRY = replace(FIRST, number=2)
CLEARED = replace(FIRST, number=2, cleared=True)


class Store(dict[str, Any]):
    """A task state store that keeps what JSON keeps, as Airflow's does."""

    def set(self, key: str, value: Any) -> None:
        self[key] = json.loads(json.dumps(value))


class Task:
    """The tries of one task of one run, each with a hook of its own as in a process of its own."""

    def __init__(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, store: Store | None) -> None:
        self.sandbox = sandbox
        self.store = store
        self.carried: dict[str, Any] | None = None
        connection = json.loads(sandbox.connection_json()) | {"extra": {"timeout": READ_TIMEOUT}}
        monkeypatch.setenv("AIRFLOW_CONN_PERISKOPE_DEFAULT", json.dumps(connection))

    def run(
        self,
        task_try: TaskTry = FIRST,
        *,
        name: str = NAME,
        if_exists: Any = "create",
        phone: str | None = None,
    ) -> Any:
        hook = PeriskopeHook(phone=phone)
        memory = Memory(self.store, self.carried)
        group, _ = check_group(name, [PERSON], own_digits=hook.own_digits)
        attempt = Attempt(task_try, memory, hook.settings.read_timeout, CONNECT_TIMEOUT)
        try:
            return SimpleNamespace(**make_once(OneGroup(hook, group, if_exists=if_exists), attempt))
        finally:
            # What a deferral would take along; a new try of an Airflow without a store starts with nothing.
            self.carried = memory.carried() if self.store is None else None

    def new_try(self) -> None:
        self.carried = None

    def lose_record(self) -> None:
        """Forget what was recorded, as ``[state_store] clear_on_success`` or a clean-up does."""
        self.carried = None
        if self.store is not None:
            self.store.clear()

    @property
    def record(self) -> dict[str, Any]:
        assert self.store is not None
        kept: dict[str, Any] = self.store[KEY]
        return kept

    def posts(self, name: str = NAME) -> int:
        return len([request for request in self.sandbox.requests if request.group_name == name])

    def looks(self) -> int:
        return len([request for request in self.sandbox.requests if request.path == "/chats"])

    def only_group(self, name: str = NAME) -> str:
        (group,) = self.sandbox.groups_named(name)
        return group.chat_id


def shift_clock(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """Set the clock of the worker wrong."""

    class ShiftedClock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + by

    for module in (client, doubt, rule):
        monkeypatch.setattr(module, "datetime", ShiftedClock)


def killed_as_it_sends(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a try whose process ends after its record, and before its request."""

    def create_group(hook: PeriskopeHook, group: Any, *, before_sending: Callable[[], None]) -> Any:
        before_sending()
        raise KeyboardInterrupt

    monkeypatch.setattr(PeriskopeHook, "create_group", create_group)
    with pytest.raises(KeyboardInterrupt):
        task.run()
