"""An asset that tells the chat ID to whatever is scheduled on it."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.providers.common.compat.sdk import DAG, Asset

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator as CreateGroup

with DAG("asset", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):
    CreateGroup(
        task_id="create",
        group_name=" Sales ",
        participants=["919537851844"],
        outlets=[Asset("whatsapp://sales")],  # a dataset of 2.11 takes no more than its URI
    )
