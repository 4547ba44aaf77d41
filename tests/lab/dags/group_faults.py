"""DAGs that create one group each, for ``tests/system/group_faults.py``."""

from __future__ import annotations

from lab_fault_dags import define_all, http_arguments  # on the path of the lab's Airflow


def ours(case, arguments):
    from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator

    create = PeriskopeCreateGroupOperator(
        group_name=case["label"],
        participants=case["participants"],
        options={"description": case["description"]},
        periskope_conn_id=case["connection"],
        **arguments,
    )
    return create.output, create.output["outcome"]


def http(case, arguments):
    from airflow.providers.http.operators.http import HttpOperator

    create = HttpOperator(
        endpoint="v1/chats/create",
        response_filter=lambda response: response.json()["chat_id"],
        **http_arguments(case, {"group_name": case["label"], "participants": case["participants"]}),
        **arguments,
    )
    return create.output, ""


globals().update(define_all(__file__, ours=ours, http=http))
