"""Make several WhatsApp groups one after the other, whatever else runs: the pool of the phone has one slot."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

try:
    from airflow.sdk import dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag

SHIFTS = ("Morning", "Afternoon", "Night")


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=2)},
    tags=["periskope"],
    doc_md=__doc__,
)
def example_periskope_one_slot_pool():
    # [START one_slot_pool]
    # Created once: airflow pools set periskope_sales_phone 1 "One group at a time"
    PeriskopeCreateGroupOperator.partial(
        task_id="create_group",
        participants=["919537851844"],
        pool="periskope_sales_phone",
        map_index_template="{{ task.group_name }}",
    ).expand(
        group_name=[
            f"{shift} shift {{{{ data_interval_end | ds }}}}" for shift in SHIFTS
        ]
    )
    # [END one_slot_pool]


example_periskope_one_slot_pool()
