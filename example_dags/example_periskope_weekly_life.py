"""Every Monday, create a group for the week; close the groups of four weeks ago."""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow_provider_periskope.operators.group import (
    PeriskopeCloseGroupOperator,
    PeriskopeCreateGroupOperator,
    PeriskopeUpdateGroupOperator,
)

try:
    from airflow.sdk import dag, task
except ImportError:  # Airflow 2.11
    from airflow.decorators import dag, task

LABEL = "weekly"


@dag(
    schedule="0 7 * * 1",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 3, "retry_delay": timedelta(minutes=2)},
    tags=["periskope"],
    doc_md=__doc__,
)
def example_periskope_weekly_life():
    # [START weekly_life]
    create = PeriskopeCreateGroupOperator(
        task_id="create_group",
        group_name="Week {{ data_interval_end.strftime('%G-W%V') }}",
        participants=["919537851844", "+91 98745 32456"],
    )
    label = PeriskopeUpdateGroupOperator(
        task_id="label_group", chat_id=create.output, add_labels=[LABEL]
    )

    @task
    def groups_to_close(data_interval_end: datetime) -> list[str]:
        """Find the groups by their label, so that this can be run again at any time."""
        from airflow_provider_periskope.hooks.periskope import PeriskopeHook

        due = data_interval_end - timedelta(weeks=4)
        return [
            chat.chat_id
            for chat in PeriskopeHook().iter_chats("group")
            if LABEL in (chat.labels or ())
            and "closed" not in (chat.labels or ())
            and not chat.is_exited
            and chat.created_at
            and chat.created_at < due
        ]

    close = PeriskopeCloseGroupOperator.partial(
        task_id="close_group",
        farewell="This group is closed. See you in the next one!",
        labels=["closed"],
    ).expand(chat_id=groups_to_close())
    # [END weekly_life]
    label >> close


example_periskope_weekly_life()
