"""One DAG makes a WhatsApp group; another, of another team perhaps, starts on that and is told the chat ID."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

try:
    from airflow.sdk import Asset, dag, task
except ImportError:  # Airflow 2.11
    from airflow.datasets import Dataset as Asset
    from airflow.decorators import dag, task

GROUP = Asset("whatsapp://groups/launch")


# [START producer]
@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=2)},
    tags=["periskope"],
    doc_md=__doc__,
)
def example_periskope_event_driven():
    PeriskopeCreateGroupOperator(
        task_id="create_group",
        group_name="Launch {{ data_interval_end | ds }}",
        participants=["919537851844"],
        outlets=[GROUP],
    )


# [END producer]


# [START consumer]
@dag(
    schedule=[GROUP],
    start_date=datetime(2026, 1, 1),
    catchup=False,
    tags=["periskope"],
    doc_md=__doc__,
)
def example_periskope_event_driven_welcome():
    @task
    def welcome(**context) -> list[str]:
        # Airflow 2.11 calls its assets datasets.
        kind = "asset" if "triggering_asset_events" in context else "dataset"
        events = context[f"triggering_{kind}_events"]
        groups = [
            event.extra
            for events_of_one in events.values()
            for event in events_of_one
        ]
        for group in groups:
            print(f"The group {group['group_name']!r} is there: {group['chat_id']}")
        return [group["chat_id"] for group in groups]

    welcome()


# [END consumer]


example_periskope_event_driven()
example_periskope_event_driven_welcome()
