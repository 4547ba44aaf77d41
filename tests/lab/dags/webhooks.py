"""A DAG that a webhook starts."""

from __future__ import annotations

from datetime import datetime

from airflow.sdk import dag, task


@dag("on_event", schedule=None, start_date=datetime(2026, 1, 1))
def on_event():
    @task
    def chat(**context):
        return context["dag_run"].conf["chat_id"]

    chat()


on_event()
