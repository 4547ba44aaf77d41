"""The operator's arguments in every form in which a DAG can give them; each group is named after its form."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator as CreateGroup

try:
    from airflow.sdk import DAG, Param, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.models.dag import DAG
    from airflow.models.param import Param

BOTH = ["919537851844", "+91 98745 32456"]

with DAG(
    "every_form",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={"people": Param(BOTH), "team": "Sales", "only_admins": True},  # noqa: AIR311
):

    @task
    def people() -> list[str]:
        return ["919537851844", "919874532456"]

    @task
    def somebody() -> str:
        return "919537851844"

    @task
    def name() -> str:
        return "output of a task"

    @task
    def options() -> dict:
        return {"description": "of a task", "info_admins_only": True}

    @task
    def phone() -> str:
        return "918527184400"

    @task
    def hand_on(chat_id: str, link: str) -> list[str]:
        return [chat_id, link]

    CreateGroup(task_id="literal", group_name="literal", participants=["919537851844", "919874532456"])
    CreateGroup(
        task_id="jinja_within",
        group_name="jinja within {{ params.team }}",
        participants=["919537851844", "{{ params.people[1] }}"],
        options={
            "description": "For {{ params.team }} of {{ dag.dag_id }}",
            "messagesAdminsOnly": "{{ params.only_admins }}",
        },
        phone="{{ '+91 85271 84400' }}",
        periskope_conn_id="periskope_{{ 'default' }}",
    )
    CreateGroup(
        task_id="jinja_whole",
        group_name="jinja whole",
        participants="{{ params.people }}",
        options="{{ {'description': params.team, 'infoAdminsOnly': params.only_admins} }}",
    )
    CreateGroup(
        task_id="jinja_json",
        group_name="jinja json",
        participants="{{ params.people | tojson }}",
        options="{}",
    )
    CreateGroup(
        task_id="jinja_commas", group_name="jinja commas", participants="{{ params.people | join(', ') }}"
    )
    CreateGroup(
        task_id="jinja_pull",
        group_name="{{ ti.xcom_pull(task_ids='name') }} by jinja",
        participants="{{ ti.xcom_pull(task_ids='people') }}",
    ).set_upstream([name_task := name(), people_task := people()])
    from_tasks = CreateGroup(
        task_id="xcom_args",
        group_name=name_task,
        participants=people_task,
        options=options(),
        phone=phone(),
    )
    CreateGroup(
        task_id="xcom_arg_within", group_name="xcom arg within", participants=[somebody(), "919874532456"]
    )
    hand_on(from_tasks.output, from_tasks.output["invite_link"])
