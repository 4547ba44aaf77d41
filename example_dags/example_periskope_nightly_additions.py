"""Every night, add those who have signed up since the night before to the group of their course."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator
from airflow_provider_periskope.operators.participants import (
    PeriskopeAddParticipantsOperator,
)

try:
    from airflow.sdk import dag, task, task_group
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task, task_group

COACH = "919537851844"
SIGN_UPS = [
    {"course": "Pottery", "phone": "919874532456"},
    {"course": "Pottery", "phone": "+91 85271 84400"},
    {"course": "Chess", "phone": "447400123456"},
]


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=2)},
    params={"sign_ups": SIGN_UPS},
    tags=["periskope"],
    doc_md=__doc__,
)
def example_periskope_nightly_additions():
    # [START nightly_additions]
    @task
    def new_sign_ups(params: dict) -> list[dict]:
        """
        Stand in for the query of a database.

        It must return each person in one run only, such as by ``signed_up >= data_interval_start AND signed_up <
        data_interval_end``: whoever has not accepted an invitation yet would get another one every night.
        """
        courses: dict[str, list[str]] = {}
        for row in params["sign_ups"]:
            courses.setdefault(row["course"], []).append(row["phone"])
        return [
            {"course": course, "phones": phones}
            for course, phones in courses.items()
        ]

    @task
    def name(rows: dict) -> str:
        return f"Course: {rows['course']}"

    @task
    def phones(rows: dict) -> list[str]:
        return rows["phones"]

    @task_group
    def course(rows: dict):
        group = PeriskopeCreateGroupOperator(
            task_id="create_group",
            group_name=name(rows),
            participants=[COACH],
            if_exists="reuse",
        )
        PeriskopeAddParticipantsOperator(
            task_id="add",
            chat_id=group.output,
            participants=phones(rows),
        )

    course.expand(rows=new_sign_ups())
    # [END nightly_additions]


example_periskope_nightly_additions()
