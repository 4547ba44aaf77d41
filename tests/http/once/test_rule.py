"""The rule of what must happen only once, with groups, against the sandbox over real sockets."""

from __future__ import annotations

import json
import logging
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_periskope.api import client
from airflow_provider_periskope.exceptions import (
    PeriskopeAmbiguousGroupError,
    PeriskopeApiError,
    PeriskopeConfigurationError,
    PeriskopeError,
    PeriskopeGroupExistsError,
    PeriskopeOutcomeUnknownError,
    PeriskopeRateLimitError,
    PeriskopeUnreachableError,
)
from airflow_provider_periskope.hooks.periskope import PeriskopeHook
from airflow_provider_periskope.once import doubt
from airflow_provider_periskope.sandbox import faults
from airflow_provider_periskope.sandbox.faults import Kind
from tests.http.once.tries import (
    CLEARED,
    FIRST,
    NAME,
    OTHER_PHONE,
    PERSON,
    READ_TIMEOUT,
    RETRY,
    SETTLING,
    STARTED,
    Store,
    Task,
    killed_as_it_sends,
    shift_clock,
)

if TYPE_CHECKING:
    from airflow_provider_periskope.sandbox.server import Sandbox

LOST_RESPONSES = [
    "drop_after",
    "error_500_after",
    "html_502_after",
    "empty_500_after",
    "truncated",
    "not_json",
]
NEVER_CARRIED_OUT = ["drop_before", "error_500", "html_502", "empty_500"]
REFUSALS = ["wrong_key", "phone_off", "wrong_plan", "not_found", "invalid"]


