"""A group after which its phone rests; its name can be another one on each start of the task, as it must not be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG

with DAG(
    "cool_down",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={"with_moment": False},
):
    PeriskopeCreateGroupOperator(
        task_id="create",
        group_name="Sales{{ macros.datetime.now() if params.with_moment else '' }}",
        participants=["919537851844"],
        if_exists="reuse",
        cool_down=timedelta(seconds=2),
    )
