"""DAGs that meet a rate limit: one group under a long one, and many mapped ones under a tight one."""

from __future__ import annotations

import json
from datetime import UTC, datetime

try:
    from airflow.sdk import DAG, get_parsing_context, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.models.dag import DAG
    from airflow.utils.dag_parsing_context import get_parsing_context
from pathlib import Path

PARTICIPANTS = ["919537851844", "919874532456"]
DAY = datetime(2026, 1, 1, tzinfo=UTC)


def ours(connection, names, **arguments):
    from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

    return PeriskopeCreateGroupOperator.partial(
        task_id="create", periskope_conn_id=connection, participants=PARTICIPANTS, retries=0, **arguments
    ).expand(group_name=names)


def http(connection, names, **arguments):
    from airflow.providers.http.operators.http import HttpOperator

    return HttpOperator.partial(
        task_id="create", http_conn_id=connection, endpoint="v1/chats/create", method="POST", retries=0,
        headers={
            "Authorization": "Bearer sandbox-key", "x-phone": "919876543210", "Content-Type": "application/json",
        },
        response_filter=lambda response: response.json()["chat_id"],
        **arguments,
    ).expand(data=[json.dumps({"group_name": name, "participants": PARTICIPANTS}) for name in names])  # fmt: skip


@task(retries=0)
def nothing():
    pass


def define(order):
    with DAG(order["dag_id"], schedule=None, start_date=DAY, catchup=False) as dag:
        operator = {"ours": ours, "http": http}[order["contender"]]
        operator(order["connection"], order["names"], **order["arguments"])
        if order["with_nothing"]:
            nothing.override(task_id="nothing_1")()
            nothing.override(task_id="nothing_2")()
    return dag


wanted = get_parsing_context().dag_id
for order in json.loads((Path(__file__).parent / "orders.json").read_text()):
    if wanted in (None, order["dag_id"]):
        globals()[order["dag_id"]] = define(order)
