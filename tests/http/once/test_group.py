"""Which group is our own, and ``if_exists``, against the sandbox over real sockets."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_periskope.exceptions import (
    PeriskopeAmbiguousGroupError,
    PeriskopeGroupExistsError,
    PeriskopeOutcomeUnknownError,
    PeriskopeRateLimitError,
)
from tests.http.once.tries import (
    CLEARED,
    FIRST,
    NAME,
    OTHER_PHONE,
    READ_TIMEOUT,
    RETRY,
    SETTLING,
    Store,
    Task,
    shift_clock,
)

if TYPE_CHECKING:
    from airflow_provider_periskope.sandbox.server import Sandbox


class TestWhichGroupIsOurs:
    """After a lost response, beside groups that are not ours."""

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
        task.lose_record()
        assert task.run(CLEARED, name="Café  Émile").chat_id == group.chat_id

    def test_several_are_an_error_that_lists_them(self, task: Task) -> None:
        other = task.sandbox.add_group(NAME, created_at=datetime.now(UTC) + timedelta(seconds=1))
        with pytest.raises(PeriskopeAmbiguousGroupError, match="Several groups match") as caught:
            task.run()
        assert set(caught.value.chat_ids) == {other.chat_id, self.made_now(task)}
        for chat_id in caught.value.chat_ids:
            assert f"{chat_id} (created 20" in str(caught.value)
        assert not caught.value.retryable

    @pytest.mark.parametrize("missing", ["created_at", "org_phone"])
    def test_one_that_cannot_be_told_is_an_error(self, task: Task, missing: str) -> None:
        task.sandbox.faults.clear()
        task.sandbox.fault("drop_before", group_name=NAME)
        row = task.sandbox.add_group(NAME, created_at=datetime.now(UTC), without=(missing,))
        row.members.clear()  # so that its creator is not known either
        with pytest.raises(PeriskopeAmbiguousGroupError, match="too little is known of it") as caught:
            task.run()
        assert caught.value.chat_ids == (row.chat_id,)

    def test_one_whose_phone_is_not_listed_is_ours_if_our_phone_has_created_it(self, task: Task) -> None:
        task.sandbox.faults.clear()
        task.sandbox.fault("drop_before", group_name=NAME)
        row = task.sandbox.add_group(NAME, created_at=datetime.now(UTC), without=("org_phone",))
        assert task.run().chat_id == row.chat_id

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
        task.lose_record()
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

    def test_and_a_lost_response_of_one_is_an_error_not_a_guess(self, task: Task) -> None:
        task.run()
        if task.store is not None:
            task.store = Store()
        task.carried = None
        task.sandbox.fault("drop_after", group_name=NAME)
        with pytest.raises(PeriskopeAmbiguousGroupError):
            task.run()


class TestTwoPhonesOfOneOrganisation:
    """Phone B is a member of A's group, and B's own request is lost."""

    @pytest.fixture
    def theirs(self, periskope_sandbox: Sandbox) -> str:
        periskope_sandbox.add_phone(OTHER_PHONE)
        phones = [f"{OTHER_PHONE}@c.us", f"{periskope_sandbox.phone}@c.us"]
        group = periskope_sandbox.add_group(
            NAME, OTHER_PHONE, created_at=datetime.now(UTC), shown={"chat_org_phones": phones}
        )
        return group.chat_id

    def test_the_group_that_the_other_has_created_is_not_ours(self, task: Task, theirs: str) -> None:
        task.sandbox.fault("drop_before", group_name=NAME)
        with pytest.raises(PeriskopeOutcomeUnknownError):
            task.run()
        task.new_try()
        made = task.run(RETRY)
        assert (made.chat_id != theirs, made.outcome) == (True, "created")
        assert task.posts() == 2

    def test_our_own_is_found_beside_it(self, task: Task, theirs: str) -> None:
        task.sandbox.fault("drop_after", group_name=NAME)
        made = task.run()
        assert (made.chat_id != theirs, made.outcome) == (True, "created")
        assert task.posts() == 1

    def test_the_connection_says_how_late_a_group_may_be_listed(
        self, task: Task, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        extra = {"timeout": READ_TIMEOUT, "settling_time": 6 * SETTLING}
        connection = json.loads(task.sandbox.connection_json()) | {"extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_PERISKOPE_DEFAULT", json.dumps(connection))
        task.sandbox.fault("gateway_504_hidden", group_name=NAME, seconds=3 * SETTLING)
        assert task.run().chat_id == task.only_group()

    def test_a_creator_whose_number_is_hidden_decides_nothing(self, task: Task) -> None:
        task.sandbox.fault("gateway_504_hidden", group_name=NAME, seconds=SETTLING / 2)
        threading.Thread(target=self.hide_creator, args=[task.sandbox]).start()
        assert task.run().chat_id == task.only_group()
        (group,) = task.sandbox.groups_named(NAME)
        assert "77@lid" in group.members

    @staticmethod
    def hide_creator(sandbox: Sandbox) -> None:
        while not (groups := sandbox.groups_named(NAME)):
            time.sleep(0.01)
        (group,) = groups
        creator = group.members.pop(f"{sandbox.phone}@c.us")
        group.members["77@lid"] = replace(creator, contact_id="77@lid")
