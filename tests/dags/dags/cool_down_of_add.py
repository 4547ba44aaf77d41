"""A task that adds people and after which its phone rests; it fails unless everybody is added."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow_provider_periskope.operators.participants import PeriskopeAddParticipantsOperator

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG

with DAG(
    "cool_down_of_add",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={"chat_id": "", "people": []},
    default_args={"retries": 3, "retry_delay": timedelta(seconds=1)},
):
    PeriskopeAddParticipantsOperator(
        task_id="add",
        chat_id="{{ params.chat_id }}",
        participants="{{ params.people }}",
        if_not_added="fail",
        cool_down=timedelta(seconds=2),
    )
