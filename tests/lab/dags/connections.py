"""A group through each of several connections, each of which stands in another place."""

from __future__ import annotations

from datetime import UTC, datetime

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

with DAG("connections", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False):
    for place in ("json", "uri", "cli", "api", "file"):
        PeriskopeCreateGroupOperator(
            task_id=place,
            group_name=f"Connection from {place}",
            participants=["919537851844"],
            periskope_conn_id=f"from_{place}",
            retries=0,
        )
