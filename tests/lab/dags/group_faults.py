"""One DAG for each case of cases.json: a group is made, and the task after it writes down what it received."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

try:
    from airflow.sdk import DAG, get_parsing_context, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.models.dag import DAG
    from airflow.utils.dag_parsing_context import get_parsing_context


def ours(case, arguments):
    from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

    create = PeriskopeCreateGroupOperator(
        group_name=case["group_name"],
        participants=case["participants"],
        options={"description": case["description"]},
        periskope_conn_id=case["connection"],
        **arguments,
    )
    return create.output, create.output["outcome"]


def http(case, arguments):
    from airflow.providers.http.operators.http import HttpOperator

    create = HttpOperator(
        http_conn_id=case["connection"],
        endpoint="v1/chats/create",
        method="POST",
        data=json.dumps({"group_name": case["group_name"], "participants": case["participants"]}),
        headers={
            "Authorization": f"Bearer {case['key']}",
            "x-phone": case["phone"],
            "Content-Type": "application/json",
        },
        extra_options={"timeout": case["timeout"]},
        response_filter=lambda response: response.json()["chat_id"],
        **arguments,
    )
    return create.output, ""


@task(retries=5, retry_delay=timedelta(seconds=3))
def record(chat_id, outcome, *, dag_id):
    # Written at once: a task that is killed in the middle leaves no half of a file.
    half = Path(os.environ["LAB_RECEIVED"]) / f"{dag_id}.half"
    half.write_text(json.dumps({"chat_id": chat_id, "outcome": outcome}))
    half.rename(half.with_suffix(".json"))


def define(case):
    with DAG(
        case["dag_id"], schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False
    ) as dag:
        arguments = {
            "task_id": "create",
            "retries": case["retries"],
            "retry_delay": timedelta(seconds=5),
        }
        if case["execution_timeout"]:
            arguments["execution_timeout"] = timedelta(seconds=case["execution_timeout"])
        chat_id, outcome = {"ours": ours, "http": http}[case["contender"]](case, arguments)
        record(chat_id, outcome, dag_id=case["dag_id"])
    return dag


# A task that starts needs only its own DAG.
wanted = get_parsing_context().dag_id
for case in json.loads((Path(__file__).parent / "cases.json").read_text()):
    if wanted in (None, case["dag_id"]):
        globals()[case["dag_id"]] = define(case)
