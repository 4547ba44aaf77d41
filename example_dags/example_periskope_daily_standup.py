"""Every working day, make a WhatsApp group for the stand-up, and go on with its chat ID and its invite link."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

try:
    from airflow.sdk import dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task


@dag(
    schedule="0 9 * * 1-5",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=2)},
    tags=["periskope"],
    doc_md=__doc__,
)
def example_periskope_daily_standup():
    @task
    def welcome(chat_id: str) -> None:
        print(f"The group is there: {chat_id}")

    @task
    def invite(link: str) -> None:
        print(f"Whoever opens {link} can join")

    # [START daily_standup]
    create = PeriskopeCreateGroupOperator(
        task_id="create_group",
        group_name="Stand-up {{ data_interval_end | ds }}",
        participants=["919537851844", "+91 98745 32456"],
        options={
            "messagesAdminsOnly": True,
            "description": "Daily stand-up of {{ data_interval_end | ds }}",
        },
    )
    welcome(create.output)  # the chat ID
    invite(create.output["invite_link"])
    # [END daily_standup]


example_periskope_daily_standup()
