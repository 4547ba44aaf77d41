"""Create a WhatsApp group each Monday, and welcome its people."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator
from airflow_provider_periskope.operators.message import (
    PeriskopeSendMessageOperator,
)

try:
    from airflow.sdk import dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag


@dag(
    schedule="0 8 * * 1",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=2)},
    tags=["periskope"],
    doc_md=__doc__,
)
def example_periskope_welcome():
    # [START welcome]
    group = PeriskopeCreateGroupOperator(
        task_id="create_group",
        group_name="Cohort {{ data_interval_end | ds }}",
        participants=["919537851844", "+91 98745 32456"],
    )
    PeriskopeSendMessageOperator(
        task_id="welcome",
        chat_id=group.output,
        message="Welcome to the cohort of {{ data_interval_end | ds }}! We start at ten.",
    )
    # [END welcome]


example_periskope_welcome()
