"""A DAG of two tasks that hand a value on."""

from __future__ import annotations

from datetime import UTC, datetime

try:
    from airflow.sdk import dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task


@dag(schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False)
def trivial():
    @task
    def make() -> str:
        return "made"

    @task
    def take(value: str) -> str:
        return f"{value} and taken"

    take(make())


trivial()
