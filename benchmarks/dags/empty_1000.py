from __future__ import annotations

from datetime import datetime

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG

with DAG("empty_1000", schedule=None, start_date=datetime(2026, 1, 1)):
    for number in range(1000):
        EmptyOperator(task_id=f"create_{number}")
