"""Alerts of DAGs that Airflow runs, against the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import airflow

if TYPE_CHECKING:
    from airflow_provider_periskope.sandbox.pytest_plugin import RunDag
    from airflow_provider_periskope.sandbox.server import Sandbox

DAGS = Path(__file__).parent / "dags"
EXAMPLES = Path(__file__).resolve().parents[2] / "example_dags"
AIRFLOW = tuple(int(part) for part in airflow.__version__.split(".")[:2])
GROUP = "120363392071406466@g.us"


def alerts(sandbox: Sandbox) -> list[str]:
    return [message.text or "" for message in sandbox.messages_in(GROUP)]


def test_every_kind_of_callback(run_dag: RunDag, periskope_sandbox: Sandbox) -> None:
    periskope_sandbox.add_group("Data team", chat_id=GROUP)
    run = run_dag(DAGS / "alerts.py")
    assert run.state == "failed"
    sent = alerts(periskope_sandbox)
    assert sorted(text.partition("\n")[0] for text in sent) == [
        "alerts: task_failure",
        *["⚪ *Task skipped: skip*"] * (2 if AIRFLOW < (3, 0) else 1),  # 2.11 calls on_success_callback, too.
        "🔴 *Task failed: fail*",
        "🔴 *Task failed: mapped [0]*",
        "🟠 *Task failed, will be retried: fail*",
        "🟢 *Task succeeded: succeed*",
    ]
    retried, failed = (text for text in sent if ": fail*" in text)
    assert retried.splitlines()[1:3] == failed.splitlines()[1:3] == ["DAG alerts", f"Run {run.run_id}"]
    assert "try 1 of 2" in retried
    assert "try 2 of 2" in failed
    if AIRFLOW < (3, 0) or AIRFLOW >= (3, 3):  # The others tell callbacks of no exception in `dag.test()`.
        assert "ValueError: call +9195•••••844" in failed


def test_the_example_sends_one_alert_for_four_failed_tasks(
    run_dag: RunDag, periskope_sandbox: Sandbox
) -> None:
    periskope_sandbox.add_group("Data team", chat_id=GROUP)
    run = run_dag(EXAMPLES / "example_periskope_alerts.py", run_conf={"fail": True})
    assert [instance.state for instance in run.get_task_instances()] == ["failed"] * 4
    (alert,) = alerts(periskope_sandbox)
    assert alert.startswith(f"🔴 *DAG failed: example_periskope_alerts*\nRun {run.run_id}\n")
