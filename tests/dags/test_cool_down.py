"""A task that goes on for a while after it has created its group, or added people."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator
from airflow_provider_periskope.operators.participants import PeriskopeAddParticipantsOperator

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_periskope.sandbox.pytest_plugin import RunDag
    from airflow_provider_periskope.sandbox.server import Sandbox

DAG_FILE = Path(__file__).parent / "dags" / "cool_down.py"
COOLS_DOWN = "The group 'Sales' is on record. The task ends at"


def ended(run: Any) -> tuple[str, str, str]:
    (instance,) = run.get_task_instances()
    chat_id, outcome = (instance.xcom_pull(task_ids="create", key=key) for key in ("return_value", "outcome"))
    return run.state, chat_id, outcome


@pytest.mark.parametrize("fault", [None, "drop_after"])
def test_creates_one_group_and_returns_it_after_the_wait(
    run_dag: RunDag, periskope_sandbox: Sandbox, logged: Callable[[], str], fault: str | None
) -> None:
    if fault:
        periskope_sandbox.fault(fault, group_name="Sales")
    run = run_dag(DAG_FILE)
    (group,) = periskope_sandbox.groups
    assert ended(run) == ("success", group.chat_id, "created")
    assert COOLS_DOWN in logged()
    assert [call.path for call in periskope_sandbox.requests].count("/chats/create") == 1


def test_creates_no_other_group_where_the_name_renders_anew_after_the_wait(
    run_dag: RunDag, periskope_sandbox: Sandbox
) -> None:
    run = run_dag(DAG_FILE, run_conf={"with_moment": True})
    (group,) = periskope_sandbox.groups
    assert ended(run) == ("success", group.chat_id, "created")


def test_does_not_wait_after_a_group_that_it_has_not_created(
    run_dag: RunDag, periskope_sandbox: Sandbox, logged: Callable[[], str]
) -> None:
    group = periskope_sandbox.add_group("Sales", created_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert ended(run_dag(DAG_FILE)) == ("success", group.chat_id, "reused")
    assert COOLS_DOWN not in logged()


MEMBER, NEW, REFUSED = "919874532456", "919537851844", "447400123458"


def ended_adding(run: Any) -> tuple[str, int, dict[str, str]]:
    instance = run.get_task_instance("add")
    return str(instance.state), instance.try_number, instance.xcom_pull(task_ids="add")


@pytest.mark.parametrize(
    ("people", "expected"),
    [
        ([MEMBER, NEW], ("success", 1, {MEMBER: "already_in", NEW: "added"})),
        ([NEW, REFUSED], ("failed", 1, {NEW: "added", REFUSED: "refused"})),
    ],
)
def test_adds_once_and_tells_the_outcomes_after_the_wait(
    run_dag: RunDag,
    periskope_sandbox: Sandbox,
    logged: Callable[[], str],
    people: list[str],
    expected: tuple[str, int, dict[str, str]],
) -> None:
    periskope_sandbox.refusing.add(REFUSED)
    group = periskope_sandbox.add_group("Sales", people=[MEMBER])
    run = run_dag(
        DAG_FILE.with_name("cool_down_of_add.py"), run_conf={"chat_id": group.chat_id, "people": people}
    )
    assert ended_adding(run) == expected
    assert "What came of adding 2 people" in logged()
    assert [call.path for call in periskope_sandbox.requests].count(f"/chats/{group.chat_id}/add") == 1


def test_does_not_wait_after_people_who_were_in(
    run_dag: RunDag, periskope_sandbox: Sandbox, logged: Callable[[], str]
) -> None:
    group = periskope_sandbox.add_group("Sales", people=[MEMBER])
    run = run_dag(
        DAG_FILE.with_name("cool_down_of_add.py"), run_conf={"chat_id": group.chat_id, "people": [MEMBER]}
    )
    assert ended_adding(run) == ("success", 1, {MEMBER: "already_in"})
    assert "The task ends at" not in logged()


@pytest.mark.parametrize(
    ("operator", "arguments"),
    [
        (PeriskopeCreateGroupOperator, {"group_name": "Sales {{ ti.map_index }}"}),
        (PeriskopeAddParticipantsOperator, {"chat_id": "120363392071406466@g.us"}),
    ],
)
def test_is_checked_while_the_file_is_parsed(operator: Any, arguments: dict[str, str]) -> None:
    for make in (operator, operator.partial):
        with pytest.raises(TypeError, match=r"cool_down is 300: expected a timedelta, such as timedelta\("):
            make(task_id="cool", participants=["919537851844"], cool_down=300, **arguments)
