"""The trigger that waits for people: what it sends to a server, and how it ends."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_periskope.api import client
from airflow_provider_periskope.sandbox.server import Sandbox
from airflow_provider_periskope.triggers import group as module
from airflow_provider_periskope.triggers.group import PeriskopeGroupMembersTrigger as Trigger

ONE, TWO = "919537851844", "918527184400"

Make = Callable[..., Trigger]


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SHORTEST_PAUSE", 0.05)


@pytest.fixture
def group(periskope_sandbox: Sandbox) -> Any:
    return periskope_sandbox.add_group("Sales", people=[ONE])


@pytest.fixture
def trigger(group: Any) -> Make:
    def make(**arguments: Any) -> Trigger:
        known = {
            "chat_id": group.chat_id,
            "people": [],
            "at_least": 2,
            "periskope_conn_id": "periskope_default",
            "phone": None,
            "poke_interval": 0.05,
            "end_at": datetime.now(UTC) + timedelta(seconds=30),
        }
        return Trigger(**{**known, **arguments})

    return make


async def first_event(trigger: Trigger) -> Any:
    async for event in trigger.run():
        return event.payload
    return None


def event(trigger: Trigger) -> Any:
    return asyncio.run(first_event(trigger))


async def sent_meanwhile(
    trigger: Trigger, sandbox: Sandbox, seconds: float, *, enough: int | None = None
) -> int:
    """Run a trigger for some time or until its requests are enough, end it as a triggerer does, and count them."""
    running = asyncio.create_task(first_event(trigger))
    for _ in range(round(seconds / 0.05)):
        if enough is not None and len(sandbox.requests) >= enough:
            break
        await asyncio.sleep(0.05)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    return len(sandbox.requests)


class TestEnds:
    def test_when_enough_are_in(self, trigger: Make, periskope_sandbox: Sandbox, group: Any) -> None:
        async def join_later() -> Any:
            running = asyncio.create_task(first_event(trigger(people=[ONE, TWO])))
            while len(periskope_sandbox.requests) < 3:
                await asyncio.sleep(0.02)
            periskope_sandbox.add_person(group, TWO)
            return await running

        assert asyncio.run(join_later()) == {"status": "met", "result": {"in": 2, "missing": []}}
        assert {call.method for call in periskope_sandbox.requests} == {"GET"}

    def test_with_a_connection_that_was_changed_meanwhile(
        self, trigger: Make, periskope_sandbox: Sandbox, group: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The triggers of a triggerer share a hook, but not for ever."""
        connects: list[Any] = []
        monkeypatch.setattr(
            module, "_connect", lambda *of, was=module._connect: connects.append(of) or was(*of)
        )

        async def change_later(another: Sandbox) -> Any:
            running = [asyncio.create_task(first_event(trigger())) for _ in range(5)]
            while len(periskope_sandbox.requests) < 50:
                await asyncio.sleep(0.02)
            connects_before = len(connects)
            monkeypatch.setenv("AIRFLOW_CONN_PERISKOPE_DEFAULT", another.connection_json())
            monkeypatch.setattr(module, "HOOK_LIFETIME", 0.1)
            return connects_before, await asyncio.gather(*running)

        with Sandbox() as another:
            another.add_group("Sales", chat_id=group.chat_id, people=[ONE, TWO])
            connects_before, told = asyncio.run(change_later(another))
        assert connects_before <= 5
        assert [event["status"] for event in told] == ["met"] * 5

    def test_at_its_own_end(self, trigger: Make) -> None:
        end_at = datetime.now(UTC) + timedelta(seconds=0.5)
        told = event(trigger(people=[TWO], at_least=None, end_at=end_at))
        assert told == {"status": "timeout", "result": {"in": 1, "missing": [TWO]}}
        assert datetime.now(UTC) >= end_at

    def test_at_once_with_what_no_retry_cures(self, trigger: Make, periskope_sandbox: Sandbox) -> None:
        periskope_sandbox.fault("wrong_key", route="*", times=None)
        told = event(trigger())
        assert (told["status"], told["retryable"]) == ("failed", False)
        assert told["error"].startswith("PeriskopeAuthenticationError: The API key of connection")
        assert periskope_sandbox.api_key not in told["error"]
        assert len(periskope_sandbox.requests) == 1

    def test_at_once_where_the_phone_has_left_the_group(
        self, trigger: Make, periskope_sandbox: Sandbox, group: Any
    ) -> None:
        periskope_sandbox.leave(group, periskope_sandbox.phone)
        told = event(trigger())
        assert (told["status"], told["retryable"]) == ("failed", False)
        assert told["error"].startswith("PeriskopeConflictError: The phone has left group 120363")
        assert len(periskope_sandbox.requests) == 1

    def test_after_ten_failures_in_a_row(
        self, trigger: Make, periskope_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(client, "READ_TRIES", 1)
        periskope_sandbox.fault("phone_off", route="GET *", times=9)
        end_at = datetime.now(UTC) + timedelta(seconds=3)
        assert event(trigger(end_at=end_at))["status"] == "timeout"  # nine are not enough
        assert len(periskope_sandbox.requests) > 10
        periskope_sandbox.requests.clear()
        periskope_sandbox.fault("error_500", route="GET *", times=None)
        told = event(trigger())
        assert (told["status"], told["retryable"]) == ("failed", True)
        assert len(periskope_sandbox.requests) == 10

    def test_with_a_connection_that_is_gone(self, trigger: Make) -> None:
        told = event(trigger(periskope_conn_id="nowhere"))
        assert (told["status"], told["retryable"]) == ("failed", True)
        assert "Connection 'nowhere' is not defined" in told["error"]


class TestARateLimit:
    def test_of_a_minute_means_one_request(self, trigger: Make, periskope_sandbox: Sandbox) -> None:
        periskope_sandbox.fault("rate_limit", route="GET *", seconds=60)
        assert asyncio.run(sent_meanwhile(trigger(), periskope_sandbox, 2)) == 1

    def test_is_waited_out(
        self, trigger: Make, periskope_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(client, "WAIT_IN_PLACE", 0)
        periskope_sandbox.fault("rate_limit", route="GET *", seconds=1)
        assert event(trigger(at_least=1))["status"] == "met"
        limited, done = periskope_sandbox.requests
        assert (limited.status, done.status) == (429, 200)
        assert done.time - limited.time >= timedelta(seconds=1)

    def test_that_the_sensor_met_is_waited_out_too(self, trigger: Make, periskope_sandbox: Sandbox) -> None:
        later = datetime.now(UTC) + timedelta(seconds=60)
        assert asyncio.run(sent_meanwhile(trigger(not_before=later), periskope_sandbox, 1)) == 0

    def test_beyond_its_end_is_a_timeout_without_a_request(
        self, trigger: Make, periskope_sandbox: Sandbox
    ) -> None:
        now = datetime.now(UTC)
        told = event(trigger(not_before=now + timedelta(seconds=60), end_at=now + timedelta(seconds=0.3)))
        assert told == {"status": "timeout", "result": None}
        assert periskope_sandbox.requests == []


class TestARestart:
    def test_goes_on_from_the_arguments(self, trigger: Make, periskope_sandbox: Sandbox, group: Any) -> None:
        path, arguments = trigger(people=[TWO]).serialize()
        assert path == "airflow_provider_periskope.triggers.group.PeriskopeGroupMembersTrigger"
        assert asyncio.run(sent_meanwhile(Trigger(**arguments), periskope_sandbox, 20, enough=2)) >= 2
        periskope_sandbox.add_person(group, TWO)
        assert Trigger(**arguments).serialize() == (path, arguments)
        assert event(Trigger(**arguments))["status"] == "met"

    def test_no_key_is_among_them(self, trigger: Make, periskope_sandbox: Sandbox) -> None:
        assert periskope_sandbox.api_key not in json.dumps(trigger().serialize(), default=str)

    def test_its_log_lines_are_in_its_own_context(
        self, trigger: Make, caplog: pytest.LogCaptureFixture
    ) -> None:
        """By that, a triggerer sorts them into the logs of tasks; those of the threads that read too."""
        task = ContextVar("task", default="none")
        told = []

        async def of(name: str) -> Any:
            task.set(name)
            return await first_event(trigger(at_least=1))

        async def both() -> Any:
            return await asyncio.gather(of("one"), of("two"))

        caplog.set_level(logging.DEBUG, logger="urllib3.connectionpool")
        caplog.handler.addFilter(lambda record: told.append((record.name, task.get())) or True)
        asyncio.run(both())
        reads = [name for logger, name in told if logger == "urllib3.connectionpool"]
        assert set(reads) == {"one", "two"}

    def test_two_at_once_do_no_harm(self, trigger: Make, periskope_sandbox: Sandbox) -> None:
        async def both() -> list[Any]:
            return await asyncio.gather(first_event(trigger(at_least=1)), first_event(trigger(at_least=1)))

        first, second = asyncio.run(both())
        assert first == second == {"status": "met", "result": {"in": 1, "missing": []}}


def test_a_server_that_does_not_respond_delays_no_other_connection(
    trigger: Make, periskope_sandbox: Sandbox, serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = serve(b"", silent=True)
    connection = json.loads(periskope_sandbox.connection_json())
    connection |= {"host": silent.url, "extra": {"timeout": 1}}
    monkeypatch.setenv("AIRFLOW_CONN_SILENT", json.dumps(connection))

    async def beside_many() -> Any:
        waiting = [
            asyncio.create_task(first_event(trigger(periskope_conn_id="silent", poke_interval=0.05)))
            for _ in range(50)
        ]
        while silent.connections < 1:
            await asyncio.sleep(0.02)
        event = await first_event(trigger(at_least=1))
        done = [task for task in waiting if task.done()]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return event, done

    monkeypatch.setattr(client, "READ_TRIES", 1)
    event, done = asyncio.run(beside_many())
    module._threads("silent").shutdown(cancel_futures=True)
    assert event["status"] == "met"
    assert done == []
