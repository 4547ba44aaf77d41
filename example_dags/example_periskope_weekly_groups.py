"""Every Monday, make a WhatsApp group for each team of a list."""

from __future__ import annotations

from datetime import datetime

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

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
    tags=["periskope"],
    doc_md=__doc__,
)
def example_periskope_weekly_groups():
    # [START weekly_groups]
    # The week of the schedule, not of the clock: a retry or a backfill names the same group.
    week = "{{ data_interval_end.strftime('%G-W%V') }}"

    PeriskopeCreateGroupOperator.partial(
        task_id="create_group",
        options={"description": f"Everything about week {week}"},
        map_index_template="{{ task.group_name }}",
    ).expand_kwargs(
        [
            {"group_name": f"{team} {week}", "participants": people}
            for team, people in TEAMS.items()
        ]
    )
    # [END weekly_groups]


example_periskope_weekly_groups()
