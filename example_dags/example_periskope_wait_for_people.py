"""Create a group, wait until at least five people are in or a day has passed, and remind those who are missing."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator
from airflow_provider_periskope.operators.message import (
    PeriskopeSendMessageOperator,
)
from airflow_provider_periskope.sensors.group import PeriskopeGroupMembersSensor

try:
    from airflow.sdk import dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task

PEOPLE = [
    "919537851844",
    "919874532456",
    "918527184400",
    "447400123456",
    "447400123457",
    "447400123458",
]


@dag(
    schedule="@weekly",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=2)},
    params={"people": PEOPLE},
    tags=["periskope"],
    doc_md=__doc__,
)
def example_periskope_wait_for_people():
    # [START wait_for_people]
    create_group = PeriskopeCreateGroupOperator(
        task_id="create_group",
        group_name="Cohort {{ data_interval_end | ds }}",
        participants="{{ params.people }}",
    )

    enough = PeriskopeGroupMembersSensor(
        task_id="enough",
        chat_id=create_group.output,
        at_least=5,
        expected="{{ params.people }}",
        timeout=timedelta(days=1),
        soft_fail=True,  # after a day, go on with those who are in
        deferrable=True,
    )

    @task(trigger_rule="none_failed")
    def missing(result: dict) -> list[str]:
        return result["missing"]

    # Each in a chat of their own.
    PeriskopeSendMessageOperator.partial(
        task_id="remind",
        message="Your cohort has started. Join us: "
        "{{ ti.xcom_pull('create_group', key='invite_link') }}",
    ).expand(chat_id=missing(enough.output))
    # [END wait_for_people]


example_periskope_wait_for_people()
