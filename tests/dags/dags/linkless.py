"""A task that takes the invite link, whether there is one or not."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator as CreateGroup

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.models.dag import DAG

with DAG("linkless", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)):

    @task
    def take(link: str) -> list[str]:
        return [link]

    create = CreateGroup(
        task_id="create", group_name="linkless", participants=["919537851844"], if_exists="reuse"
    )
    take(create.output["invite_link"])
