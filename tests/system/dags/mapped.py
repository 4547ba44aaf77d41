"""Many mapped groups, and for each a task that writes down what it received."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

try:
    from airflow.sdk import dag, task, task_group
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task, task_group

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

NAMES = json.loads((Path(__file__).parent / "names.json").read_text())
AGAIN = {"retries": 3, "retry_delay": timedelta(seconds=5)}


@dag(schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False)
def mapped():
    @task(**AGAIN)
    def record(name, chat_id):
        half = Path(os.environ["LAB_RECEIVED"]) / f"{name}.half"
        half.write_text(json.dumps({"chat_id": chat_id}))
        half.rename(half.with_suffix(".json"))

    @task_group
    def one(name):
        create = PeriskopeCreateGroupOperator(
            task_id="create", group_name=name, participants=["919537851844"], **AGAIN
        )
        record(name, create.output)

    one.expand(name=NAMES)


mapped()
