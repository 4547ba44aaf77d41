from __future__ import annotations

import pendulum

from airflow_provider_periskope.notifications.periskope import PeriskopeNotifier

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.models.dag import DAG

with DAG(
    "nightly_load",
    schedule="@daily",
    start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
    catchup=False,
    on_failure_callback=PeriskopeNotifier(chat_id="120363392071406466@g.us"),
):

    @task
    def load(region: str):
        raise ConnectionError(f"The database of {region} is down")

    load.expand(region=["north", "south"])
