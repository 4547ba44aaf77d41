"""The one-group rule against the sandbox, over real sockets. Only the waiting is shorter than in life."""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_periskope import one_group
from airflow_provider_periskope.exceptions import (
    PeriskopeAmbiguousGroupError,
    PeriskopeApiError,
    PeriskopeError,
    PeriskopeGroupExistsError,
    PeriskopeNoAnswerError,
    PeriskopeOutcomeUnknownError,
    PeriskopeRateLimitError,
    PeriskopeUnreachableError,
)
from airflow_provider_periskope.group_record import KEY, GroupMemory
from airflow_provider_periskope.hooks import periskope as hook_module
from airflow_provider_periskope.hooks.periskope import PeriskopeHook
from airflow_provider_periskope.one_group import TaskTry, make_one_group

if TYPE_CHECKING:
    from airflow_provider_periskope.group_record import GroupRecord
    from airflow_provider_periskope.sandbox.server import Sandbox

NAME = "Stand-up 2026-11-23"
PERSON = "919537851844"
OTHER_PHONE = "918527184400"
READ_TIMEOUT = 1.0
SETTLING = 1.0

LOST_ANSWERS = [
    "drop_after",
    "error_500_after",
    "html_502_after",
    "empty_500_after",
    "truncated",
    "not_json",
]
NEVER_CARRIED_OUT = ["drop_before", "error_500", "html_502", "empty_500"]
REFUSALS = ["wrong_key", "phone_off", "wrong_plan", "not_found", "invalid"]

FIRST = TaskTry(
    number=1,
    is_mapped=False,
    cleared=False,
    run_opened_at=datetime.now(UTC) - timedelta(minutes=1),
    retry_delay=timedelta(),
)
EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)
RETRY = replace(FIRST, number=2)
CLEARED = replace(FIRST, number=2, cleared=True)


class Store(dict[str, Any]):
    """A task state store that keeps what JSON keeps, as Airflow's does."""

    def set(self, key: str, value: Any) -> None:
        self[key] = json.loads(json.dumps(value))


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_group, "SETTLING", timedelta(seconds=SETTLING))
    monkeypatch.setattr(one_group, "LOOK_PAUSES", (0.1,))
    monkeypatch.setattr(hook_module, "WAIT_IN_PLACE", 0.5)
    monkeypatch.setattr(hook_module, "CONNECT_TRIES", 1)
    monkeypatch.setattr(hook_module, "READ_TRIES", 1)


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
    ) -> GroupRecord:
        hook = PeriskopeHook(phone=phone)
        memory = GroupMemory(self.store, self.carried)
        try:
            return make_one_group(
                hook,
                hook.check_group(name, [PERSON]),
                task_try=task_try,
                memory=memory,
                if_exists=if_exists,
            )
        finally:
            # What a deferral would take along; a new try of an Airflow without a store starts with nothing.
            self.carried = memory.carried() if self.store is None else None

    def new_try(self) -> None:
        self.carried = None

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

    monkeypatch.setattr(hook_module, "datetime", ShiftedClock)
    monkeypatch.setattr(one_group, "datetime", ShiftedClock)