class TestGoodRun:
    def test_sends_at_once_without_looking(self, task: Task) -> None:
        made = task.run()
        assert (made.chat_id, made.outcome) == (task.only_group(), "created")
        assert made.invite_link == task.sandbox.groups[0].invite_link
        assert (task.posts(), task.looks()) == (1, 0)

    def test_record_is_written_before_the_request_and_finished_after_it(
        self, task_33: Task, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[Any] = []
        real = requests.Session.send

        def spy(session: requests.Session, request: Any, **options: Any) -> Any:
            seen.append(dict(task_33.record))
            return real(session, request, **options)

        monkeypatch.setattr(requests.Session, "send", spy)
        made = task_33.run()
        assert [(record["state"], record["result"]) for record in seen] == [("sent", None)]
        assert seen[0]["sent_at"]
        assert (task_33.record["state"], task_33.record["result"]["chat_id"]) == ("done", made.chat_id)

    def test_record_holds_no_phone_number_and_no_name(self, task_33: Task) -> None:
        task_33.run()
        text = json.dumps(task_33.store)
        assert PERSON not in text
        assert task_33.sandbox.phone not in text
        assert NAME not in text

    def test_next_try_returns_the_recorded_group_without_a_call(self, task_33: Task) -> None:
        made = task_33.run()
        requests = len(task_33.sandbox.requests)
        for again in (RETRY, CLEARED):
            assert task_33.run(again).chat_id == made.chat_id
        assert len(task_33.sandbox.requests) == requests

    def test_next_try_without_a_store_finds_it(self, task_211: Task) -> None:
        made = task_211.run()
        for again in (RETRY, CLEARED):
            task_211.new_try()
            found = task_211.run(again)
            assert (found.chat_id, found.outcome) == (made.chat_id, "created")
        assert task_211.posts() == 1


class TestLostResponse:
    @pytest.mark.parametrize("fault", LOST_RESPONSES)
    def test_the_same_try_finds_the_group(self, task: Task, fault: str) -> None:
        task.sandbox.fault(fault, group_name=NAME)
        made = task.run()
        assert (made.chat_id, made.outcome) == (task.only_group(), "created")
        assert task.posts() == 1

    def test_after_a_read_timeout(self, task: Task) -> None:
        task.sandbox.fault("late", group_name=NAME, seconds=3)
        assert task.run().chat_id == task.only_group()
        assert task.posts() == 1

    @pytest.mark.parametrize("fault", ["gateway_504_hidden", "late_work"])
    def test_when_it_shows_up_late(self, task: Task, fault: str) -> None:
        task.sandbox.fault(fault, group_name=NAME, seconds=SETTLING / 2)
        assert task.run().chat_id == task.only_group()
        assert task.posts() == 1

    def test_while_the_list_cannot_be_read_either(self, task: Task) -> None:
        task.sandbox.fault("drop_after", group_name=NAME)
        task.sandbox.fault("html_502", route="GET /chats", times=3)
        assert task.run().chat_id == task.only_group()
        assert task.posts() == 1

    def test_failure_of_reading_ends_the_try_only_after_the_settling_time(self, task: Task) -> None:
        task.sandbox.fault("drop_after", group_name=NAME)
        outage = task.sandbox.fault("html_502", route="GET /chats", times=None)
        with pytest.raises(PeriskopeOutcomeUnknownError, match="Looking for group"):
            task.run()
        outage.times = 0
        task.new_try()
        assert task.run(RETRY).chat_id == task.only_group()
        assert task.posts() == 1

    def test_the_error_says_once_what_is_in_the_way_of_the_look(self, task: Task) -> None:
        task.sandbox.fault("drop_after", group_name=NAME)
        task.sandbox.fault("wrong_key", route="GET /chats", times=None)
        with pytest.raises(PeriskopeOutcomeUnknownError) as caught:
            task.run()
        assert str(caught.value).count("What to do:") == 1
        assert re.search(r"API key .* Then clear this task. It looks again", caught.value.what_to_do)
        task.new_try()
        with pytest.raises(PeriskopeApiError) as caught_later:
            task.run(RETRY)
        assert caught_later.value.what_to_do == caught.value.what_to_do

    def test_rate_limit_while_looking_keeps_what_is_known(self, task: Task) -> None:
        task.sandbox.fault("drop_after", group_name=NAME)
        limit = task.sandbox.fault("rate_limit", route="GET /chats", seconds=30)
        with pytest.raises(PeriskopeRateLimitError):
            task.run()
        limit.ends_at = 0
        assert task.run(FIRST).chat_id == task.only_group()  # a resumed task has the same try number
        assert task.posts() == 1

    def test_what_ends_the_process_leaves_the_record(
        self, task_33: Task, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class Killed(BaseException):
            pass

        real = PeriskopeHook.create_group

        def sent_and_killed(hook: PeriskopeHook, group: Any, **more: Any) -> Any:
            real(hook, group, **more)
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(PeriskopeHook, "create_group", sent_and_killed)
            with pytest.raises(Killed):
                task_33.run()
        found = task_33.run(RETRY)
        assert (found.chat_id, found.outcome) == (task_33.only_group(), "created")


class TestNothingMade:
    @pytest.mark.parametrize("fault", NEVER_CARRIED_OUT)
    def test_the_next_try_makes_it_once(self, task: Task, fault: str) -> None:
        task.sandbox.fault(fault, group_name=NAME)
        with pytest.raises(PeriskopeOutcomeUnknownError, match="looks again before it sends"):
            task.run()
        assert task.posts() == 1
        task.new_try()
        made = task.run(RETRY)
        assert (made.chat_id, made.outcome) == (task.only_group(), "created")
        assert task.posts() == 2

    def test_and_finds_its_own_although_the_first_worker_was_two_minutes_ahead(
        self, task_33: Task, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        task_33.sandbox.fault("drop_before", group_name=NAME)
        with monkeypatch.context() as patch:
            shift_clock(patch, timedelta(minutes=2))
            with pytest.raises(PeriskopeOutcomeUnknownError):
                task_33.run()
        task_33.sandbox.fault("drop_after", group_name=NAME)
        assert task_33.run(RETRY).chat_id == task_33.only_group()

    def test_unknown_outcome_is_looked_for_the_whole_settling_time(self, task: Task) -> None:
        task.sandbox.fault("drop_before", group_name=NAME)
        started = time.monotonic()
        with pytest.raises(PeriskopeOutcomeUnknownError):
            task.run()
        assert time.monotonic() - started >= SETTLING
        assert task.looks() > 2

    def test_a_try_after_the_settling_time_does_not_wait_it_out_again(self, task_33: Task) -> None:
        task_33.sandbox.fault("drop_before", group_name=NAME)
        with pytest.raises(PeriskopeOutcomeUnknownError):
            task_33.run()
        looks = task_33.looks()
        task_33.run(RETRY)
        assert task_33.looks() == looks + 1

    def test_without_a_record_the_whole_settling_time_is_waited_out(self, task_211: Task) -> None:
        for number in (2, 3):
            started = time.monotonic()
            task_211.run(replace(RETRY, number=number), name=f"On try {number}")
            assert time.monotonic() - started >= SETTLING
            task_211.new_try()

    def test_a_longer_timeout_than_usual_is_how_long_a_lost_attempt_may_still_be_under_way(
        self, task_211: Task, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(doubt, "DEFAULT_READ_TIMEOUT", READ_TIMEOUT - SETTLING / 2)
        started = time.monotonic()
        task_211.run(RETRY)
        assert 1.5 * SETTLING <= time.monotonic() - started < SETTLING + READ_TIMEOUT

    def test_an_attempt_that_was_killed_settles_from_the_end_it_can_have_had(
        self, task_33: Task, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            killed_as_it_sends(task_33, patch)
        started = time.monotonic()
        task_33.run(RETRY)
        assert time.monotonic() - started > SETTLING

    def test_an_attempt_of_long_ago_is_looked_for_once(
        self, task_33: Task, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            shift_clock(patch, timedelta(minutes=-5))
            killed_as_it_sends(task_33, patch)
        task_33.run(RETRY)
        assert (task_33.looks(), task_33.posts()) == (1, 1)


class TestRefusal:
    @pytest.mark.parametrize("fault", REFUSALS)
    def test_leaves_nothing_to_look_for(self, task_33: Task, fault: str) -> None:
        task_33.sandbox.fault(fault, group_name=NAME)
        with pytest.raises(PeriskopeApiError):
            task_33.run()
        task_33.run(RETRY)
        assert task_33.looks() == 0
        assert len(task_33.sandbox.groups) == 1

    @pytest.mark.parametrize("fault", REFUSALS)
    def test_is_remembered_when_a_clear_follows_and_another_run_has_made_one(
        self, task_33: Task, fault: str
    ) -> None:
        other_runs = task_33.sandbox.add_group(NAME, created_at=datetime.now(UTC))
        task_33.sandbox.fault(fault, group_name=NAME)
        with pytest.raises(PeriskopeApiError):
            task_33.run()
        assert task_33.run(CLEARED).chat_id != other_runs.chat_id

    def test_leaves_in_doubt_what_was_in_doubt_before(self, task_33: Task) -> None:
        task_33.sandbox.fault("gateway_504_hidden", group_name=NAME, seconds=6 * SETTLING)
        with pytest.raises(PeriskopeOutcomeUnknownError):
            task_33.run()
        shown_at = time.monotonic() + 6 * SETTLING
        task_33.sandbox.fault("phone_off", group_name=NAME)
        with pytest.raises(PeriskopeApiError):
            task_33.run(RETRY)
        time.sleep(max(0.0, shown_at - time.monotonic()) + 0.2)
        assert task_33.run(replace(RETRY, number=3)).chat_id == task_33.only_group()

    @pytest.mark.parametrize("status", [401, 403, 404, 429])
    def test_by_something_on_the_way_may_have_let_the_request_pass(
        self, task: Task, monkeypatch: pytest.MonkeyPatch, status: int
    ) -> None:
        gateway = Kind(works=True, answer=faults.page(status, "No"))
        monkeypatch.setitem(faults.KINDS, "gateway", gateway)
        task.sandbox.fault("gateway", group_name=NAME)
        assert task.run().chat_id == task.only_group()
        assert task.posts() == 1

    @pytest.mark.parametrize("status", [401, 403, 404, 429])
    def test_by_something_on_the_way_is_looked_for_before_the_next_request(
        self, task: Task, monkeypatch: pytest.MonkeyPatch, status: int
    ) -> None:
        gateway = Kind(works=False, answer=faults.page(status, "No"))
        monkeypatch.setitem(faults.KINDS, "gateway", gateway)
        task.sandbox.fault("gateway", group_name=NAME)
        with pytest.raises(PeriskopeApiError, match="It may or may not have been carried out") as error:
            task.run()
        assert (error.value.in_doubt, error.value.retryable, task.posts()) == (True, True, 1)
        looks = task.looks()
        task.new_try()
        assert task.run(RETRY).chat_id == task.only_group()
        assert task.looks() > looks

    def test_carried_over_a_deferral_says_nothing_to_another_try(self, task_211: Task) -> None:
        # Some releases start the next try with what the one before carried, when its worker is lost after the wait.
        limit = task_211.sandbox.fault("rate_limit", seconds=30)
        with pytest.raises(PeriskopeRateLimitError):
            task_211.run()
        limit.ends_at = 0
        of_the_lost_worker = task_211.sandbox.add_group(NAME, created_at=datetime.now(UTC)).chat_id
        assert task_211.carried
        assert task_211.run(RETRY).chat_id == of_the_lost_worker

    @pytest.mark.parametrize(("number", "settles"), [(1, False), (2, True)])
    def test_what_a_deferral_carries_is_settled_for_its_own_try_alone(
        self, task_211: Task, number: int, settles: bool
    ) -> None:
        task_211.sandbox.fault("gateway_504_hidden", group_name=NAME, seconds=60)
        with pytest.raises(PeriskopeOutcomeUnknownError):
            task_211.run()
        assert task_211.carried
        assert task_211.carried["group"]["state"] == "looked"
        looks = task_211.looks()
        task_211.run(replace(RETRY, number=number))
        assert (task_211.looks() > looks + 1) == settles

    def test_of_another_group_tells_nothing_about_this_one(self, task_33: Task) -> None:
        task_33.sandbox.fault("phone_off", group_name="Another")
        with pytest.raises(PeriskopeApiError):
            task_33.run(name="Another")
        task_33.run(RETRY)
        assert task_33.looks() > 0

    def test_no_connection_leaves_nothing_to_look_for(self, task_33: Task) -> None:
        task_33.sandbox.stop()
        with pytest.raises(PeriskopeUnreachableError):
            task_33.run()
        task_33.sandbox.start()
        task_33.run(RETRY)
        assert task_33.looks() == 0

    def test_after_a_rate_limit_the_task_looks_once_more(self, task: Task) -> None:
        limit = task.sandbox.fault("rate_limit", seconds=30)
        with pytest.raises(PeriskopeRateLimitError):
            task.run(CLEARED)
        looks = task.looks()
        limit.ends_at = 0
        task.run(CLEARED)
        assert task.looks() == looks + 1
        assert task.only_group()

    def test_but_a_later_try_looks_where_another_word_may_have_been_lost(self, task: Task) -> None:
        limit = task.sandbox.fault("rate_limit", seconds=30)
        with pytest.raises(PeriskopeRateLimitError):
            task.run(CLEARED)
        looks = task.looks()
        limit.ends_at = 0
        task.new_try()
        # A store holds the last record of this place in the list, but not those of the others.
        task.run(replace(CLEARED, number=3, is_mapped=task.store is not None))
        assert task.looks() > looks


class TestRecordOfAnotherVersion:
    def test_what_a_newer_one_has_kept_besides_is_left_out(self, task_33: Task) -> None:
        made = task_33.run()
        task_33.record["unheard_of"] = 1
        assert task_33.run(RETRY) == made


class TestNoRecord:
    def test_with_a_store_an_uncleared_task_has_never_sent(self, task_33: Task) -> None:
        # The first try failed before it sent: its connection was missing, or its worker was lost.
        of_another_run = task_33.sandbox.add_group(NAME, created_at=datetime.now(UTC)).chat_id
        assert task_33.run(RETRY).chat_id != of_another_run
        assert (task_33.looks(), task_33.posts()) == (0, 1)

    @pytest.mark.parametrize("how", ["mapped", "without a store"])
    def test_otherwise_it_is_looked_for(
        self, periskope_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, how: str
    ) -> None:
        task = Task(periskope_sandbox, monkeypatch, Store() if how == "mapped" else None)
        of_the_lost_worker = task.sandbox.add_group(NAME, created_at=datetime.now(UTC)).chat_id
        assert task.run(replace(RETRY, is_mapped=how == "mapped")).chat_id == of_the_lost_worker
        assert task.posts() == 0


class TestRunThatWasDueLongAgo:
    """A backfill or a catch-up: other runs with this name may have come since the run was due."""

    DUE = STARTED - timedelta(days=60)
    LATE_RETRY = replace(RETRY, run_due_at=DUE)
    LATE_CLEARED = replace(CLEARED, run_due_at=DUE)

    def add_group(self, task: Task, created_at: datetime) -> str:
        return task.sandbox.add_group(NAME, created_at=created_at).chat_id

    def test_a_retry_leaves_alone_what_is_older_than_the_start_of_the_run(self, task: Task) -> None:
        months_old = self.add_group(task, STARTED - timedelta(days=30))
        made = task.run(self.LATE_RETRY)
        assert (made.chat_id != months_old, made.outcome) == (True, "created")
        assert task.posts() == 1

    @pytest.mark.parametrize("if_exists", ["create", "fail"])
    def test_after_a_clear_it_refuses_to_guess(self, task: Task, if_exists: str) -> None:
        months_old = self.add_group(task, STARTED - timedelta(days=30))
        with pytest.raises(PeriskopeAmbiguousGroupError, match="not certain that this run created") as error:
            task.run(self.LATE_CLEARED, if_exists=if_exists)
        assert error.value.chat_ids == (months_old,)
        assert months_old in str(error.value)
        assert task.posts() == 0

    def test_after_a_clear_such_a_group_can_be_reused(self, task: Task) -> None:
        months_old = self.add_group(task, STARTED - timedelta(days=30))
        made = task.run(self.LATE_CLEARED, if_exists="reuse")
        assert (made.chat_id, made.outcome) == (months_old, "reused")

    @pytest.mark.parametrize(
        "created_at",
        [
            pytest.param(DUE + timedelta(hours=1), id="when the run was due"),
            pytest.param(STARTED + timedelta(seconds=1), id="after its last start"),
        ],
    )
    def test_after_a_clear_what_was_created_when_it_is_expected_is_its_own(
        self, task: Task, created_at: datetime
    ) -> None:
        own = self.add_group(task, created_at)
        made = task.run(self.LATE_CLEARED)
        assert (made.chat_id, made.outcome) == (own, "created")
        assert task.posts() == 0

    @pytest.mark.parametrize("seconds", [-3600, 1])
    def test_what_is_older_than_the_run_was_due_is_not_looked_at(self, task: Task, seconds: float) -> None:
        """With margins for clocks."""
        self.add_group(task, self.DUE + timedelta(seconds=seconds))
        task.run(self.LATE_CLEARED)
        assert task.posts() == (1 if seconds < 0 else 0)

    def test_fail_does_not_succeed_after_a_clear_with_the_group_that_it_failed_for(self, task: Task) -> None:
        months_old = self.add_group(task, STARTED - timedelta(days=30))
        task.sandbox.fault("phone_off", "GET /chats")
        with pytest.raises(PeriskopeApiError):
            task.run(replace(FIRST, run_due_at=self.DUE), if_exists="fail")
        for task_try in (self.LATE_RETRY, replace(self.LATE_CLEARED, number=3)):
            task.new_try()
            with pytest.raises((PeriskopeGroupExistsError, PeriskopeAmbiguousGroupError), match=months_old):
                task.run(task_try, if_exists="fail")
        assert task.posts() == 0

    def test_a_run_that_started_before_its_interval_ended_finds_its_own_after_a_clear(
        self, task: Task
    ) -> None:
        """On 2.11, where a clear moves the start of a run that was never due."""
        own = self.add_group(task, STARTED - timedelta(minutes=4))
        cleared = replace(CLEARED, run_started_at=datetime.now(UTC), run_due_at=STARTED - timedelta(hours=20))
        assert task.run(cleared).chat_id == own
        assert task.posts() == 0


class TestMomentOfSending:
    """The settling time is counted from the request, not from what came before it."""

    def test_is_recorded_anew_for_each_request(self, task_33: Task, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(client, "WAIT_IN_PLACE", 5)
        task_33.sandbox.fault("rate_limit", group_name=NAME, header="Retry-After", value="1")
        task_33.sandbox.fault("drop_before", group_name=NAME)
        with pytest.raises(PeriskopeOutcomeUnknownError):
            task_33.run()
        refused, lost = [request for request in task_33.sandbox.requests if request.group_name == NAME]
        assert lost.time - refused.time > timedelta(seconds=1)
        for moment in ("sent_at", "first_sent_at"):
            recorded = datetime.fromisoformat(task_33.record[moment])
            assert timedelta() <= lost.time - recorded < timedelta(seconds=0.9)

    def test_comes_after_failures_to_connect(self, task_33: Task, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(client, "CONNECT_TRIES", 2)
        task_33.sandbox.stop()
        starts: list[datetime] = []

        def comes_back(seconds: float) -> None:
            starts.append(datetime.now(UTC))
            task_33.sandbox.fault("drop_before", group_name=NAME)
            task_33.sandbox.start()

        monkeypatch.setattr(client, "time", SimpleNamespace(sleep=comes_back, monotonic=time.monotonic))
        with pytest.raises(PeriskopeOutcomeUnknownError):
            task_33.run()
        assert datetime.fromisoformat(task_33.record["sent_at"]) >= starts[0]

    def test_a_request_that_cannot_be_made_is_not_recorded_as_sent(
        self, task_33: Task, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("airflow_provider_periskope.connection._is_hostname", lambda _: True)
        monkeypatch.setenv(
            "AIRFLOW_CONN_PERISKOPE_DEFAULT",
            json.dumps(
                {
                    "conn_type": "periskope",
                    "login": OTHER_PHONE,
                    "password": "a-key-of-another-phone",
                    "host": "*.example",
                }
            ),
        )
        with pytest.raises(PeriskopeConfigurationError, match="cannot be made"):
            task_33.run()
        assert task_33.record["state"] == "unsent"


class TestErrorsOfLooking:
    def test_tell_of_the_lost_response_and_its_trace(self, task: Task) -> None:
        task.sandbox.fault("error_500_after", group_name=NAME)
        task.sandbox.fault("wrong_key", route="GET /chats")
        with pytest.raises(
            PeriskopeOutcomeUnknownError, match=r"(?s)The outcome of POST .*Looking for"
        ) as caught:
            task.run()
        assert caught.value.trace_id
        assert caught.value.trace_id in str(caught.value)
        assert "a new run would not" in str(caught.value)

    def test_of_a_later_try_tell_what_is_in_doubt(self, task: Task) -> None:
        task.sandbox.fault("drop_after", group_name=NAME)
        task.sandbox.fault("wrong_key", route="GET /chats", times=2)
        with pytest.raises(PeriskopeOutcomeUnknownError):
            task.run()
        task.new_try()
        with pytest.raises(PeriskopeApiError, match=f"An earlier request may have created group {NAME!r}"):
            task.run(RETRY)

    def test_name_phone_and_connection(self, task: Task) -> None:
        for days in (7, 8):
            task.sandbox.add_group(NAME, created_at=datetime.now(UTC) - timedelta(days=days))
        for if_exists in ("fail", "reuse"):
            with pytest.raises(PeriskopeError, match=r"phone \d{4}•+\d{3} of connection 'periskope_default'"):
                task.run(if_exists=if_exists)


class TestCleared:
    def test_looks_although_the_store_is_empty(self, task: Task) -> None:
        made = task.run()
        task.lose_record()
        found = task.run(CLEARED)
        assert (found.chat_id, found.outcome) == (made.chat_id, "created")
        assert task.posts() == 1

    def test_a_first_try_has_nothing_to_look_for_and_takes_no_group_of_another_run(self, task: Task) -> None:
        of_another_run = task.sandbox.add_group(NAME, created_at=datetime.now(UTC)).chat_id
        assert task.run(replace(CLEARED, number=1)).chat_id != of_another_run
        assert task.looks() == 0

    def test_reordered_list_makes_no_second_group_for_anybody(self, task_33: Task) -> None:
        mapped = replace(CLEARED, is_mapped=True)
        stores = {0: Store(), 1: Store(), 2: Store()}
        people = ["Asha", "Bharat", "Chitra"]
        made = {}
        for index, name in enumerate(people):
            task_33.store = stores[index]
            made[name] = task_33.run(replace(FIRST, is_mapped=True), name=name).chat_id
        for index, name in enumerate(["Chitra", "Asha"]):
            task_33.store = stores[index]
            assert task_33.run(mapped, name=name).chat_id == made[name]
        for index, name in enumerate(["Bharat", "Chitra", "Asha"]):
            task_33.store = stores[index]
            assert task_33.run(replace(mapped, number=3), name=name).chat_id == made[name]
        assert len(task_33.sandbox.groups) == 3

    def test_another_phone_is_another_group(self, task_33: Task) -> None:
        task_33.sandbox.add_phone(OTHER_PHONE)
        first = task_33.run()
        second = task_33.run(CLEARED, phone=OTHER_PHONE)
        assert second.chat_id != first.chat_id
        assert [group.phone for group in task_33.sandbox.groups] == [task_33.sandbox.phone, OTHER_PHONE]

    def test_another_name_is_another_group(self, task_33: Task) -> None:
        first = task_33.run()
        second = task_33.run(CLEARED, name="Another")
        assert second.chat_id != first.chat_id
        assert task_33.posts("Another") == 1


class TestLogs:
    def test_say_what_happens_and_tell_no_secret(self, task: Task, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG, logger="airflow_provider_periskope")
        task.sandbox.fault("gateway_504_hidden", group_name=NAME, seconds=SETTLING / 2)
        task.run()
        text = "\n".join(record.getMessage() for record in caplog.records)
        assert "outcome of POST /chats/create" in text
        assert f"Looking for group {NAME!r} until" in text
        assert task.only_group() in text
        for secret in (PERSON, task.sandbox.phone, task.sandbox.api_key):
            assert secret not in text

    def test_a_good_run_is_one_line(self, task: Task, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, logger="airflow_provider_periskope")
        task.run()
        ours = [
            record for record in caplog.records if record.name.startswith("airflow_provider_periskope.once")
        ]
        assert [record.getMessage() for record in ours] == [
            f"Created group {NAME!r}, people added or invited: 1. Chat ID: {task.only_group()}. "
            "PeriskopeGroupMembersSensor shows who is in."
        ]
