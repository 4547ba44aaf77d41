"""Nobody is sent a second invitation, whatever fails: people added to a group over several tries of a task."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_periskope.exceptions import (
    PeriskopeNoResponseError,
    PeriskopeNotFoundError,
    PeriskopeOutcomeUnknownError,
    PeriskopePhoneOffError,
    PeriskopeRateLimitError,
)
from airflow_provider_periskope.hooks.periskope import PeriskopeHook
from airflow_provider_periskope.input.participants import check_group_people
from airflow_provider_periskope.once.doubt import Attempt, TaskTry
from airflow_provider_periskope.once.invitations import add_people
from airflow_provider_periskope.once.record import Memory
from tests.http.once.tries import SETTLING, Store

if TYPE_CHECKING:
    from airflow_provider_periskope.sandbox.server import Sandbox

KNOWN, STRANGER, OTHER = "919537851844", "918527184400", "919874532456"
ADD = "POST /chats/*/add"
READ = "GET /chats/*"

Try = Callable[..., dict[str, str]]


class Killed(BaseException):
    """What a process that is killed does not survive."""


@pytest.fixture
def group(periskope_sandbox: Sandbox) -> Any:
    periskope_sandbox.not_in_contacts.add(STRANGER)
    return periskope_sandbox.add_group("Sales")


@pytest.fixture
def attempt(group: Any) -> Try:
    """Give what one try of a task does; tries with one store are tries of one task."""

    def add(
        number: int = 1,
        store: Store | None = None,
        people: tuple[str, ...] = (KNOWN, STRANGER),
        *,
        cleared: bool = False,
        mapped: bool = False,
        kept: bool | None = None,
        memory: Memory | None = None,
    ) -> dict[str, str]:
        hook = PeriskopeHook()
        checked, _ = check_group_people(
            group.chat_id, list(people), own_digits=hook.own_digits, change="added"
        )
        moment = datetime.now(UTC)
        this = Attempt(TaskTry(number, mapped, cleared, moment, moment), memory or Memory(store), 1, 1)
        sure = (store is not None or number == 1) if kept is None else kept
        return {
            number: str(outcome)
            for number, outcome in add_people(hook, checked, this, records_are_kept=sure).outcomes.items()
        }

    return add


def sent(sandbox: Sandbox) -> list[list[str]]:
    return [call.body["participants"] for call in sandbox.requests if call.path.endswith("/add")]


class TestALostResponse:
    @pytest.mark.parametrize(
        "fault", ["drop_after", "html_502_after", "truncated", "not_json", "error_500_after"]
    )
    def test_shows_who_was_added_and_leaves_the_others_unknown(
        self, attempt: Try, periskope_sandbox: Sandbox, fault: str
    ) -> None:
        periskope_sandbox.fault(fault, ADD)
        store = Store()
        expected = {KNOWN: "added", STRANGER: "unknown"}
        assert attempt(1, store) == expected
        assert attempt(2, store) == expected
        assert attempt(3, store, cleared=True) == expected
        assert sent(periskope_sandbox) == [[KNOWN, STRANGER]]
        assert len(periskope_sandbox.invitations_to(STRANGER)) == 1

    def test_sends_nobody_again_even_if_nothing_was_done(
        self, attempt: Try, periskope_sandbox: Sandbox
    ) -> None:
        periskope_sandbox.fault("drop_before", ADD)
        store = Store()
        assert attempt(1, store) == {KNOWN: "unknown", STRANGER: "unknown"}
        assert attempt(2, store) == {KNOWN: "unknown", STRANGER: "unknown"}
        assert len(sent(periskope_sandbox)) == 1

    def test_is_settled_once_the_person_has_joined(
        self, attempt: Try, periskope_sandbox: Sandbox, group: Any
    ) -> None:
        periskope_sandbox.fault("drop_after", ADD)
        store = Store()
        attempt(1, store)
        periskope_sandbox.not_in_contacts.clear()
        periskope_sandbox.add_person(group, STRANGER)
        assert attempt(2, store, cleared=True) == {KNOWN: "added", STRANGER: "added"}

    def test_waits_for_who_is_shown_later(self, attempt: Try, periskope_sandbox: Sandbox) -> None:
        periskope_sandbox.fault("gateway_504_hidden", ADD, seconds=SETTLING / 2)
        assert attempt(1, Store(), (KNOWN, OTHER)) == {KNOWN: "added", OTHER: "added"}

    def test_keeps_new_people_of_a_cleared_task_apart(self, attempt: Try, periskope_sandbox: Sandbox) -> None:
        periskope_sandbox.fault("drop_after", ADD)
        store = Store()
        attempt(1, store)
        assert attempt(2, store, (KNOWN, STRANGER, OTHER), cleared=True) == {
            KNOWN: "added",
            STRANGER: "unknown",
            OTHER: "added",
        }
        assert sent(periskope_sandbox) == [[KNOWN, STRANGER], [OTHER]]

    def test_that_cannot_be_looked_into_is_left_to_the_next_try(
        self, attempt: Try, periskope_sandbox: Sandbox
    ) -> None:
        periskope_sandbox.fault("drop_after", ADD)

        class Blind(Store):
            def set(self, key: str, value: Any) -> None:
                super().set(key, value)
                if value["state"] == "sent":
                    periskope_sandbox.fault("html_502", READ, times=None)

        store = Blind()
        with pytest.raises(PeriskopeOutcomeUnknownError, match="It looks again before it sends anything"):
            attempt(1, store)
        periskope_sandbox.faults.clear()
        assert attempt(2, store) == {KNOWN: "added", STRANGER: "unknown"}
        assert len(sent(periskope_sandbox)) == 1

    def test_of_a_read_before_anything_was_sent_is_no_doubt(
        self, attempt: Try, periskope_sandbox: Sandbox
    ) -> None:
        store = Store()
        periskope_sandbox.fault("html_502", READ)
        with pytest.raises(PeriskopeNoResponseError):
            attempt(1, store)
        assert attempt(2, store) == {KNOWN: "added", STRANGER: "invited"}


class TestAKill:
    def test_while_the_request_is_open(
        self, attempt: Try, periskope_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = Store()

        def killed(*_: Any) -> None:
            raise Killed

        with monkeypatch.context() as patched:
            patched.setattr("airflow_provider_periskope.hooks.periskope.ParticipantResults.by_number", killed)
            with pytest.raises(Killed):
                attempt(1, store)
        assert attempt(2, store) == {KNOWN: "added", STRANGER: "unknown"}
        assert len(periskope_sandbox.invitations_to(STRANGER)) == 1


class TestADeferral:
    def test_what_it_carried_to_a_later_try_is_not_trusted(
        self, attempt: Try, periskope_sandbox: Sandbox
    ) -> None:
        """The try that was resumed with it has sent, and was lost; its successor gets the same once more."""
        memory = Memory(None)
        limit = periskope_sandbox.fault("rate_limit", seconds=60, route="POST /chats/*/add")
        with pytest.raises(PeriskopeRateLimitError):
            attempt(1, memory=memory)
        limit.ends_at = 0
        assert [kept["state"] for kept in memory.carried().values()] == ["unsent"]
        carried = dict(memory.carried())
        assert attempt(1, memory=memory) == {KNOWN: "added", STRANGER: "invited"}
        assert attempt(2, memory=Memory(None, carried)) == {KNOWN: "already_in", STRANGER: "unknown"}
        assert len(periskope_sandbox.invitations_to(STRANGER)) == 1


class TestAClear:
    def test_repeats_the_outcomes(self, attempt: Try, periskope_sandbox: Sandbox) -> None:
        store = Store()
        first = attempt(1, store)
        assert attempt(2, store, cleared=True) == first == {KNOWN: "added", STRANGER: "invited"}
        assert len(sent(periskope_sandbox)) == 1

    def test_sends_again_to_whom_nothing_was_sent(self, attempt: Try, periskope_sandbox: Sandbox) -> None:
        store = Store()
        periskope_sandbox.refusing.add(OTHER)
        assert attempt(1, store, (KNOWN, OTHER)) == {KNOWN: "added", OTHER: "refused"}
        periskope_sandbox.refusing.clear()
        assert attempt(2, store, (KNOWN, OTHER), cleared=True) == {KNOWN: "added", OTHER: "added"}
        assert sent(periskope_sandbox) == [[KNOWN, OTHER], [OTHER]]

    def test_with_another_group_starts_afresh(
        self, attempt: Try, periskope_sandbox: Sandbox, group: Any
    ) -> None:
        store = Store()
        wrong, group.chat_id = group.chat_id, "120363000000000000@g.us"
        with pytest.raises(PeriskopeNotFoundError):
            attempt(1, store)
        group.chat_id = wrong
        assert attempt(2, store, cleared=True) == {KNOWN: "added", STRANGER: "invited"}

    def test_of_a_mapped_task_that_runs_for_the_first_time_after_a_clear_is_sent(self, attempt: Try) -> None:
        first = attempt(1, Store(), mapped=True, cleared=True)
        assert first == {KNOWN: "added", STRANGER: "invited"}

    def test_of_a_mapped_task_may_follow_another_instance(
        self, attempt: Try, periskope_sandbox: Sandbox
    ) -> None:
        attempt(1, Store(), mapped=True)
        again = attempt(2, Store(), mapped=True, cleared=True, kept=False)
        assert again == {KNOWN: "already_in", STRANGER: "unknown"}
        assert len(periskope_sandbox.invitations_to(STRANGER)) == 1


class TestARefusal:
    def test_leaves_nothing_in_doubt(self, attempt: Try, periskope_sandbox: Sandbox) -> None:
        store = Store()
        periskope_sandbox.fault("phone_off", ADD)
        with pytest.raises(PeriskopePhoneOffError):
            attempt(1, store)
        assert attempt(2, store) == {KNOWN: "added", STRANGER: "invited"}


class TestWithoutAStore:
    """Before Airflow 3.3, no record outlives a try."""

    def test_a_later_try_sends_to_nobody(
        self, attempt: Try, periskope_sandbox: Sandbox, logged: Callable[[], str]
    ) -> None:
        periskope_sandbox.fault("drop_after", ADD)
        assert attempt(1) == {KNOWN: "added", STRANGER: "unknown"}
        assert attempt(2) == {KNOWN: "already_in", STRANGER: "unknown"}
        assert len(periskope_sandbox.invitations_to(STRANGER)) == 1
        assert "left no record" in logged()


def test_the_records_hold_nobodys_number(attempt: Try) -> None:
    store = Store()
    attempt(1, store)
    assert not [number for number in (KNOWN, STRANGER) if number in str(store)]
