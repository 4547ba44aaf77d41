"""An asset that tells the chat ID to whatever is scheduled on it."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator as CreateGroup

try:
    from airflow.sdk import DAG, Asset
except ImportError:  # Airflow 2.11
    from airflow.datasets import Dataset as Asset
    from airflow.models.dag import DAG

with DAG("asset", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    CreateGroup(
        task_id="create",
        group_name=" Sales ",
        participants=["919537851844"],
        outlets=[Asset("whatsapp://sales")],  # a dataset of 2.11 takes no more than its URI
    )
