"""Create a WhatsApp group, and send its link to those who could only be invited."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator
from airflow_provider_periskope.operators.message import (
    PeriskopeSendMessageOperator,
)

try:
    from airflow.sdk import dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task

PEOPLE = ["919537851844", "919874532456"]


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=2)},
    tags=["periskope"],
    doc_md=__doc__,
)
def example_periskope_invite_the_rest():
    # [START invite]
    group = PeriskopeCreateGroupOperator(
        task_id="create_group",
        group_name="Launch {{ run_id }}",
        participants=PEOPLE,
    )

    @task
    def not_in(chat_id: str) -> list[str]:
        from airflow_provider_periskope.hooks.periskope import PeriskopeHook

        members = PeriskopeHook().get_chat(chat_id).members or {}
        return [number for number in PEOPLE if f"{number}@c.us" not in members]

    PeriskopeSendMessageOperator.partial(
        task_id="invite",
        message="Join the group of our launch: {{ ti.xcom_pull(task_ids='create_group', key='invite_link') }}",
    ).expand(chat_id=not_in(group.output))
    # [END invite]


example_periskope_invite_the_rest()
