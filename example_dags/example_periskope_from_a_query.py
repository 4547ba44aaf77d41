"""Make one WhatsApp group for each customer that a query returns, with the people of that customer in it."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

try:
    from airflow.sdk import dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task

ROWS = [
    (2040, "Chitra", "919537851844"),
    (2041, "Deepak", "+91 98745 32456"),
    (2041, "Deepak", "919537851844"),
]


@dag(
    schedule="0 7 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    params={"rows": ROWS},
    tags=["periskope"],
    doc_md=__doc__,
)
def example_periskope_from_a_query():
    # [START from_a_query]
    @task
    def new_contacts(params: dict) -> list[tuple]:
        # Your database in place of this: PostgresHook("crm").get_records("select …")
        return params["rows"]

    @task
    def groups(rows: list[tuple]) -> list[dict]:
        people: dict[str, list[str]] = {}
        for customer_id, name, phone in rows:
            # One entry per customer: two mapped tasks with one name create two groups.
            people.setdefault(f"{name} (customer {customer_id})", []).append(phone)
        return [
            {"group_name": name, "participants": phones}
            for name, phones in people.items()
        ]

    PeriskopeCreateGroupOperator.partial(
        task_id="create_group",
        if_exists="reuse",
        retries=3,
        retry_delay=timedelta(minutes=2),
        map_index_template="{{ task.group_name }}",
    ).expand_kwargs(groups(new_contacts()))
    # [END from_a_query]


example_periskope_from_a_query()
