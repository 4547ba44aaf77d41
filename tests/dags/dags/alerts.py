from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_periskope.notifications.periskope import PeriskopeNotifier

try:
    from airflow.sdk import DAG, task
    from airflow.sdk.exceptions import AirflowSkipException
except ImportError:  # Airflow 2.11, 3.0 and 3.1
    from airflow.exceptions import AirflowSkipException

    try:
        from airflow.sdk import DAG, task
    except ImportError:
        from airflow.decorators import task
        from airflow.models.dag import DAG

alert = PeriskopeNotifier(chat_id="120363392071406466@g.us")
EACH = dict.fromkeys(
    ("on_failure_callback", "on_retry_callback", "on_success_callback", "on_skipped_callback"), alert
)

with DAG(
    "alerts",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    on_failure_callback=PeriskopeNotifier(
        chat_id="120363392071406466@g.us", message="{{ dag.dag_id }}: {{ reason }}"
    ),
):

    @task(**EACH, retries=1, retry_delay=timedelta(seconds=0))
    def fail():
        raise ValueError("call +91 95378 51844")

    @task(**EACH)
    def succeed():
        pass

    @task(**EACH)
    def skip():
        raise AirflowSkipException

    @task(on_failure_callback=alert)
    def mapped(number: int):
        raise KeyError(number)

    fail()
    succeed()
    skip()
    mapped.expand(number=[1])
