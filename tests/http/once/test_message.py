"""One message against the sandbox, over real sockets."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_periskope.exceptions import (
    PeriskopeConflictError,
    PeriskopeError,
    PeriskopeOutcomeUnknownError,
    PeriskopePhoneOffError,
)
from airflow_provider_periskope.hooks.periskope import PeriskopeHook
from airflow_provider_periskope.input.message import check_message
from airflow_provider_periskope.models import Phone, QueueJob
from airflow_provider_periskope.once.doubt import Attempt, TaskTry
from airflow_provider_periskope.once.message import OneMessage, note_failure, send_once
from airflow_provider_periskope.once.record import Memory
from tests.http.once.tries import CLEARED, CONNECT_TIMEOUT, FIRST, READ_TIMEOUT, RETRY, SETTLING, Store

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_periskope.sandbox.server import Sandbox

TEXT = "Welcome!  \r\nThe agenda: café at 10 \nthat nobody may see"
GROUP = "120363392071406466@g.us"
PERSON = "919537851844@c.us"
SEND = "POST /message/send"
CHAT = f"GET /chats/{GROUP}/messages"
QUEUE = "POST /message/queues"
PICTURE = {"type": "image", "url": "https://example.com/a.png"}
POLL = {"pollName": "Which day suits you?", "pollOptions": ["Monday", "Tuesday"]}

LOST = ["drop_after", "error_500_after", "html_502_after", "empty_500_after", "truncated", "not_json"]
NEVER_CARRIED_OUT = ["drop_before", "error_500", "html_502", "empty_500"]


class Task:
    """The tries of one task of one run, each with a hook of its own as in a process of its own."""

    def __init__(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, store: Store | None) -> None:
        self.sandbox = sandbox
        self.store = store
        self.carried: dict[str, Any] | None = None
        self._monkeypatch = monkeypatch
        sandbox.add_group("Sales", chat_id=GROUP)
        sandbox.sent_after = SETTLING / 2
        self.wait_for_responses(READ_TIMEOUT)

    def wait_for_responses(self, seconds: float) -> None:
        connection = json.loads(self.sandbox.connection_json()) | {"extra": {"timeout": seconds}}
        self._monkeypatch.setenv("AIRFLOW_CONN_PERISKOPE_DEFAULT", json.dumps(connection))

    def run(
        self,
        task_try: TaskTry = FIRST,
        text: str | None = TEXT,
        *,
        chat_id: str = GROUP,
        start: int = 1,
        failed: bool = False,
        **content: Any,
    ) -> Any:
        hook = PeriskopeHook()
        memory = Memory(self.store, self.carried)
        message, _ = check_message(chat_id, text, **content)
        attempt = Attempt(task_try, memory, hook.settings.read_timeout, CONNECT_TIMEOUT)
        if start > 1:
            attempt = attempt.since_clear()
        thing = OneMessage(hook, message, occasion="dag run task", start=start)
        try:
            result = send_once(thing, attempt)
            if failed:
                note_failure(thing, attempt, result)
            return SimpleNamespace(**result)
        finally:
            # What a deferral would carry; a new try of an Airflow without a store starts with nothing.
            self.carried = memory.carried() if self.store is None else None

    def new_try(self) -> None:
        self.carried = None

    @property
    def posts(self) -> int:
        return len(self.sandbox.sends)

    @property
    def ids(self) -> list[str]:
        """All messages that there are, in the queue or out."""
        return [message.unique_id for message in self.sandbox.messages.values()]


@pytest.fixture(params=["with store", "without store"])
def task(request: pytest.FixtureRequest, periskope_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Task:
    return Task(periskope_sandbox, monkeypatch, Store() if request.param == "with store" else None)


@pytest.fixture
def task_33(periskope_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Task:
    return Task(periskope_sandbox, monkeypatch, Store())


@pytest.fixture
def task_211(periskope_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Task:
    return Task(periskope_sandbox, monkeypatch, None)


class TestGoodRun:
    def test_sends_at_once_without_looking(self, task: Task) -> None:
        sent = task.run()
        assert [sent.unique_id] == task.ids
        assert sent.queue_id == task.sandbox.messages[sent.unique_id].queue_id
        assert len(task.sandbox.requests) == 1
        assert task.sandbox.requests[0].body["message"] == TEXT

    def test_the_record_holds_no_text_and_no_number(self, task_33: Task) -> None:
        task_33.run(chat_id=PERSON)
        kept = json.dumps(task_33.store)
        assert "nobody" not in kept
        assert task_33.sandbox.phone not in kept
        assert "919537851844" not in kept

    def test_a_later_try_returns_it(self, task: Task) -> None:
        sent = task.run()
        for again in (RETRY, CLEARED):
            task.new_try()
            assert task.run(again).unique_id == sent.unique_id
        assert task.posts == 1

    def test_another_text_is_another_message(self, task: Task) -> None:
        first = task.run()
        task.new_try()
        second = task.run(RETRY, "Something else")
        assert task.ids == [first.unique_id, second.unique_id]

    def test_a_wait_continues_with_what_was_sent_though_the_text_renders_anew(self, task: Task) -> None:
        first = task.run(FIRST, "It is 10:00:00")
        assert task.run(FIRST, "It is 10:00:15").unique_id == first.unique_id
        assert task.posts == 1


class TestLostResponse:
    @pytest.mark.parametrize("fault", LOST)
    def test_the_same_try_finds_the_message(self, task: Task, fault: str) -> None:
        task.sandbox.fault(fault, SEND)
        assert [task.run().unique_id] == task.ids
        assert task.posts == 1

    @pytest.mark.parametrize(
        "content",
        [
            pytest.param({"media": PICTURE}, id="picture"),
            pytest.param({"text": None, "media": PICTURE}, id="picture without a caption"),
            pytest.param({"text": None, "poll": POLL}, id="poll"),
            pytest.param({"reply_to": f"false_{GROUP}_ABC"}, id="reply"),
            pytest.param({"chat_id": PERSON}, id="to a person, whose chat begins with it"),
            pytest.param({"text": "cafe\N{COMBINING ACUTE ACCENT}"}, id="decomposed"),
        ],
    )
    @pytest.mark.parametrize("stays", [False, True], ids=["in the chat", "in the queue"])
    def test_of_every_content(self, task: Task, content: dict[str, Any], stays: bool) -> None:
        task.sandbox.phones[task.sandbox.phone].queue_is_stuck = stays
        task.sandbox.fault("drop_after", SEND)
        found = task.run(**content)
        assert [found.unique_id] == task.ids
        assert found.status in (("queued",) if stays else ("queued", "sent", "delivered"))
        assert task.posts == 1

    def test_after_a_read_timeout(self, task: Task) -> None:
        task.sandbox.fault("late", SEND, seconds=2)
        assert [task.run().unique_id] == task.ids
        assert task.posts == 1

    def test_when_it_is_queued_late(self, task: Task) -> None:
        task.sandbox.fault("late_commit", SEND, seconds=SETTLING / 2)
        assert [task.run().unique_id] == task.ids
        assert task.posts == 1

    def test_when_the_chat_shows_it_late(self, task: Task) -> None:
        task.sandbox.fault("gateway_504_hidden", SEND, seconds=SETTLING / 2)
        assert [task.run().unique_id] == task.ids
        assert task.posts == 1

    def test_when_its_white_space_comes_back_changed(self, task: Task) -> None:
        task.sandbox.fault("drop_after", SEND)
        task.sandbox.fault("other_white_space", CHAT, times=None)
        assert [task.run().unique_id] == task.ids

    def test_when_somebody_has_edited_it(self, task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
        task.sandbox.sent_after = 0.0
        task.sandbox.fault("drop_after", SEND)
        real = PeriskopeHook.get_message_queue

        def edit_first(hook: PeriskopeHook) -> Any:
            for message in task.sandbox.messages.values():
                if message.sent_at and not message.prev_body:
                    message.edit("Welcome, and sorry")
            return real(hook)

        monkeypatch.setattr(PeriskopeHook, "get_message_queue", edit_first)
        assert [task.run().unique_id] == task.ids

    def test_when_the_queue_comes_in_an_object(self, task: Task) -> None:
        task.sandbox.phones[task.sandbox.phone].queue_is_stuck = True
        task.sandbox.fault("drop_after", SEND)
        task.sandbox.fault("in_an_object", QUEUE, times=None)
        assert [task.run().unique_id] == task.ids

    @pytest.mark.parametrize("fault", NEVER_CARRIED_OUT)
    def test_what_was_not_carried_out_is_sent_by_the_next_try(self, task: Task, fault: str) -> None:
        task.sandbox.fault(fault, SEND)
        with pytest.raises(
            PeriskopeOutcomeUnknownError, match="What to do: Let this task retry, or clear it"
        ):
            task.run()
        task.new_try()
        assert [task.run(RETRY).unique_id] == task.ids
        assert task.posts == 2

    def test_the_log_shows_no_text_and_no_number(self, task: Task, logged: Callable[[], str]) -> None:
        task.sandbox.fault("drop_before", SEND)
        with pytest.raises(PeriskopeError) as error:
            task.run(chat_id=PERSON)
        task.new_try()
        task.run(RETRY, chat_id=PERSON)
        told = logged() + str(error.value)
        assert "message to 9195•••••844" in told
        assert "nobody" not in told
        assert "919537851844" not in told
        assert task.sandbox.phone not in told


class TestWhatAbsenceProves:
    def test_a_phone_that_is_not_connected_leaves_the_outcome_unknown(self, task: Task) -> None:
        phone = task.sandbox.phones[task.sandbox.phone]
        phone.is_connected = False
        task.sandbox.fault("drop_before", SEND)
        for task_try in (FIRST, RETRY, replace(RETRY, number=3)):
            with pytest.raises(
                PeriskopeOutcomeUnknownError, match="phone 9198•••••210 is not connected"
            ) as error:
                task.run(task_try)
            assert error.value.retryable
            task.new_try()
        assert task.posts == 1
        phone.is_connected = True
        assert [task.run(replace(RETRY, number=4)).unique_id] == task.ids
        assert task.posts == 2

    def test_a_message_in_the_queue_of_a_phone_that_is_off_is_found(self, task: Task) -> None:
        phone = task.sandbox.phones[task.sandbox.phone]
        phone.is_connected = False
        task.sandbox.fault("drop_after", SEND)
        found = task.run()
        assert ([found.unique_id], found.status) == (task.ids, "queued")

    def test_an_instance_that_is_off_ends_the_try_and_keeps_the_doubt(self, task: Task) -> None:
        task.sandbox.fault("drop_after", SEND)
        task.sandbox.fault("phone_off", QUEUE, times=1)
        with pytest.raises(PeriskopeOutcomeUnknownError, match="is switched off"):
            task.run()
        task.new_try()
        assert [task.run(RETRY).unique_id] == task.ids
        assert task.posts == 1

    @pytest.mark.parametrize("fault", ["not_found", "invalid"])
    def test_without_a_queue_to_read_nothing_is_sent_again(
        self, task: Task, fault: str, logged: Callable[[], str]
    ) -> None:
        task.sandbox.fault("drop_before", SEND)
        unavailable = task.sandbox.fault(fault, QUEUE, times=None)
        for task_try in (FIRST, RETRY):
            with pytest.raises(PeriskopeOutcomeUnknownError, match="its queue cannot be read"):
                task.run(task_try)
            task.new_try()
        assert "The queue of messages is not available" in logged()
        unavailable.times = 0
        assert [task.run(replace(RETRY, number=3)).unique_id] == task.ids

    @pytest.mark.parametrize(
        "job",
        [
            pytest.param({"queue_id": "queue-1", "chat_id": GROUP}, id="no content"),
            pytest.param({"queue_id": "queue-1", "message": {"type": "chat"}}, id="neither chat nor text"),
            pytest.param({"queue_id": "queue-1", "message": {"body": TEXT, "type": "chat"}}, id="no chat"),
            pytest.param({"chat_id": GROUP, "message": {"body": TEXT, "type": "chat"}}, id="no id"),
        ],
    )
    def test_a_queue_that_shows_too_little_proves_nothing(
        self, task: Task, monkeypatch: pytest.MonkeyPatch, job: dict[str, Any]
    ) -> None:
        task.sandbox.fault("drop_before", SEND)
        monkeypatch.setattr(PeriskopeHook, "get_message_queue", lambda _: [QueueJob.model_validate(job)])
        with pytest.raises(PeriskopeOutcomeUnknownError, match="its queue does not show what waits in it"):
            task.run()
        assert task.posts == 1

    def test_a_phone_that_says_nothing_of_its_state_proves_nothing(
        self, task: Task, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        task.sandbox.fault("drop_before", SEND)
        monkeypatch.setattr(PeriskopeHook, "get_phone", lambda _: Phone())
        with pytest.raises(PeriskopeOutcomeUnknownError, match="is not connected"):
            task.run()

    def test_without_a_queue_to_read_the_chat_still_shows_it(self, task: Task) -> None:
        task.sandbox.fault("drop_after", SEND)
        task.sandbox.fault("not_found", QUEUE, times=None)
        assert [task.run().unique_id] == task.ids

    def test_a_phone_that_was_just_connected_again_may_still_show_what_it_sends(
        self, task_33: Task, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The settling time is long over, and the message leaves the queue a moment before the retry looks."""
        task = task_33
        phone = task.sandbox.phones[task.sandbox.phone]
        phone.is_connected = False
        task.sandbox.fault("drop_after", SEND)
        task.sandbox.fault("not_found", QUEUE, times=None)  # so that the first try does not find it there
        with pytest.raises(PeriskopeOutcomeUnknownError):
            task.run()
        task.sandbox.faults.clear()
        assert task.store is not None
        kept = task.store["periskope_message"]
        long_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        task.store.set("periskope_message", {**kept, "sent_at": long_ago})
        (message,) = task.sandbox.messages.values()
        phone.is_connected = True
        assert message.sent_at
        hidden = [True]
        real = PeriskopeHook.iter_messages
        monkeypatch.setattr(
            PeriskopeHook,
            "iter_messages",
            lambda hook, chat_id: iter(()) if hidden and hidden.pop() else real(hook, chat_id),
        )
        assert task.run(RETRY).unique_id == message.unique_id
        assert task.posts == 1


