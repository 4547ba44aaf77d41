from __future__ import annotations

from datetime import datetime

from airflow.sdk import DAG

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

with DAG("groups_1000", schedule=None, start_date=datetime(2026, 1, 1)):
    for number in range(1000):
        PeriskopeCreateGroupOperator(
            task_id=f"create_{number}",
            group_name=f"Stand-up {{{{ ds }}}} {number}",
            participants=["919537851844", "919874532456"],
            options={"messagesAdminsOnly": True},
        )
