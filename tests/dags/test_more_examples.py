"""The further example DAGs, run by Airflow against the sandbox."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_periskope.sandbox.pytest import RunDag
    from airflow_provider_periskope.sandbox.server import Sandbox

EXAMPLES = Path(__file__).resolve().parents[2] / "example_dags"


def sent(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [request.body for request in sandbox.requests if request.method == "POST"]


def test_daily_standup(run_dag: RunDag, periskope_sandbox: Sandbox) -> None:
    run = run_dag(EXAMPLES / "example_periskope_daily_standup.py")
    assert run.state == "success"
    date = run.logical_date.strftime("%Y-%m-%d")
    assert sent(periskope_sandbox) == [
        {
            "group_name": f"Stand-up {date}",
            "participants": ["919537851844", "919874532456"],
            "options": {"messagesAdminsOnly": True, "description": f"Daily stand-up of {date}"},
        }
    ]


def test_one_slot_pool(run_dag: RunDag, periskope_sandbox: Sandbox) -> None:
    run = run_dag(EXAMPLES / "example_periskope_one_slot_pool.py")
    assert run.state == "success"
    date = run.logical_date.strftime("%Y-%m-%d")
    assert sorted(group.name for group in periskope_sandbox.groups) == [
        f"{shift} shift {date}" for shift in ("Afternoon", "Morning", "Night")
    ]
    tasks = {instance.pool for instance in run.get_task_instances()}
    assert tasks == {f"periskope_{periskope_sandbox.phone}"}


def test_event_driven_names_one_asset_in_both_dags() -> None:
    # What the event carries, and that it starts the second DAG, takes a scheduler: see tests/browser.
    told = runpy.run_path(str(EXAMPLES / "example_periskope_event_driven.py"), run_name="example")
    producer = told["example_periskope_event_driven"]()
    assert [outlet.uri for outlet in producer.get_task("create_group").outlets] == [told["GROUP"].uri]
    assert told["GROUP"].uri in repr(told["example_periskope_event_driven_welcome"]().schedule)
