"""A message with retries, whose input comes from the run, rendered to native objects."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow_provider_periskope.operators.message import PeriskopeSendMessageOperator

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG

with DAG(
    "one_message",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={"chat_id": "120363392071406466@g.us", "nothing": False, "media": None},
    render_template_as_native_obj=True,
):
    PeriskopeSendMessageOperator(
        task_id="send",
        chat_id="{{ params.chat_id }}",
        # Not of the params: Airflow 2.11 logs those at DEBUG.
        message="{{ none if params.nothing else 'the words that nobody may see' }}",
        media="{{ params.media }}",
        wait_for="delivered",
        wait_timeout=timedelta(seconds=4),
        retries=3,
        retry_delay=timedelta(seconds=1),
    )
