"""A DAG file as its author writes it, for mypy: a templated argument may be the output of a task."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator


@task
def people() -> list[str]:
    return ["919537851844"]


@task
def name() -> str:
    return "Sales"


@task
def options() -> dict[str, str]:
    return {"description": "Everything about sales"}


@dag(schedule=None)
def typed() -> None:
    PeriskopeCreateGroupOperator(task_id="literals", group_name="Sales", participants=["919537851844", 49])
    PeriskopeCreateGroupOperator(
        task_id="templates",
        group_name="Sales {{ ds }}",
        participants="{{ params.people }}",
        options={"description": "{{ ds }}", "messagesAdminsOnly": True},
        if_exists="reuse",
        rate_limit_timeout=timedelta(hours=2),
        phone="{{ params.phone }}",
        retries=3,
    )
    create = PeriskopeCreateGroupOperator(
        task_id="outputs",
        group_name=name(),
        participants=people(),
        options=options(),
        phone=name(),
        periskope_conn_id=name(),
    )
    PeriskopeCreateGroupOperator(
        task_id="output_of_an_operator", group_name=create.output, participants=create.output
    )
    PeriskopeCreateGroupOperator.partial(task_id="mapped", participants=people()).expand(group_name=people())


typed()
