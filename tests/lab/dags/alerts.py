"""DAGs that fail, are late or wait for a person, each with a notifier; cases.json beside this file holds the rest."""

from __future__ import annotations

import json
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow_provider_periskope.notifications.periskope import PeriskopeNotifier

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.models.dag import DAG

CASES = json.loads((Path(__file__).parent / "cases.json").read_text())
CALLBACKS = ("on_failure_callback", "on_retry_callback", "on_success_callback", "on_skipped_callback")


def notifier(dag_id):
    return PeriskopeNotifier(**CASES[dag_id])


def dag(dag_id, **arguments):
    return DAG(
        dag_id, schedule="@once", start_date=datetime(2026, 1, 1, tzinfo=UTC), catchup=False, **arguments
    )


def fail(number=0):
    raise ValueError(f"bad row {number}: call +91 95378 51844, password=hunter2")


def work():
    pass


def die():
    # The process that watches over the task goes first, so that nobody is left to report the end of it.
    os.kill(os.getppid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


for dag_id in ("task", "lost", "error_after", "down", "hung"):
    with dag(dag_id):
        task(on_failure_callback=notifier(dag_id), task_id="load")(fail)()

with dag("retried"):
    task(
        task_id="load",
        retries=1,
        retry_delay=timedelta(seconds=1),
        **dict.fromkeys(CALLBACKS, notifier("retried")),
    )(fail)()

with dag("mapped"):
    task(task_id="load", on_failure_callback=notifier("mapped"))(fail).expand(number=[1])

with dag("whole_dag", on_failure_callback=notifier("whole_dag")):
    task(task_id="load")(fail).expand(number=[0, 1, 2, 3, 4])

with dag("whole_dag_done", on_success_callback=notifier("whole_dag_done")):
    task(task_id="load")(work)()

for dag_id, retries in (("killed", 0), ("killed_retried", 1)):
    with dag(dag_id):
        task(
            task_id="load",
            retries=retries,
            retry_delay=timedelta(hours=1),
            on_failure_callback=notifier(dag_id),
            on_retry_callback=notifier(dag_id),
        )(die)()


@task(task_id="load")
def take_long():
    time.sleep(8)


def late(dag_id, callback):
    alert = DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(seconds=1),
        callback=callback(PeriskopeNotifier, CASES[dag_id]),
    )
    with dag(dag_id, deadline=alert):
        take_long()


try:
    from airflow.sdk import AsyncCallback, DeadlineAlert, DeadlineReference, SyncCallback
except ImportError:  # Airflow 3.1 and older
    SyncCallback = None
    try:
        from airflow.sdk.definitions.deadline import AsyncCallback, DeadlineAlert, DeadlineReference
    except ImportError:  # Airflow 3.0 and older
        AsyncCallback = None

if AsyncCallback:
    late("deadline", AsyncCallback)
    late("deadline_hung", AsyncCallback)

    from airflow.providers.standard.operators.hitl import ApprovalOperator

    for dag_id in ("approval", "approval_down"):
        with dag(dag_id):
            ApprovalOperator(task_id="refund", subject="Refund 3 orders?", notifiers=[notifier(dag_id)])

if SyncCallback:
    late("deadline_sync", SyncCallback)
