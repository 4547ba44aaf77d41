"""The message operator in DAGs that Airflow runs, against the sandbox."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import airflow
import pytest

from airflow_provider_periskope.operators.message import PeriskopeSendMessageOperator

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_periskope.sandbox.pytest_plugin import RunDag
    from airflow_provider_periskope.sandbox.server import Sandbox

DAGS = Path(__file__).parent / "dags"
EXAMPLES = Path(__file__).resolve().parents[2] / "example_dags"
AIRFLOW = tuple(int(part) for part in airflow.__version__.split(".")[:2])
GROUP = "120363392071406466@g.us"
TEXT = "the words that nobody may see"
SEND = "POST /message/send"


@pytest.fixture
def sandbox(periskope_sandbox: Sandbox) -> Sandbox:
    """Let messages be read as soon as they are sent."""
    periskope_sandbox.sent_after = periskope_sandbox.delivered_after = periskope_sandbox.read_after = 0.0
    periskope_sandbox.add_group("Sales", chat_id=GROUP)
    return periskope_sandbox


@pytest.fixture
def triggers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Shorten the waits, and return the triggers that tasks are deferred to."""
    from airflow_provider_periskope import delivery, waiting
    from airflow_provider_periskope.api import client
    from airflow_provider_periskope.triggers import wait

    made: list[Any] = []
    wait_trigger = wait.PeriskopeWaitTrigger
    monkeypatch.setattr(client, "WAIT_IN_PLACE", 0)
    monkeypatch.setattr(client, "READ_TRIES", 1)
    monkeypatch.setattr(waiting, "SHORTEST", 1)
    monkeypatch.setattr(waiting, "JITTER", 0)
    monkeypatch.setattr(delivery, "SHORTEST", 1)
    monkeypatch.setattr(delivery, "PAUSES", (0.1,))
    monkeypatch.setattr(
        wait,
        "PeriskopeWaitTrigger",
        lambda until, carried: made.append(wait_trigger(until, carried)) or made[-1],
    )
    return made


def pulled(run: Any, task_id: str, key: str = "return_value", index: int = -1) -> Any:
    instance = next(ti for ti in run.get_task_instances() if (ti.task_id, ti.map_index) == (task_id, index))
    return instance.xcom_pull(task_ids=task_id, key=key, map_indexes=index if index >= 0 else None)


