"""A task that goes on for a while after it has created its group."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

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


@pytest.mark.parametrize("make", [PeriskopeCreateGroupOperator, PeriskopeCreateGroupOperator.partial])
def test_is_checked_while_the_file_is_parsed(make: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=r"cool_down is 300: expected a timedelta, such as timedelta\("):
        make(task_id="create", participants=["919537851844"], cool_down=300, group_name="Sales")
