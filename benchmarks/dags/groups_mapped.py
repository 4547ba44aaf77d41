from __future__ import annotations

from datetime import datetime

from airflow.sdk import DAG

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

with DAG("groups_mapped", schedule=None, start_date=datetime(2026, 1, 1)):
    PeriskopeCreateGroupOperator.partial(
        task_id="create", participants=["919537851844", "919874532456"], options={"messagesAdminsOnly": True}
    ).expand(group_name=[f"Stand-up {{{{ ds }}}} {number}" for number in range(1000)])