class TestWhichMessageIsOurs:
    @pytest.mark.parametrize(
        "other",
        [
            pytest.param({"text": "Something else"}, id="another text"),
            pytest.param({"text": TEXT, "sender": "919537851844"}, id="of a person"),
            pytest.param({"text": TEXT, "content": {"media": PICTURE}}, id="with a picture"),
            pytest.param({"text": TEXT, "content": {"reply_to": "ABC"}}, id="a reply"),
            pytest.param({"text": TEXT, "at": datetime.now(UTC) - timedelta(hours=1)}, id="before the run"),
        ],
    )
    def test_another_one_is_not(self, task: Task, other: dict[str, Any]) -> None:
        task.sandbox.add_message(GROUP, **other)
        task.sandbox.fault("drop_before", SEND)
        with pytest.raises(PeriskopeOutcomeUnknownError):
            task.run()
        task.new_try()
        assert task.run(RETRY).unique_id == task.ids[-1]
        assert task.posts == 2

    def test_of_several_equal_ones_the_newest_is_taken(self, task: Task) -> None:
        for _ in range(2):
            task.sandbox.add_message(GROUP, TEXT)
        newest = task.sandbox.add_message(GROUP, TEXT, at=datetime.now(UTC) + timedelta(seconds=1))
        task.sandbox.fault("drop_before", SEND)
        assert task.run().unique_id == newest.unique_id
        assert task.posts == 1

    def test_one_that_the_chat_shows_before_it_is_out_is_queued(self, task: Task) -> None:
        from airflow_provider_periskope.models import Message

        def in_chat(*_: Any) -> Any:
            row = {"message_id": "m", "from_me": True, "body": TEXT, "ack": 0, "timestamp": datetime.now(UTC)}
            return iter([Message.model_validate(row)])

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(PeriskopeHook, "iter_messages", in_chat)
            task.sandbox.fault("drop_before", SEND)
            assert task.run().status == "queued"

    def test_one_that_has_failed_is_not(self, task: Task) -> None:
        task.sandbox.add_message(GROUP, TEXT)
        row = {"message_id": "m", "from_me": True, "body": TEXT, "ack": "-1"}
        from airflow_provider_periskope.models import Message

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                PeriskopeHook,
                "iter_messages",
                lambda *_: iter([Message.model_validate({**row, "timestamp": datetime.now(UTC)})]),
            )
            task.sandbox.fault("drop_before", SEND)
            with pytest.raises(PeriskopeOutcomeUnknownError):
                task.run()

    def test_one_of_another_run_after_a_clear_is_not_guessed_at(self, task_211: Task) -> None:
        """Cleared days after it was due, with equal messages of the runs in between: this one may have sent none."""
        now = datetime.now(UTC)
        task_211.sandbox.add_message(GROUP, TEXT, at=now - timedelta(days=2))
        cleared = replace(
            CLEARED, run_due_at=now - timedelta(days=4), run_started_at=now - timedelta(minutes=1)
        )
        with pytest.raises(PeriskopeConflictError, match="clear it with resend=True") as error:
            task_211.run(cleared)
        assert not error.value.retryable
        assert task_211.posts == 0

    def test_one_of_the_day_it_was_due_is(self, task_211: Task) -> None:
        now = datetime.now(UTC)
        own = task_211.sandbox.add_message(GROUP, TEXT, at=now - timedelta(days=4) + timedelta(hours=1))
        task_211.sandbox.add_message(GROUP, TEXT, at=now - timedelta(days=2))
        cleared = replace(
            CLEARED, run_due_at=now - timedelta(days=4), run_started_at=now - timedelta(minutes=1)
        )
        assert task_211.run(cleared).unique_id == own.unique_id

    def test_without_its_time_it_cannot_be_told(self, task: Task) -> None:
        task.sandbox.rows_without["messages"] = {"timestamp"}
        task.sandbox.add_message(GROUP, TEXT)
        task.sandbox.fault("drop_before", SEND)
        with pytest.raises(PeriskopeConflictError, match="time unknown"):
            task.run()
        assert task.posts == 1


