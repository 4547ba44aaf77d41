"""Make one WhatsApp group, and go on with its chat ID."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

try:
    from airflow.sdk import dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=2)},
    tags=["periskope"],
    doc_md=__doc__,
)
def example_periskope_create_group():
    # [START create_group]
    create_group = PeriskopeCreateGroupOperator(
        task_id="create_group",
        group_name="Test New 1040",
        participants=["919537851844"],
    )
    # [END create_group]

    @task
    def welcome(chat_id: str) -> str:
        print(f"The group is there: {chat_id}")
        return chat_id

    welcome(create_group.output)


example_periskope_create_group()
