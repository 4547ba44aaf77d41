"""DAGs that send one message each, for ``tests/system/message_faults.py``."""

from __future__ import annotations

from datetime import timedelta

from lab_fault_dags import define_all, http_arguments  # on the path of the lab's Airflow


def ours(case, arguments):
    from airflow_provider_periskope.operators.message import PeriskopeSendMessageOperator

    send = PeriskopeSendMessageOperator(
        chat_id=case["chat_id"],
        message=case["text"],
        wait_timeout=timedelta(seconds=40),
        periskope_conn_id=case["connection"],
        **arguments,
    )
    return send.output, send.output["status"]


def http(case, arguments):
    from airflow.providers.http.operators.http import HttpOperator

    send = HttpOperator(
        endpoint="v1/message/send",
        response_filter=lambda response: response.json()["unique_id"],
        **http_arguments(case, {"chat_id": case["chat_id"], "message": case["text"]}),
        **arguments,
    )
    return send.output, ""


globals().update(define_all(__file__, ours=ours, http=http))
