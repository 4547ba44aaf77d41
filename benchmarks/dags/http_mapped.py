from __future__ import annotations

from datetime import datetime

from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk import DAG

with DAG("http_mapped", schedule=None, start_date=datetime(2026, 1, 1)):
    HttpOperator.partial(
        task_id="create", endpoint="v1/chats/create", headers={"Content-Type": "application/json"}
    ).expand(
        data=[
            {
                "group_name": f"Stand-up {{{{ ds }}}} {number}",
                "participants": ["919537851844", "919874532456"],
                "options": {"messagesAdminsOnly": True},
            }
            for number in range(1000)
        ]
    )
