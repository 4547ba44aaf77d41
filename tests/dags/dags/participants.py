"""People are added to a group and removed from it; what is done to whom comes from the run."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow_provider_periskope.operators.participants import (
    PeriskopeAddParticipantsOperator as Add,
)
from airflow_provider_periskope.operators.participants import (
    PeriskopeRemoveParticipantsOperator as Remove,
)

try:
    from airflow.sdk import DAG, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import task
    from airflow.models.dag import DAG


@task
def those(outcomes: dict[str, str], outcome: str) -> list[str]:
    return [number for number, each in outcomes.items() if each == outcome]


with DAG(
    "participants",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={"chat_id": "", "people": [], "if_not_added": "warn"},
):
    add = Add(task_id="add", chat_id="{{ params.chat_id }}", participants="{{ params.people }}")
    Remove(
        task_id="remove",
        chat_id="{{ params.chat_id }}",
        participants=those.override(task_id="added")(add.output, "added"),
    )
    those.override(task_id="invited")(add.output, "invited")
