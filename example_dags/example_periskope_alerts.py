"""
Tell a group when a run fails: once for the whole run, however many of its tasks fail.

Trigger it with ``{"fail": true}`` to see the alert.
"""

from __future__ import annotations

from datetime import datetime

from airflow_provider_periskope.notifications.periskope import PeriskopeNotifier

try:
    from airflow.sdk import dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task

# [START alerts]
# The chat ID of a group that the phone is in.
ALERTS = "120363392071406466@g.us"


@dag(
    schedule=None,
    start_date=datetime(2026, 1, 1),
    catchup=False,
    params={"fail": False},
    # Not in default_args: each of the tasks below would send its own.
    on_failure_callback=PeriskopeNotifier(chat_id=ALERTS),
    tags=["periskope"],
    doc_md=__doc__,
)
def example_periskope_alerts():
    @task
    def load(region: str, params: dict):
        if params["fail"]:
            raise ValueError(f"No orders of {region} arrived")

    load.expand(region=["north", "east", "south", "west"])


# [END alerts]
example_periskope_alerts()
