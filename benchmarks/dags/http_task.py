from __future__ import annotations

import json
from datetime import datetime

from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk import DAG

with DAG("http_task", schedule=None, start_date=datetime(2026, 1, 1)):
    HttpOperator(
        task_id="create",
        endpoint="v1/chats/create",
        data=json.dumps(
            {
                "group_name": "Stand-up {{ ds }}",
                "participants": ["919537851844", "919874532456"],
                "options": {"messagesAdminsOnly": True},
            }
        ),
        headers={"Content-Type": "application/json"},
        response_filter=lambda response: response.json()["chat_id"],
    )
