"""DAGs that add two people to a group each, for ``tests/system/people_faults.py``."""

from __future__ import annotations

from lab_fault_dags import define_all, http_arguments  # on the path of the lab's Airflow


def ours(case, arguments):
    from airflow_provider_periskope.operators.participants import PeriskopeAddParticipantsOperator

    add = PeriskopeAddParticipantsOperator(
        chat_id=case["chat_id"],
        participants=case["participants"],
        if_not_added="ignore",
        periskope_conn_id=case["connection"],
        **arguments,
    )
    return add.output, ""


def http(case, arguments):
    from airflow.providers.http.operators.http import HttpOperator

    people = [f"{number}@c.us" for number in case["participants"]]
    add = HttpOperator(
        endpoint=f"v1/chats/{case['chat_id']}/add",
        response_filter=lambda response: response.json(),
        **http_arguments(case, {"participants": people}),
        **arguments,
    )
    return add.output, ""


globals().update(define_all(__file__, ours=ours, http=http))
