"""A task that stores nothing."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator as CreateGroup

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG

with DAG("without_xcom", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    CreateGroup(task_id="create", group_name="Secret", participants=["919537851844"], do_xcom_push=False)
