"""A sensor in the mode that the environment names, and a task that goes on with its result."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta

from airflow_provider_periskope.sensors.group import PeriskopeGroupMembersSensor as Members

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.models.dag import DAG

with DAG(
    "members",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={"chat_id": ""},
    render_template_as_native_obj=True,
):
    wait = Members(
        task_id="wait",
        chat_id="{{ params.chat_id }}",
        retries=2,
        retry_delay=timedelta(seconds=1),
        **json.loads(os.environ["MEMBERS_SENSOR"]),
    )

    @task(trigger_rule="all_done")
    def see(result: dict) -> dict:
        return result

    see(wait.output)
