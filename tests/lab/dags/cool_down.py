"""Two DAGs that make groups with one phone, and share its pool."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG

order = json.loads((Path(__file__).parent / "order.json").read_text())

for dag_id, names in order["dags"].items():
    with DAG(dag_id, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        PeriskopeCreateGroupOperator.partial(
            task_id="create",
            participants=["919537851844"],
            pool="phone",
            cool_down=timedelta(seconds=order["seconds"]),
            retries=2,
            retry_delay=timedelta(seconds=5),
        ).expand(group_name=names)
    globals()[dag_id] = dag