def killed_as_it_sends(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a try whose process ends after its record, and before its request."""

    def send_group(hook: PeriskopeHook, group: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(PeriskopeHook, "send_group", send_group)
    with pytest.raises(KeyboardInterrupt):
        task.run()


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
        made = task.run()
        assert (made.chat_id, made.outcome) == (task.only_group(), "created")
        assert made.invite_link == task.sandbox.groups[0].invite_link
        assert (task.posts(), task.looks()) == (1, 0)

    def test_record_is_written_before_the_request_and_finished_after_it(
        self, task_33: Task, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[Any] = []
        assert task_33.store is not None
        real = PeriskopeHook.send_group

        def spy(hook: PeriskopeHook, group: Any) -> Any:
            seen.append(task_33.store and dict(task_33.store[KEY]))
            return real(hook, group)

        monkeypatch.setattr(PeriskopeHook, "send_group", spy)
        made = task_33.run()
        assert seen[0]["sent_at"]
        assert seen[0]["chat_id"] is None
        assert task_33.store[KEY]["chat_id"] == made.chat_id

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


class TestLostAnswer:
    @pytest.mark.parametrize("fault", LOST_ANSWERS)
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
        task.sandbox.fault(fault, group_name=NAME, seconds=0.6)
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
        with pytest.raises(PeriskopeNoAnswerError):
            task.run()
        outage.times = 0
        task.new_try()
        assert task.run(RETRY).chat_id == task.only_group()
        assert task.posts() == 1

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

        real = PeriskopeHook.send_group

        def sent_and_killed(hook: PeriskopeHook, group: Any) -> Any:
            real(hook, group)
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(PeriskopeHook, "send_group", sent_and_killed)
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

    def test_the_retry_delay_counts_as_settling_where_no_record_outlives_the_try(
        self, task_211: Task
    ) -> None:
        # But for half of it at most: after a lost scheduler the next try does not wait for it.
        for delay in (SETTLING, 300):
            started = time.monotonic()
            task_211.run(replace(RETRY, retry_delay=timedelta(seconds=delay)), name=f"After {delay}")
            assert SETTLING / 2 <= time.monotonic() - started < SETTLING
            task_211.new_try()
        started = time.monotonic()
        task_211.run(replace(RETRY, number=3), name="Another")
        assert time.monotonic() - started >= SETTLING

    def test_a_longer_timeout_than_usual_is_how_long_a_lost_attempt_may_still_be_under_way(
        self, task_211: Task, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(one_group, "DEFAULT_READ_TIMEOUT", READ_TIMEOUT - SETTLING / 2)
        for delay, least in ((0, 1.5 * SETTLING), (300, SETTLING / 2)):
            started = time.monotonic()
            task_211.run(replace(RETRY, retry_delay=timedelta(seconds=delay)), name=f"After {delay}")
            assert least <= time.monotonic() - started < least + SETTLING / 2
            task_211.new_try()

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
        task_33.sandbox.fault("gateway_504_hidden", group_name=NAME, seconds=4 * SETTLING)
        with pytest.raises(PeriskopeOutcomeUnknownError):
            task_33.run()
        shown_at = time.monotonic() + 4 * SETTLING
        task_33.sandbox.fault("phone_off", group_name=NAME)
        with pytest.raises(PeriskopeApiError):
            task_33.run(RETRY)
        time.sleep(max(0.0, shown_at - time.monotonic()))
        assert task_33.run(replace(RETRY, number=3)).chat_id == task_33.only_group()

    def test_by_something_on_the_way_may_have_let_the_request_pass(
        self, task: Task, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        send = PeriskopeHook.send_group

        def refused(hook: PeriskopeHook, group: Any) -> Any:
            send(hook, group)
            raise PeriskopeApiError("403", status=403)

        with monkeypatch.context() as patch:
            patch.setattr(PeriskopeHook, "send_group", refused)
            with pytest.raises(PeriskopeApiError):
                task.run()
        task.new_try()
        assert task.run(RETRY).chat_id == task.only_group()

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
        assert task_211.carried["settled"]
        started = time.monotonic()
        task_211.run(replace(RETRY, number=number))
        assert (time.monotonic() - started > SETTLING) == settles

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

    def test_after_a_rate_limit_the_task_goes_on_without_looking(self, task: Task) -> None:
        limit = task.sandbox.fault("rate_limit", seconds=30)
        with pytest.raises(PeriskopeRateLimitError):
            task.run(CLEARED)
        looks = task.looks()
        limit.ends_at = 0
        task.run(CLEARED)
        assert task.looks() == looks
        assert task.only_group()

    def test_but_a_later_try_looks_where_another_word_may_have_been_lost(self, task: Task) -> None:
        limit = task.sandbox.fault("rate_limit", seconds=30)
        with pytest.raises(PeriskopeRateLimitError):
            task.run(CLEARED)
        looks = task.looks()
        limit.ends_at = 0
        task.new_try()
        # A store tells the last word of this place in the list, but not those of the others.
        task.run(replace(CLEARED, number=3, is_mapped=task.store is not None))
        assert task.looks() > looks


class TestRecordOfAnotherVersion:
    def test_what_a_newer_one_has_kept_besides_is_left_out(self, task_33: Task) -> None:
        made = task_33.run()
        assert task_33.store is not None
        task_33.store[KEY]["unheard_of"] = 1
        assert task_33.run(RETRY) == made


class TestWhenARunBegan:
    """Below 3.3 nothing else bounds what a later try takes for its own."""

    @staticmethod
    def opened_at(run_type: str, *, number: int, **of_airflow_3: datetime) -> datetime:
        ti = SimpleNamespace(try_number=number, max_tries=1, map_index=-1)
        run = SimpleNamespace(
            clear_number=0, run_type=run_type, start_date=LATE, data_interval_end=EARLY, **of_airflow_3
        )
        task = SimpleNamespace(retries=1, retry_delay=timedelta(minutes=5), max_retry_delay=None)
        return TaskTry.of({"ti": ti, "dag_run": run, "task": task}).run_opened_at

    def test_is_its_start(self) -> None:
        assert self.opened_at("scheduled", number=2) == LATE

    def test_of_a_backfill_on_airflow_3_too(self) -> None:
        assert self.opened_at("backfill", number=2, run_after=EARLY) == LATE

    def test_but_of_one_that_2_11_goes_on_with_the_start_has_moved(self) -> None:
        assert self.opened_at("backfill", number=2) == EARLY
        assert self.opened_at("backfill", number=1) == LATE


class TestNoRecord:
    def test_a_later_try_looks_for_what_one_before_3_3_may_have_made(self, task_33: Task) -> None:
        made_before_the_upgrade = task_33.sandbox.add_group(NAME, created_at=datetime.now(UTC)).chat_id
        assert task_33.run(RETRY).chat_id == made_before_the_upgrade

    def test_and_sends_at_once_where_there_is_nothing(self, task_33: Task) -> None:
        task_33.run(RETRY)
        assert (task_33.looks(), task_33.posts()) == (1, 1)


class TestErrorsOfLooking:
    def test_tell_of_the_lost_answer_and_its_trace(self, task: Task) -> None:
        task.sandbox.fault("error_500_after", group_name=NAME)
        task.sandbox.fault("wrong_key", route="GET /chats")
        with pytest.raises(
            PeriskopeOutcomeUnknownError, match=r"The outcome of POST .*Looking for"
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
        with pytest.raises(PeriskopeApiError, match=f"An earlier request may have made group {NAME!r}"):
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
        if task.store:
            task.store.clear()  # as [state_store] clear_on_success does
        task.new_try()
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


class TestWhichGroupIsOurs:
    """After a lost answer, beside groups that are not ours."""

    @pytest.fixture(autouse=True)
    def lost(self, periskope_sandbox: Sandbox) -> None:
        periskope_sandbox.fault("drop_after", group_name=NAME)

    def made_now(self, task: Task) -> str:
        return task.sandbox.groups_named(NAME)[-1].chat_id

    @pytest.mark.parametrize(
        ("age", "attributes"),
        [
            pytest.param(timedelta(days=7), {}, id="of last week"),
            pytest.param(timedelta(), {"exited": True}, id="left"),
            pytest.param(timedelta(), {"phone": OTHER_PHONE}, id="of another phone"),
            pytest.param(timedelta(days=7), {"without": ("org_phone",)}, id="of last week, phone not told"),
        ],
    )
    def test_others_do_not_count(self, task: Task, age: timedelta, attributes: dict[str, Any]) -> None:
        task.sandbox.add_phone(OTHER_PHONE)
        task.sandbox.add_group(NAME, created_at=datetime.now(UTC) - age, **attributes)
        assert task.run().chat_id == self.made_now(task)
        assert task.posts() == 1

    def test_names_are_compared_without_white_space_and_composition_but_with_case(self, task: Task) -> None:
        task.sandbox.fault("drop_after", group_name="Café  Émile")
        task.sandbox.add_group("café  émile", created_at=datetime.now(UTC))
        # A phone may hand the name back decomposed and trimmed.
        made = task.run(name="Café  Émile")
        (group,) = task.sandbox.groups_named("Café  Émile")
        assert made.chat_id == group.chat_id
        group.name = "Cafe\u0301 E\u0301mile "
        task.new_try()
        if task.store:
            task.store.clear()
        assert task.run(CLEARED, name="Café  Émile").chat_id == group.chat_id

    def test_several_are_an_error_that_lists_them(self, task: Task) -> None:
        other = task.sandbox.add_group(NAME, created_at=datetime.now(UTC) + timedelta(seconds=1))
        with pytest.raises(PeriskopeAmbiguousGroupError, match="several") as caught:
            task.run()
        assert set(caught.value.chat_ids) == {other.chat_id, self.made_now(task)}
        for chat_id in caught.value.chat_ids:
            assert f"{chat_id} (made 20" in str(caught.value)
        assert not caught.value.retryable

    @pytest.mark.parametrize("missing", ["created_at", "org_phone"])
    def test_one_that_cannot_be_told_is_an_error(self, task: Task, missing: str) -> None:
        task.sandbox.faults.clear()
        task.sandbox.fault("drop_before", group_name=NAME)
        row = task.sandbox.add_group(NAME, created_at=datetime.now(UTC), without=(missing,))
        with pytest.raises(PeriskopeAmbiguousGroupError, match="tells too little") as caught:
            task.run()
        assert caught.value.chat_ids == (row.chat_id,)

    @pytest.mark.parametrize("missing", ["created_at", "org_phone"])
    def test_one_that_can_be_told_a_little_later_is_ours(self, task: Task, missing: str) -> None:
        task.sandbox.faults.clear()
        task.sandbox.fault("drop_before", group_name=NAME)
        row = task.sandbox.add_group(NAME, created_at=datetime.now(UTC), without=(missing,))
        threading.Timer(SETTLING / 2, setattr, (row, "without", frozenset())).start()
        assert task.run().chat_id == row.chat_id

    def test_phone_given_by_its_id(self, task: Task) -> None:
        task.sandbox.add_phone(OTHER_PHONE)
        task.sandbox.add_group(NAME, phone=OTHER_PHONE, created_at=datetime.now(UTC))
        made = task.run(phone=task.sandbox.phone_id)
        assert made.chat_id == self.made_now(task)
        assert task.posts() == 1

    @pytest.mark.parametrize("ahead", [-120, 120], ids=["worker behind", "worker ahead"])
    def test_clocks_two_minutes_apart(self, task: Task, monkeypatch: pytest.MonkeyPatch, ahead: int) -> None:
        task.sandbox.add_group(NAME, created_at=datetime.now(UTC) - timedelta(minutes=1))
        shift_clock(monkeypatch, timedelta(seconds=ahead))
        assert task.run().chat_id == self.made_now(task)
        assert task.posts() == 1

    @pytest.mark.parametrize("ahead", [-120, 120], ids=["second worker behind", "second worker ahead"])
    def test_clocks_of_two_workers_two_minutes_apart(
        self, task_33: Task, monkeypatch: pytest.MonkeyPatch, ahead: int
    ) -> None:
        limit = task_33.sandbox.fault("rate_limit", route="GET /chats", seconds=1)
        with pytest.raises(PeriskopeRateLimitError):
            task_33.run()
        limit.ends_at = 0
        task_33.sandbox.groups_named(NAME)[0].listed_from = time.monotonic() + SETTLING / 2
        shift_clock(monkeypatch, timedelta(seconds=ahead))
        assert task_33.run(RETRY).chat_id == task_33.only_group()


class TestIfExists:
    @pytest.fixture
    def older(self, periskope_sandbox: Sandbox) -> str:
        return periskope_sandbox.add_group(NAME, created_at=datetime.now(UTC) - timedelta(days=7)).chat_id

    def test_create_makes_another(self, task: Task, older: str) -> None:
        made = task.run(if_exists="create")
        assert (made.chat_id != older, made.outcome) == (True, "created")

    def test_reuse_takes_it(self, task: Task, older: str) -> None:
        for task_try in (FIRST, RETRY, CLEARED):
            made = task.run(task_try, if_exists="reuse")
            assert (made.chat_id, made.outcome) == (older, "reused")
            task.new_try()
        assert task.posts() == 0

    def test_reuse_makes_one_where_there_is_none(self, task: Task) -> None:
        made = task.run(if_exists="reuse")
        assert (made.chat_id, made.outcome) == (task.only_group(), "created")

    def test_reuse_with_several_is_an_error(self, task: Task, older: str) -> None:
        second = task.sandbox.add_group(NAME, created_at=datetime.now(UTC) - timedelta(days=8))
        with pytest.raises(PeriskopeAmbiguousGroupError) as caught:
            task.run(if_exists="reuse")
        assert set(caught.value.chat_ids) == {older, second.chat_id}
        assert task.posts() == 0

    def test_fail_sends_nothing(self, task: Task, older: str) -> None:
        with pytest.raises(PeriskopeGroupExistsError, match=older) as caught:
            task.run(if_exists="fail")
        assert not caught.value.retryable
        assert task.posts() == 0

    def test_fail_fails_again_after_a_clear_of_a_run_that_was_due_before_the_group_was_made(
        self, task_33: Task
    ) -> None:
        of_a_run_before = task_33.sandbox.add_group(NAME, created_at=datetime.now(UTC)).chat_id
        for task_try in (FIRST, CLEARED):
            with pytest.raises(PeriskopeGroupExistsError, match=of_a_run_before):
                task_33.run(task_try, if_exists="fail")
        assert task_33.posts() == 0

    @pytest.mark.parametrize("if_exists", ["reuse", "fail"])
    def test_our_own_group_is_created_not_reused(self, task: Task, if_exists: str) -> None:
        task.sandbox.fault("drop_after", group_name=NAME)
        first = task.run(if_exists=if_exists)
        assert first.outcome == "created"
        task.new_try()
        if task.store:
            task.store.clear()
        again = task.run(CLEARED, if_exists=if_exists)
        assert (again.chat_id, again.outcome) == (first.chat_id, "created")

    def test_without_created_at_reuse_can_still_tell(self, task: Task) -> None:
        row = task.sandbox.add_group(NAME, without=("created_at",))
        assert task.run(if_exists="reuse").chat_id == row.chat_id


class TestSeveralTasksWithOneName:
    def test_two_tasks_make_two_groups(self, task_33: Task) -> None:
        first = task_33.run()
        task_33.store = Store()
        assert task_33.run().chat_id != first.chat_id

    def test_and_a_lost_answer_of_one_is_an_error_not_a_guess(self, task: Task) -> None:
        task.run()
        if task.store is not None:
            task.store = Store()
        task.carried = None
        task.sandbox.fault("drop_after", group_name=NAME)
        with pytest.raises(PeriskopeAmbiguousGroupError):
            task.run()


class TestLogs:
    def test_say_what_happens_and_tell_no_secret(self, task: Task, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG, logger="airflow_provider_periskope")
        task.sandbox.fault("gateway_504_hidden", group_name=NAME, seconds=1)
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
            record for record in caplog.records if record.name.startswith("airflow_provider_periskope.one")
        ]
        assert [record.getMessage() for record in ours] == [
            f"Made group {NAME!r}, people added or invited: 1. Chat ID: {task.only_group()}"
        ]
