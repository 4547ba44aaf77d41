"""A task with retries that could wait, whose input comes from the run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator as CreateGroup

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG

with DAG(
    "with_retries",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={"name": "Sales", "people": ["919537851844"]},
    render_template_as_native_obj=True,
):
    CreateGroup(
        task_id="create",
        group_name="{{ params.name }}",
        participants="{{ params.people }}",
        retries=3,
        retry_delay=timedelta(seconds=1),
    )
