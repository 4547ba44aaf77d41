from __future__ import annotations

import pendulum
from airflow.providers.common.compat.sdk import DAG

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

with DAG("standup", schedule="@daily", start_date=pendulum.datetime(2025, 1, 1, tz="UTC"), catchup=False):
    PeriskopeCreateGroupOperator(
        task_id="create_group", group_name="Stand-up {{ ds }}", participants=["919537851844"]
    )
