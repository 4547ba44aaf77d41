"""Groups that are changed and closed by DAGs that Airflow runs, against the sandbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import airflow
import pytest

if TYPE_CHECKING:
    from airflow_provider_periskope.sandbox.pytest_plugin import RunDag
    from airflow_provider_periskope.sandbox.server import Sandbox

AIRFLOW = tuple(int(part) for part in airflow.__version__.split(".")[:2])
DAGS = Path(__file__).parent / "dags"
EXAMPLES = Path(__file__).resolve().parents[2] / "example_dags"
ASHA, BHARAT = "919537851844", "919874532456"


@pytest.fixture(autouse=True)
def sent_at_once(periskope_sandbox: Sandbox) -> None:
    periskope_sandbox.sent_after = periskope_sandbox.delivered_after = periskope_sandbox.read_after = 0.0


def variables_of(run: Any) -> list[str]:
    from airflow.models.variable import Variable
    from airflow.utils.session import create_session

    with create_session() as session:
        return [
            variable.key for variable in session.query(Variable) if run.run_id in (variable.description or "")
        ]


def test_weekly_groups_are_closed_after_four_weeks(run_dag: RunDag, periskope_sandbox: Sandbox) -> None:
    old = datetime.now(UTC) - timedelta(weeks=6)
    due = periskope_sandbox.add_group("Week 1", created_at=old, labels=["weekly"], people=[ASHA])
    closed = periskope_sandbox.add_group("Week 0", created_at=old, labels=["weekly", "closed"])
    other = periskope_sandbox.add_group("Sales", created_at=old)
    run = run_dag(EXAMPLES / "example_periskope_weekly_life.py")
    assert run.state == "success"
    (new,) = [group for group in periskope_sandbox.groups if group not in (due, closed, other)]
    assert new.labels == ["weekly"]
    assert due.labels == ["weekly", "closed"]
    assert due.messages_admins_only
    assert [message.text for message in due.messages] == ["This group is closed. See you in the next one!"]
    changed = {request.chat_id for request in periskope_sandbox.requests if request.method == "POST"}
    assert changed <= {None, new.chat_id, due.chat_id}


def test_a_retry_makes_no_second_invite_link(run_dag: RunDag, periskope_sandbox: Sandbox) -> None:
    group = periskope_sandbox.add_group("Cohort", chat_id="120363392071406466@g.us", people=[ASHA])
    # After the reset, of which below 3.3 nothing is left but what the task has kept in a Variable.
    periskope_sandbox.fault("phone_off", "PATCH /chats/labels")
    run = run_dag(DAGS / "closing.py")
    (instance,) = run.get_task_instances()
    assert (run.state, instance.try_number) == ("success", 2)
    assert instance.xcom_pull(task_ids="close")["done"] == ["labels", "participants", "left"]
    assert sum(call.path.endswith("/invite") for call in periskope_sandbox.requests) == 1
    assert group.exited
    assert variables_of(run) == []


def test_what_a_clear_must_know_of_a_group_that_stays_is_kept(
    run_dag: RunDag, periskope_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STAYS", "yes")
    group = periskope_sandbox.add_group("Cohort", chat_id="120363392071406466@g.us", people=[ASHA])
    run = run_dag(DAGS / "closing.py")
    assert run.get_task_instance("close").xcom_pull(task_ids="close") == {
        "done": ["messages_admins_only", "invite_link", "labels"],
        "has_left": False,
    }
    assert not group.exited
    # Newer releases keep it in the task state store.
    assert len(variables_of(run)) == (1 if AIRFLOW < (3, 3) else 0)


def test_a_dissolve_with_a_farewell_of_which_the_response_is_lost(
    run_dag: RunDag, periskope_sandbox: Sandbox
) -> None:
    group = periskope_sandbox.add_group(
        "Cohort", chat_id="120363392071406466@g.us", people=[ASHA, BHARAT], labels=["VIP"]
    )
    periskope_sandbox.fault("drop_after", "POST /message/send")
    periskope_sandbox.fault("html_502_after", "POST /chats/*/remove")
    run = run_dag(DAGS / "closing.py")
    assert run.state == "success"
    assert [message.text for message in group.messages] == ["Farewell!"]
    assert len(periskope_sandbox.sends) == 1
    assert group.exited
    assert group.members == {}
    assert group.labels == ["VIP", "closed"]
    (instance,) = run.get_task_instances()
    result = instance.xcom_pull(task_ids="close")
    assert result["has_left"]
    assert result["done"] == ["messages_admins_only", "invite_link", "labels", "participants", "left"]
