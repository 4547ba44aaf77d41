"""A DAG of two tasks that hand a value on."""

from __future__ import annotations

from datetime import datetime, timezone

from airflow.providers.common.compat.sdk import dag, task


@dag(schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), catchup=False)
def trivial():
    @task
    def make() -> str:
        return "made"

    @task
    def take(value: str) -> str:
        return value + " and taken"

    take(make())


trivial()