class TestFailed:
    def test_a_retry_finds_the_one_that_was_sent_meanwhile(self, task: Task) -> None:
        sent = task.run(failed=True)
        task.new_try()
        assert task.run(RETRY).unique_id == sent.unique_id
        assert task.posts == 1

    def test_a_retry_leaves_to_periskope_what_is_still_in_the_queue(self, task: Task) -> None:
        task.sandbox.fault("message_failed", SEND, seconds=60)
        sent = task.run(failed=True)
        task.new_try()
        assert task.run(RETRY).unique_id == sent.unique_id
        assert task.posts == 1

    def test_a_retry_sends_again_what_has_failed_for_good(self, task: Task) -> None:
        task.sandbox.sent_after = 0.0
        task.sandbox.fault("message_failed", SEND)
        failed = task.run(failed=True)
        task.new_try()
        assert task.run(RETRY).unique_id != failed.unique_id
        assert task.posts == 2


class TestResend:
    """The task has succeeded, and is cleared with ``resend=True``."""

    AGAIN = replace(FIRST, number=2, cleared=True, first_number=2)

    def started(self, number: int) -> TaskTry:
        """A try after the clear, which has moved the start of the run to after the first message."""
        started = datetime.now(UTC) + timedelta(minutes=4)
        return replace(self.AGAIN, number=number, run_started_at=started)

    def test_sends_once_more(self, task: Task) -> None:
        # Both are sent within the margin of the clocks: after a response that a busy machine gives too late, the first
        # one would be taken for the second.
        task.wait_for_responses(30)
        first = task.run()
        task.new_try()
        second = task.run(self.started(2), start=2)
        assert task.ids == [first.unique_id, second.unique_id]

    def test_a_second_clear_sends_a_third_one(self, task: Task) -> None:
        task.run()
        for number in (2, 3):
            task.new_try()
            task.run(replace(self.started(number), first_number=number), start=number)
        assert task.posts == 3

    def test_a_lost_response_is_looked_for(self, task_33: Task) -> None:
        """On 3.3 and newer the record says when this start has sent."""
        task_33.run()
        task_33.sandbox.fault("drop_after", SEND)
        second = task_33.run(self.started(2), start=2)
        assert second.unique_id == task_33.ids[1]
        assert task_33.run(replace(self.started(2), number=3), start=2).unique_id == second.unique_id
        assert task_33.posts == 2

    def test_retries_of_one_start_send_once(self, task: Task) -> None:
        task.run()
        task.new_try()
        second = task.run(replace(self.AGAIN, run_started_at=datetime.now(UTC)), start=2)
        task.new_try()
        again = task.run(replace(self.AGAIN, number=3, run_started_at=datetime.now(UTC)), start=2)
        assert again.unique_id == second.unique_id
        assert task.posts == 2

    def test_an_earlier_refusal_does_not_make_it_look(self, task: Task) -> None:
        task.run()
        task.new_try()
        task.sandbox.fault("phone_off", SEND)
        with pytest.raises(PeriskopePhoneOffError):
            task.run(self.started(2), start=2)
        task.new_try()
        task.run(replace(self.started(2), number=3), start=2)
        assert len(task.ids) == 2


class TestPoll:
    def test_carries_an_id_that_all_tries_share(self, task: Task) -> None:
        task.sandbox.fault("drop_before", SEND)
        with pytest.raises(PeriskopeOutcomeUnknownError):
            task.run(text=None, poll=POLL)
        task.new_try()
        task.run(RETRY, text=None, poll=POLL)
        first, second = (request.body["poll"]["options"]["pollId"] for request in task.sandbox.sends)
        assert first == second

    def test_of_its_author_keeps_its_id(self, task: Task) -> None:
        task.run(text=None, poll={**POLL, "options": {"pollId": "mine"}})
        assert task.sandbox.sends[0].body["poll"]["options"] == {"pollId": "mine"}

    def test_is_recognised_by_its_id_alone(self, task: Task) -> None:
        task.sandbox.rows_without["messages"] = {"body", "message_type"}
        task.sandbox.fault("drop_after", SEND)
        assert [task.run(text=None, poll=POLL).unique_id] == task.ids
