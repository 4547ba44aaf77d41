"""Ask a WhatsApp group each Friday which day of the next week suits its people."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_periskope.operators.message import (
    PeriskopeSendMessageOperator,
)

try:
    from airflow.sdk import dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag


@dag(
    schedule="0 12 * * 5",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=2)},
    params={"chat_id": "120363392071406466@g.us"},
    tags=["periskope"],
    doc_md=__doc__,
)
def example_periskope_weekly_poll():
    # [START poll]
    PeriskopeSendMessageOperator(
        task_id="poll",
        chat_id="{{ params.chat_id }}",
        poll={
            "pollName": "Which day of the week after {{ data_interval_end | ds }} suits you?",
            "pollOptions": ["Monday", "Wednesday", "Thursday"],
            "options": {"allowMultipleAnswers": True},
        },
    )
    # [END poll]


example_periskope_weekly_poll()
