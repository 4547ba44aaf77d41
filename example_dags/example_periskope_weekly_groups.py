"""Every Monday, make a WhatsApp group for each team of a list, and welcome its people."""

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

TEAMS = {
    "Sales": ["+91 95378 51844", "+91 98745 32456"],
    "Support": ["+91 98745 32456"],
}


@dag(
    schedule="0 7 * * 1",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=2)},
    tags=["periskope"],
    doc_md=__doc__,
)
def example_periskope_weekly_groups():
    # [START weekly_groups]
    # The week of the schedule, not of the clock: a retry or a backfill names the same group.
    # In a variable, because an f-string would take the braces of a template for its own.
    week = "{{ data_interval_end.strftime('%G-W%V') }}"

    groups = PeriskopeCreateGroupOperator.partial(
        task_id="create_group",
        options={"description": f"Everything about week {week}"},
        map_index_template="{{ task.group_name }}",
    ).expand_kwargs(
        [
            {"group_name": f"{team} {week}", "participants": people}
            for team, people in TEAMS.items()
        ]
    )
    # One message for each of the groups.
    PeriskopeSendMessageOperator.partial(
        task_id="welcome",
        message=f"Welcome to week {week}! Plans and questions go here.",
    ).expand(chat_id=groups.output)
    # [END weekly_groups]


example_periskope_weekly_groups()
