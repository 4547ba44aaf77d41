"""Only the waiting is shorter than in life."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from airflow_provider_periskope.api import client, connecting
from airflow_provider_periskope.once import rule
from tests.http.once.tries import CONNECT_TIMEOUT, SETTLING, Store, Task

if TYPE_CHECKING:
    from airflow_provider_periskope.sandbox.server import Sandbox


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule, "SETTLING", timedelta(seconds=SETTLING))
    monkeypatch.setattr(rule, "LOOK_PAUSES", (0.1,))
    monkeypatch.setattr(client, "WAIT_IN_PLACE", 0.5)
    for module in (client, connecting):
        monkeypatch.setattr(module, "CONNECT_TIMEOUT", CONNECT_TIMEOUT)
    monkeypatch.setattr(client, "CONNECT_TRIES", 1)
    monkeypatch.setattr(client, "READ_TRIES", 1)


@pytest.fixture(params=["with store", "without store"])
def task(request: pytest.FixtureRequest, periskope_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Task:
    return Task(periskope_sandbox, monkeypatch, Store() if request.param == "with store" else None)


@pytest.fixture
def task_33(periskope_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Task:
    return Task(periskope_sandbox, monkeypatch, Store())


@pytest.fixture
def task_211(periskope_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Task:
    return Task(periskope_sandbox, monkeypatch, None)
