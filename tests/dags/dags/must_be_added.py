"""A task that fails unless everybody is added, and one after it that reads the outcomes all the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow_provider_periskope.operators.participants import PeriskopeAddParticipantsOperator as Add

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.models.dag import DAG

with DAG(
    "must_be_added",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={"chat_id": "", "people": []},
    default_args={"retries": 3, "retry_delay": timedelta(seconds=1)},
):
    add = Add(
        task_id="add",
        chat_id="{{ params.chat_id }}",
        participants="{{ params.people }}",
        if_not_added="fail",
    )

    @task(trigger_rule="all_done")
    def count(outcomes: dict[str, str]) -> int:
        return len(outcomes)

    count(add.output)
