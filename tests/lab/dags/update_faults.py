"""DAGs that change one group each, for ``tests/system/change_faults.py``."""

from __future__ import annotations

from lab_fault_dags import define_all  # on the path of the lab's Airflow


def ours(case, arguments):
    from airflow_provider_periskope.operators.group import PeriskopeUpdateGroupOperator

    update = PeriskopeUpdateGroupOperator(
        chat_id=case["chat_id"],
        options={"description": case["description"]},
        add_labels=["closed"],
        assigned_to="team@example.com",
        admins=[case["admin"]],
        periskope_conn_id=case["connection"],
        **arguments,
    )
    return update.output, ""


globals().update(define_all(__file__, ours=ours))
