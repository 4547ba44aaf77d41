from __future__ import annotations

from datetime import datetime

from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk import DAG

with DAG("http_1000", schedule=None, start_date=datetime(2026, 1, 1)):
    for number in range(1000):
        HttpOperator(
            task_id=f"create_{number}",
            endpoint="v1/chats/create",
            data={
                "group_name": f"Stand-up {{{{ ds }}}} {number}",
                "participants": ["919537851844", "919874532456"],
                "options": {"messagesAdminsOnly": True},
            },
            headers={"Content-Type": "application/json"},
        )
