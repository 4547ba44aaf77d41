"""DAGs that close one group each, for ``tests/system/change_faults.py``."""

from __future__ import annotations

from datetime import timedelta

from lab_fault_dags import define_all  # on the path of the lab's Airflow


def ours(case, arguments):
    from airflow_provider_periskope.operators.group import PeriskopeCloseGroupOperator

    close = PeriskopeCloseGroupOperator(
        chat_id=case["chat_id"],
        farewell=case["farewell"],
        labels=["closed"],
        dissolve=case["dissolve"],
        wait_timeout=timedelta(seconds=40),
        periskope_conn_id=case["connection"],
        **arguments,
    )
    return close.output, ""


globals().update(define_all(__file__, ours=ours))
