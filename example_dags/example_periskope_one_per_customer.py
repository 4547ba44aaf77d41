"""For each customer of a list that a task fetches, make a WhatsApp group and go on with its chat ID."""

from __future__ import annotations

from datetime import datetime

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

try:
    from airflow.sdk import dag, task, task_group
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task, task_group

CUSTOMERS = [
    {"id": 1040, "name": "Asha", "phones": ["919537851844"]},
    {"id": 1041, "name": "Bharat", "phones": ["+91 98745 32456", "919537851844"]},
]


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 3},
    params={"customers": CUSTOMERS},
    tags=["periskope"],
    doc_md=__doc__,
)
def example_periskope_one_per_customer():
    @task
    def new_customers(params: dict) -> list[dict]:
        """Stand in for the query of a database."""
        return params["customers"]

    @task
    def group_name(customer: dict) -> str:
        # The customer's id makes the name its own, and the same on every try.
        return f"{customer['name']} (customer {customer['id']})"

    @task
    def phones(customer: dict) -> list[str]:
        return customer["phones"]

    @task
    def note_in_crm(customer: dict, chat_id: str) -> dict:
        print(f"Customer {customer['id']} has the group {chat_id}")
        return {"customer": customer["id"], "chat_id": chat_id}

    # [START one_per_customer]
    @task_group
    def onboard(customer: dict):
        create_group = PeriskopeCreateGroupOperator(
            task_id="create_group",
            group_name=group_name(customer),
            participants=phones(customer),
            if_exists="reuse",
            map_index_template="{{ task.group_name }}",
        )
        note_in_crm(customer, create_group.output)

    onboard.expand(customer=new_customers())
    # [END one_per_customer]


example_periskope_one_per_customer()