def bodies(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [{name: value for name, value in c.body.items() if name != "chat_id"} for c in sandbox.sends]


class TestForms:
    def test_of_every_kind_arrive_and_give_their_id(
        self, run_dag: RunDag, periskope_sandbox: Sandbox
    ) -> None:
        sandbox = periskope_sandbox
        sandbox.sent_after = sandbox.delivered_after = sandbox.read_after = 0.0
        run = run_dag(DAGS / "messages.py")
        assert run.state == "success"
        (group,) = sandbox.groups
        assert {call.body["chat_id"] for call in sandbox.sends} == {group.chat_id}
        sent = bodies(sandbox)
        text_id = pulled(run, "text")
        for expected in (
            {"message": "It is Monday"},
            {
                "message": "The list",
                "media": {"type": "document", "url": "https://example.com/a.pdf", "filename": "a.pdf"},
                "options": {"hide_url_preview": True},
            },
            {"message": "one"},
            {"message": "two"},
            {"message": "Yes", "reply_to": text_id},
        ):
            assert expected in sent
        polls = {body["poll"]["pollName"]: body["poll"]["pollOptions"] for body in sent if "poll" in body}
        assert polls == {"Which day?": ["Monday", "Friday"], "And then?": ["Tuesday", "Wednesday"]}
        message = sandbox.messages[text_id]
        assert pulled(run, "pass_on") == [message.unique_id, message.queue_id, "read"]
        assert [pulled(run, "mapped", index=n) for n in (0, 1)] == [
            next(m.unique_id for m in sandbox.messages.values() if m.text == text) for text in ("one", "two")
        ]


class TestWaiting:
    def test_takes_no_slot_and_no_retry(
        self, run_dag: RunDag, sandbox: Sandbox, triggers: list[Any], logged: Callable[[], str]
    ) -> None:
        sandbox.delivered_after = 1.5
        run = run_dag(DAGS / "one_message.py")
        (instance,) = run.get_task_instances()
        assert (run.state, instance.try_number) == ("success", 1)
        assert len(sandbox.sends) == 1
        assert pulled(run, "send", "status") in ("delivered", "read")
        if AIRFLOW >= (3, 3):
            assert triggers == []
        else:
            assert triggers
        text = logged()
        assert "until then it holds no worker slot and uses no retry" in text
        assert TEXT not in text

    def test_in_vain_is_retried_and_says_that_nothing_is_lost(
        self, run_dag: RunDag, sandbox: Sandbox, triggers: list[Any], logged: Callable[[], str]
    ) -> None:
        sandbox.fault("queue_stuck", SEND, seconds=9)
        run = run_dag(DAGS / "one_message.py")
        (instance,) = run.get_task_instances()
        assert run.state == "success"
        assert instance.try_number >= 2
        assert len(sandbox.messages) == len(sandbox.sends) == 1
        text = logged()
        assert "The message is still queued, and not lost, after 0:00:04." in text
        assert "sends no second message" in text
        assert TEXT not in text

    def test_goes_on_while_the_status_cannot_be_read(
        self, run_dag: RunDag, sandbox: Sandbox, triggers: list[Any]
    ) -> None:
        sandbox.fault("html_502", "GET /message/*/status", times=2)
        sandbox.fault("phone_off", "GET /message/*/status", times=1)
        run = run_dag(DAGS / "one_message.py")
        (instance,) = run.get_task_instances()
        assert (run.state, instance.try_number) == ("success", 1)

    def test_a_failed_message_fails_the_try_and_is_looked_for_first(
        self, run_dag: RunDag, sandbox: Sandbox, triggers: list[Any], logged: Callable[[], str]
    ) -> None:
        """Periskope tries again by itself, and the message is out before the retry would send it."""
        sandbox.fault("message_failed", SEND, seconds=3)
        run = run_dag(DAGS / "one_message.py")
        (instance,) = run.get_task_instances()
        assert run.state == "success"
        assert instance.try_number >= 2
        assert len(sandbox.messages) == 1
        assert "The phone could not send a message." in logged()


class TestRefused:
    @pytest.mark.parametrize(
        "conf",
        [
            pytest.param({"nothing": True}, id="nothing to send"),
            pytest.param({"chat_id": "Sales"}, id="no chat"),
            pytest.param({"media": {"type": "image"}}, id="no file"),
        ],
    )
    def test_bad_input_fails_at_once_and_sends_nothing(
        self, run_dag: RunDag, sandbox: Sandbox, conf: dict[str, Any], logged: Callable[[], str]
    ) -> None:
        run = run_dag(DAGS / "one_message.py", run_conf=conf)
        (instance,) = run.get_task_instances()
        assert (str(instance.state), instance.try_number) == ("failed", 1)
        assert sandbox.requests == []
        assert TEXT not in logged()

    @pytest.mark.parametrize(
        ("argument", "error"),
        [
            ({"wait_for": "read"}, ValueError),
            ({"wait_timeout": 30}, TypeError),
            ({"resend": "yes"}, TypeError),
        ],
        ids=str,
    )
    def test_wrong_constants_fail_while_the_file_is_parsed(
        self, argument: dict[str, Any], error: type[Exception]
    ) -> None:
        with pytest.raises(error, match=next(iter(argument))):
            PeriskopeSendMessageOperator(task_id="send", chat_id=GROUP, message="x", **argument)
        with pytest.raises(error, match=next(iter(argument))):
            PeriskopeSendMessageOperator.partial(task_id="send", chat_id=GROUP, **argument)

    def test_the_defaults_are_those_of_the_documentation(self) -> None:
        send = PeriskopeSendMessageOperator(task_id="send", chat_id=GROUP, message="x")
        assert (send.wait_for, send.wait_timeout, send.resend) == ("sent", timedelta(minutes=30), False)


class TestExamples:
    def test_welcome(self, run_dag: RunDag, periskope_sandbox: Sandbox) -> None:
        run = run_dag(EXAMPLES / "example_periskope_welcome.py")
        assert run.state == "success"
        (group,) = periskope_sandbox.groups
        day = run.data_interval_end.strftime("%Y-%m-%d")
        (message,) = periskope_sandbox.messages_in(group.chat_id)
        assert group.name == f"Cohort {day}"
        assert message.text == f"Welcome to the cohort of {day}! We start at ten."
        assert pulled(run, "welcome") == message.unique_id

    def test_invite_the_rest(self, run_dag: RunDag, periskope_sandbox: Sandbox) -> None:
        periskope_sandbox.not_in_contacts.add("919874532456")
        run = run_dag(EXAMPLES / "example_periskope_invite_the_rest.py")
        assert run.state == "success"
        (group,) = periskope_sandbox.groups
        (message,) = periskope_sandbox.messages.values()
        assert message.chat_id == "919874532456@c.us"
        assert message.text == f"Join the group of our launch: {group.invite_link}"

    def test_weekly_poll(self, run_dag: RunDag, sandbox: Sandbox) -> None:
        run = run_dag(EXAMPLES / "example_periskope_weekly_poll.py")
        assert run.state == "success"
        (message,) = sandbox.messages_in(GROUP)
        day = run.data_interval_end.strftime("%Y-%m-%d")
        poll = message.content["poll"]
        assert poll["pollName"] == f"Which day of the week after {day} suits you?"
        assert poll["options"]["allowMultipleAnswers"] is True
        assert len(poll["options"]["pollId"]) == 32
