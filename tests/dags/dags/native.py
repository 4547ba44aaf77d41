"""Templates that render to native objects: a text of digits becomes a number on the way."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow_provider_periskope.operators.group import PeriskopeCreateGroupOperator as CreateGroup

try:
    from airflow.sdk import DAG
except ImportError:  # Airflow 2.11
    from airflow.models.dag import DAG

with DAG(
    "native",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    render_template_as_native_obj=True,
    params={"people": ["919537851844", "+91 98745 32456"], "only_admins": True, "number": "1040"},
):
    CreateGroup(
        task_id="objects",
        group_name="native objects",
        participants="{{ params.people }}",
        options={"messagesAdminsOnly": "{{ params.only_admins }}"},
    )
    CreateGroup(
        task_id="digits",
        group_name="{{ params.number }}",
        participants=["919537851844", "{{ params.people[1] }}"],
        phone="918527184400",
    )
    CreateGroup(task_id="one", group_name="one person", participants="{{ params.people[0] }}")
