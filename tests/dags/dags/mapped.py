"""Dynamic task mapping in its three ways."""

from __future__ import annotations

from datetime import datetime

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator as CreateGroup

try:
    from airflow.sdk import dag, task, task_group
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task, task_group

ASHA, BHARAT = "919537851844", "919874532456"


@dag(schedule=None, start_date=datetime(2026, 1, 1), catchup=False)
def mapped():
    @task
    def names() -> list[str]:
        return ["expanded a", "expanded b"]

    @task
    def teams() -> list[dict]:
        return [
            {"group_name": "kwargs a", "participants": [ASHA]},
            {"group_name": "kwargs b", "participants": [BHARAT], "options": {"description": "b"}},
        ]

    @task
    def received(chat_ids) -> list[str]:
        return list(chat_ids)

    @task
    def next_step(customer: str, chat_id: str) -> list[str]:
        return [customer, chat_id]

    expanded = CreateGroup.partial(
        task_id="expand", participants=[ASHA], options={"description": "{{ task_instance.map_index }}"}
    ).expand(group_name=names())
    received(expanded.output)
    CreateGroup.partial(task_id="expand_literal", group_name="expanded {{ ti.map_index }}").expand(
        participants=[[ASHA], [BHARAT, ASHA]]
    )
    CreateGroup.partial(task_id="kwargs").expand_kwargs(teams())

    @task_group
    def each(customer: str):
        made = CreateGroup(task_id="create", group_name=customer, participants=[ASHA])
        next_step(customer, made.output)

    each.expand(customer=["customer a", "customer b"])


mapped()
