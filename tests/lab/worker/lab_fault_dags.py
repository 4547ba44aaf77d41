"""One DAG for each case of a fault table: the task under test, and one after it that writes down what it received."""

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


@task(retries=5, retry_delay=timedelta(seconds=3))
def record(made, outcome, *, dag_id):
    # Written at once: a task that is killed in the middle leaves no half of a file.
    half = Path(os.environ["LAB_RECEIVED"]) / f"{dag_id}.half"
    half.write_text(json.dumps({"id": made, "outcome": outcome}))
    half.rename(half.with_suffix(".json"))


def define(case, make):
    with DAG(
        case["dag_id"], schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False
    ) as dag:
        arguments = {
            "task_id": "under_test",
            "retries": case["retries"],
            "retry_delay": timedelta(seconds=5),
        }
        if case["execution_timeout"]:
            arguments["execution_timeout"] = timedelta(seconds=case["execution_timeout"])
        made, outcome = make(case, arguments)
        record(made, outcome, dag_id=case["dag_id"])
    return dag


def define_all(file, **contenders):
    """Define the DAGs of the cases that the lab has written beside a DAG file.

    :param file: the DAG file
    :param contenders: for each contender a function that makes the task under test from the case and the arguments of
        any operator, and returns the ID and the outcome that it passes on
    :return: the DAGs by their IDs
    """
    # A task that starts needs only its own DAG.
    wanted = get_parsing_context().dag_id
    return {
        case["dag_id"]: define(case, contenders[case["contender"]])
        for case in json.loads(Path(file).with_suffix(".json").read_text())
        if wanted in (None, case["dag_id"])
    }


def http_arguments(case, body):
    """Return what HttpOperator needs to send this body as our operator does."""
    return {
        "http_conn_id": case["connection"],
        "method": "POST",
        "data": json.dumps(body),
        "headers": {
            "Authorization": f"Bearer {case['key']}",
            "x-phone": case["phone"],
            "Content-Type": "application/json",
        },
        "extra_options": {"timeout": case["timeout"]},
    }
