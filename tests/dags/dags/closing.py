"""One task that says farewell to a group, and dissolves it unless the environment says that it stays."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from airflow_provider_periskope.operators.group import PeriskopeCloseGroupOperator

try:
    from airflow.sdk import dag
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag


@dag(schedule=None, start_date=datetime(2026, 1, 1))
def closing():
    PeriskopeCloseGroupOperator(
        task_id="close",
        chat_id="120363392071406466@g.us",
        farewell="Farewell!",
        labels="closed",
        dissolve="STAYS" not in os.environ,
        retries=1,
        retry_delay=timedelta(seconds=1),
    )


closing()
