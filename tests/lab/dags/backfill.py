"""One DAG for each ``if_exists``: a group whose name each run has for itself, and one that all runs share."""

from __future__ import annotations

from datetime import UTC, datetime

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

for mode in ("create", "reuse", "fail"):
    with DAG(
        f"backfill_{mode}",
        schedule="@daily",
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        end_date=datetime(2026, 1, 31, tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
    ):
        for task_id, name in {"own": f"{mode} {{{{ ds }}}}", "shared": f"{mode} always"}.items():
            PeriskopeCreateGroupOperator(
                task_id=task_id,
                group_name=name,
                participants=["919537851844"],
                if_exists=mode,
                retries=0,
            )
