"""A message in every form that its author can give it, and what comes after it."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator
from airflow_provider_periskope.operators.message import PeriskopeSendMessageOperator as Send

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.models.dag import DAG

with DAG(
    "messages",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={"day": "Monday", "file": "a.pdf"},
):
    group = PeriskopeCreateGroupOperator(task_id="group", group_name="Sales", participants=["919537851844"])

    @task
    def options() -> list[str]:
        return ["Tuesday", "Wednesday"]

    @task
    def texts() -> list[str]:
        return ["one", "two"]

    @task
    def pass_on(unique_id: str, queue_id: str, status: str) -> list[str]:
        return [unique_id, queue_id, status]

    text = Send(task_id="text", chat_id=group.output, message="It is {{ params.day }}")
    file = Send(
        task_id="file",
        chat_id=group.output,
        message="The list",
        media={
            "type": "document",
            "url": "https://example.com/{{ params.file }}",
            "filename": "{{ params.file }}",
        },
        hide_url_preview=True,
    )
    poll = Send(
        task_id="poll",
        chat_id="{{ ti.xcom_pull(task_ids='group') }}",
        poll={"poll_name": "Which day?", "poll_options": ["{{ params.day }}", "Friday"]},
    )
    asked = options()
    xcom = Send(task_id="xcom", chat_id=group.output, poll={"pollName": "And then?", "pollOptions": asked})
    mapped = Send.partial(task_id="mapped", chat_id=group.output).expand(message=texts())
    passed = pass_on(text.output, text.output["queue_id"], text.output["status"])
    reply = Send(
        task_id="reply", chat_id=group.output, message="Yes", reply_to="{{ ti.xcom_pull(task_ids='text') }}"
    )
    group >> poll
    passed >> reply
