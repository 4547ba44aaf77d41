from __future__ import annotations

from datetime import datetime

from airflow.sdk import DAG

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

with DAG("groups_task", schedule=None, start_date=datetime(2026, 1, 1)):
    PeriskopeCreateGroupOperator(
        task_id="create",
        group_name="Stand-up {{ ds }}",
        participants=["919537851844", "919874532456"],
        options={"messagesAdminsOnly": True},
    )
