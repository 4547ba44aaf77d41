from __future__ import annotations

import pendulum

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG

with DAG("standup", schedule="@daily", start_date=pendulum.datetime(2025, 1, 1, tz="UTC"), catchup=False):
    PeriskopeCreateGroupOperator(
        task_id="create_group",
        group_name="Stand-up {{ data_interval_end | ds }}",
        participants=["919537851844"],
    )
