"""Adding and removing people, and waiting for them, in DAGs that Airflow runs against the sandbox."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import airflow
import pytest

from airflow_provider_periskope.api import client

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_periskope.sandbox.pytest_plugin import RunDag
    from airflow_provider_periskope.sandbox.server import Sandbox

AIRFLOW = tuple(int(part) for part in airflow.__version__.split(".")[:2])
DAGS = Path(__file__).parent / "dags"
EXAMPLES = Path(__file__).resolve().parents[2] / "example_dags"
ADDED, IN, INVITED, LEFT, NOWHERE, REFUSED = (
    "919537851844",
    "919874532456",
    "918527184400",
    "447400123456",
    "447400123457",
    "447400123458",
)
EVERYBODY = [ADDED, IN, INVITED, LEFT, NOWHERE, REFUSED]


def value(run: Any, task_id: str) -> Any:
    return run.get_task_instance(task_id).xcom_pull(task_ids=task_id)


def state(run: Any, task_id: str) -> tuple[str, int]:
    instance = run.get_task_instance(task_id)
    return str(instance.state), instance.try_number


def adds(sandbox: Sandbox) -> list[list[str]]:
    return [call.body["participants"] for call in sandbox.requests if call.path.endswith("/add")]


@pytest.fixture
def group(periskope_sandbox: Sandbox) -> Any:
    """Return a group, with people around it of whom each has another outcome."""
    periskope_sandbox.not_in_contacts.add(INVITED)
    periskope_sandbox.left_recently.add(LEFT)
    periskope_sandbox.not_on_whatsapp.add(NOWHERE)
    periskope_sandbox.refusing.add(REFUSED)
    return periskope_sandbox.add_group("Sales", people=[IN])


class TestAddAndRemove:
    def test_an_outcome_for_each_person(
        self, run_dag: RunDag, periskope_sandbox: Sandbox, group: Any, logged: Callable[[], str]
    ) -> None:
        written = ["+91 95378 51844", *EVERYBODY[1:]]
        run = run_dag(DAGS / "participants.py", run_conf={"chat_id": group.chat_id, "people": written})
        assert run.state == "success"
        assert value(run, "add") == {
            ADDED: "added",
            IN: "already_in",
            INVITED: "invited",
            LEFT: "left_recently",
            NOWHERE: "not_on_whatsapp",
            REFUSED: "refused",
        }
        assert adds(periskope_sandbox) == [[ADDED, INVITED, LEFT, NOWHERE, REFUSED]]
        assert value(run, "invited") == [INVITED]
        assert value(run, "remove") == {ADDED: "removed"}
        assert [member.contact_id for member in group.members.values()][1:] == [f"{IN}@c.us"]
        log = logged()
        assert "added: 1, already_in: 1, invited: 1" in log
        assert "PeriskopeGroupMembersSensor waits for them" in log

    def test_nobody_new_is_no_error(self, run_dag: RunDag, periskope_sandbox: Sandbox, group: Any) -> None:
        run = run_dag(DAGS / "participants.py", run_conf={"chat_id": group.chat_id, "people": []})
        assert (run.state, value(run, "add"), value(run, "remove")) == ("success", {}, {})
        assert periskope_sandbox.requests == []

    def test_fail_spends_no_retry_and_keeps_the_outcomes(
        self, run_dag: RunDag, periskope_sandbox: Sandbox, group: Any
    ) -> None:
        people = [ADDED, INVITED]
        run = run_dag(DAGS / "must_be_added.py", run_conf={"chat_id": group.chat_id, "people": people})
        assert state(run, "add") == ("failed", 1)
        assert value(run, "count") == 2
        assert value(run, "add") == {ADDED: "added", INVITED: "invited"}

    def test_a_wrong_group_id_sends_nothing(
        self, run_dag: RunDag, periskope_sandbox: Sandbox, logged: Callable[[], str]
    ) -> None:
        run = run_dag(DAGS / "must_be_added.py", run_conf={"chat_id": "None", "people": ["1"]})
        assert state(run, "add") == ("failed", 1)
        assert periskope_sandbox.requests == []
        log = logged()
        assert "chat_id is the text 'None'" in log
        assert "participants[0]" in log


class TestRemove:
    def test_who_cannot_be_removed_fails_the_task(
        self, run_dag: RunDag, periskope_sandbox: Sandbox, group: Any
    ) -> None:
        periskope_sandbox.fault("error_500_after", route="POST /chats/*/remove")
        run = run_dag(DAGS / "participants.py", run_conf={"chat_id": group.chat_id, "people": [ADDED]})
        assert value(run, "remove") == {
            ADDED: "not_in"
        }  # carried out, and sent again after the lost response


class TestSensor:
    # In `dag.test()`, Airflow 3.0 hands a rescheduled sensor its first start as a text, and fails.
    @pytest.fixture(params=["poke", "deferrable", *(["reschedule"] if AIRFLOW != (3, 0) else [])])
    def wait(
        self,
        request: pytest.FixtureRequest,
        monkeypatch: pytest.MonkeyPatch,
        run_dag: RunDag,
        group: Any,
    ) -> Callable[..., Any]:
        mode = request.param

        def run(**arguments: Any) -> Any:
            how = {"deferrable": True} if mode == "deferrable" else {"deferrable": False, "mode": mode}
            monkeypatch.setenv(
                "MEMBERS_SENSOR", json.dumps({"poke_interval": 0.2, "timeout": 10, **how, **arguments})
            )
            return run_dag(DAGS / "members.py", run_conf={"chat_id": group.chat_id})

        return run

    def test_waits_until_enough_are_in(
        self, wait: Callable[..., Any], periskope_sandbox: Sandbox, group: Any
    ) -> None:
        def join() -> None:
            while len(periskope_sandbox.requests) < 2:
                time.sleep(0.1)
            periskope_sandbox.add_person(group, ADDED)

        threading.Thread(target=join, daemon=True).start()
        run = wait(at_least=2, expected=[ADDED, INVITED])
        assert run.state == "success"
        assert value(run, "see") == {"in": 2, "missing": [INVITED]}
        assert {call.method for call in periskope_sandbox.requests} == {"GET"}

    def test_a_timeout_is_final_and_names_who_is_missing(
        self, wait: Callable[..., Any], logged: Callable[[], str]
    ) -> None:
        run = wait(everybody=[IN, INVITED], timeout=1)
        assert state(run, "wait") == ("failed", 1)
        assert value(run, "see") == {"in": 1, "missing": [INVITED]}

    def test_soft_fail_skips(self, wait: Callable[..., Any]) -> None:
        run = wait(everybody=[IN, INVITED], timeout=1, soft_fail=True)
        assert state(run, "wait") == ("skipped", 1)
        assert value(run, "see") == {"in": 1, "missing": [INVITED]}

    def test_a_wrong_key_ends_it_at_once(
        self, wait: Callable[..., Any], periskope_sandbox: Sandbox, logged: Callable[[], str]
    ) -> None:
        periskope_sandbox.fault("wrong_key", route="*", times=None)
        run = wait(at_least=2)
        assert state(run, "wait") == ("failed", 1)
        assert len(periskope_sandbox.requests) == 1
        assert "The API key of connection 'periskope_default' is wrong" in logged()

    def test_a_failed_read_ends_nothing(
        self, wait: Callable[..., Any], periskope_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(client, "READ_TRIES", 1)
        periskope_sandbox.fault("html_502", route="GET /chats/*", times=2)
        run = wait(at_least=1, timeout=60)
        assert state(run, "wait") == ("success", 1)

    def test_members_without_a_number_are_counted_and_not_guessed(
        self, wait: Callable[..., Any], periskope_sandbox: Sandbox, group: Any, logged: Callable[[], str]
    ) -> None:
        periskope_sandbox.hidden_numbers.add(ADDED)
        periskope_sandbox.add_person(group, ADDED)
        assert value(wait(at_least=2), "see") == {"in": 2, "missing": [], "hidden": 1}
        run = wait(everybody=[IN, ADDED], timeout=1)
        assert state(run, "wait") == ("failed", 1)
        assert value(run, "see") == {"in": 2, "missing": [ADDED], "hidden": 1}
        assert "it cannot be decided whether everybody is in" in logged()


class TestExamples:
    def test_those_who_are_missing_are_reminded_each_in_a_chat_of_their_own(
        self, run_dag: RunDag, periskope_sandbox: Sandbox
    ) -> None:
        periskope_sandbox.not_in_contacts.add(INVITED)
        run = run_dag(EXAMPLES / "example_periskope_wait_for_people.py")
        assert run.state == "success"
        (group,) = periskope_sandbox.groups
        assert value(run, "enough") == {"in": 5, "missing": [INVITED]}
        (send,) = periskope_sandbox.sends
        assert send.body["chat_id"] == f"{INVITED}@c.us"
        assert group.invite_link in send.body["message"]

    def test_new_rows_are_added_to_the_group_of_their_course(
        self, run_dag: RunDag, periskope_sandbox: Sandbox
    ) -> None:
        for _ in range(2):
            assert run_dag(EXAMPLES / "example_periskope_nightly_additions.py").state == "success"
        members = {
            group.name: {member.contact_id.removesuffix("@c.us") for member in group.members.values()}
            for group in periskope_sandbox.groups
        }
        own = periskope_sandbox.phone
        assert members == {
            "Course: Pottery": {own, ADDED, IN, INVITED},
            "Course: Chess": {own, ADDED, LEFT},
        }
        assert sorted(adds(periskope_sandbox)) == [[LEFT], [IN, INVITED]]


def test_the_sensor_expects_one_goal() -> None:
    from airflow_provider_periskope.sensors.group import PeriskopeGroupMembersSensor as Members

    with pytest.raises(ValueError, match="at_least and everybody: expected exactly one of them"):
        Members(task_id="t", chat_id="x@g.us")
    with pytest.raises(ValueError, match="exactly one of them"):
        Members(task_id="t", chat_id="x@g.us", at_least=1, everybody=["1"])


def test_default_deferrable_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_periskope.sensors.group import PeriskopeGroupMembersSensor as Members

    assert Members(task_id="t", chat_id="x@g.us", at_least=1).deferrable is False
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "True")
    assert Members(task_id="t", chat_id="x@g.us", at_least=1).deferrable is True
    assert Members(task_id="t", chat_id="x@g.us", at_least=1, deferrable=False).deferrable is False


def test_an_unknown_if_not_added_is_refused_while_the_dag_is_parsed() -> None:
    from airflow_provider_periskope.operators.participants import PeriskopeAddParticipantsOperator as Add

    with pytest.raises(ValueError, match="if_not_added is 'raise': expected 'ignore', 'warn' or 'fail'"):
        Add(task_id="t", chat_id="x@g.us", participants=["1"], if_not_added="raise")
    with pytest.raises(ValueError, match="if_not_added"):
        Add.partial(task_id="t", chat_id="x@g.us", if_not_added="raise")
