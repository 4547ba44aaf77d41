"""The texts of alerts, from what Airflow's contexts hold."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_periskope.notifications.airflow_ui import AirflowUi
from airflow_provider_periskope.notifications.alert_text import alert_text, without_secrets

UI = AirflowUi("https://airflow.example.com/team")
RUN_ID = "scheduled__2026-11-25T02:00:00+00:00"
STARTED = datetime(2026, 11, 25, 2, 0, 7, tzinfo=UTC)
LINK = "https://airflow.example.com/team/dags/daily_sales/runs/scheduled__2026-11-25T02%3A00%3A00%2B00%3A00"


def context(state: str | None = "failed", **more: Any) -> dict[str, Any]:
    ti = {
        "dag_id": "daily_sales",
        "task_id": "load_orders",
        "map_index": -1,
        "state": state,
        "try_number": 3,
        "max_tries": 2,
        "start_date": STARTED,
    } | more.pop("ti", {})
    return {
        "ti": SimpleNamespace(**ti),
        "dag_run": SimpleNamespace(dag_id="daily_sales", run_id=RUN_ID, start_date=STARTED),
        "task": SimpleNamespace(task_id="load_orders"),
        **more,
    }


def deadline(**more: Any) -> dict[str, Any]:
    """Return what Airflow 3.1 to 3.3 hand to the callback of a missed deadline, as it comes out of their database."""
    run = {
        "dag_id": "daily_sales",
        "dag_run_id": RUN_ID,
        "queued_at": "2026-11-25T02:00:01.5Z",
        "start_date": "2026-11-25T02:00:07Z",
        "state": "running",
    }
    due = datetime(2026, 11, 25, 2, 30, tzinfo=UTC)
    return {"dag_run": run | more, "deadline": {"id": "0199", "deadline_time": due}}


def approval(state: str = "running") -> dict[str, Any]:
    task = SimpleNamespace(
        subject="Refund 3 orders?", options=["Approve", "Reject"], generate_link_to_ui=lambda: None
    )
    return context(state, task=task, ti={"task_id": "refund", "max_tries": 0, "try_number": 1})


class TestTexts:
    def test_of_a_failed_task(self) -> None:
        error = ValueError("could not convert 'abc' in row 17\nsecond line")
        assert alert_text(context(exception=error), UI) == (
            "🔴 *Task failed: load_orders*\n"
            "DAG daily_sales\n"
            f"Run {RUN_ID}\n"
            "Started 25 Nov 2026, 02:00 UTC, try 3 of 3\n"
            "ValueError: could not convert 'abc' in row 17\n"
            f"{LINK}/tasks/load_orders"
        )

    @pytest.mark.parametrize(
        ("state", "first_line"),
        [
            ("up_for_retry", "🟠 *Task failed, will be retried: load_orders*"),
            ("success", "🟢 *Task succeeded: load_orders*"),
            ("skipped", "⚪ *Task skipped: load_orders*"),
            ("running", "🔵 *Task started: load_orders*"),
        ],
    )
    def test_of_a_task_in_another_state(self, state: str, first_line: str) -> None:
        assert alert_text(context(state), UI).splitlines()[0] == first_line

    def test_of_a_killed_task_says_whether_retries_remain(self) -> None:
        """The DAG processor does not say the state, and on 3.0 calls the failure callback in both cases (56196)."""
        killed = context(None, ti={"try_number": 2})
        assert alert_text(killed, UI).startswith("🟠 *Task failed, retries remain: load_orders*\n")
        assert "try 2 of 3" in alert_text(killed, UI)
        assert alert_text(context(None), UI).startswith("🔴 *Task failed: load_orders*\n")

    def test_of_a_mapped_task_names_the_instance(self) -> None:
        mapped = context(ti={"map_index": 4, "rendered_map_index": "Pune"})
        text = alert_text(mapped, UI)
        assert text.startswith("🔴 *Task failed: load_orders [Pune]*\n")
        assert text.endswith(f"{LINK}/tasks/load_orders/mapped/4")

    def test_of_a_failed_run_on_2_11_names_the_failed_tasks(self) -> None:
        failed = [SimpleNamespace(task_id=name) for name in ("load", "b", "load", "load")]
        asked = []
        run = SimpleNamespace(
            dag_id="daily_sales",
            run_id=RUN_ID,
            start_date=STARTED,
            get_task_instances=lambda state: asked.append(state) or failed,
        )
        # The ti of such a context is any task, one that succeeded for example.
        assert alert_text(context("success", dag_run=run, reason="task_failure"), UI) == (
            "🔴 *DAG failed: daily_sales*\n"
            f"Run {RUN_ID}\n"
            "Run started 25 Nov 2026, 02:00 UTC\n"
            "Failed: b, load ×3\n"
            f"{LINK}"
        )
        assert asked == [["failed"]]

    @pytest.mark.parametrize(
        ("reason", "expected"),
        [
            ("success", "🟢 *DAG succeeded: daily_sales*"),
            ("timed_out", "The run took longer than its dagrun_timeout."),
            ("all_tasks_deadlocked", "All tasks are deadlocked."),
        ],
    )
    def test_of_a_run_that_ended_otherwise(self, reason: str, expected: str) -> None:
        assert expected in alert_text(context(None, reason=reason), UI).splitlines()

    def test_of_a_run_without_any_task(self) -> None:
        """What Airflow 3 hands over where it has no task instance."""
        bare = {"dag": SimpleNamespace(dag_id="daily_sales"), "run_id": RUN_ID, "reason": "task_failure"}
        assert alert_text(bare, UI) == f"🔴 *DAG failed: daily_sales*\nRun {RUN_ID}\n{LINK}"

    def test_of_a_missed_deadline(self) -> None:
        assert alert_text(deadline(), UI) == (
            "⏰ *Deadline missed: daily_sales*\n"
            f"Run {RUN_ID}\n"
            "Due 25 Nov 2026, 02:30 UTC\n"
            "Run started 25 Nov 2026, 02:00 UTC\n"
            "The run is running.\n"
            f"{LINK}"
        )

    def test_of_a_deadline_of_a_run_that_has_not_started(self) -> None:
        assert "Queued 25 Nov 2026, 02:00 UTC" in alert_text(deadline(start_date=None, state="queued"), UI)

    def test_of_an_approval(self) -> None:
        assert alert_text(approval(), UI) == (
            "✋ *Approval requested: refund*\n"
            "Refund 3 orders?\n"
            "DAG daily_sales\n"
            f"Run {RUN_ID}\n"
            "Started 25 Nov 2026, 02:00 UTC\n"
            "Options: Approve, Reject\n"
            f"{LINK}/tasks/refund/required_actions?map_index=-1"
        )

    def test_of_an_approval_task_that_failed(self) -> None:
        assert alert_text(approval("failed"), UI).startswith("🔴 *Task failed: refund*")

    def test_of_a_context_that_says_nothing(self) -> None:
        assert alert_text({}, UI) == "🔔 *Alert from Airflow*"

    def test_has_moments_in_the_time_zone_of_the_dag(self) -> None:
        dag = SimpleNamespace(dag_id="daily_sales", timezone=ZoneInfo("Asia/Kolkata"))
        assert "Started 25 Nov 2026, 07:30 IST" in alert_text(context(dag=dag), UI)

    def test_has_no_link_without_a_base_url(self) -> None:
        assert "http" not in alert_text(context(), AirflowUi())

    def test_links_to_the_pages_of_airflow_2(self) -> None:
        ui = AirflowUi("https://airflow.example.com/", is_2=True)
        assert alert_text(context(ti={"map_index": 0}), ui).endswith(
            "https://airflow.example.com/dags/daily_sales/grid?dag_run_id=scheduled__2026-11-25T02%3A00%3A00%2B00%3A00"
            "&task_id=load_orders&tab=logs&map_index=0"
        )

    @pytest.mark.parametrize(
        "made",
        [context(exception=ValueError("x" * 9000)), context(reason="task_failure"), deadline(), approval()],
    )
    def test_fits_a_phones_screen(self, made: dict[str, Any]) -> None:
        """About 20 lines of 40 characters, whatever the names and the exception."""
        for place in ("ti", "dag_run"):
            if hasattr(made.get(place), "dag_id"):
                made[place].dag_id = "d" * 250
        text = alert_text(made, AirflowUi())
        assert sum(-(-len(line) // 40) for line in text.splitlines()) <= 20


class TestException:
    @pytest.mark.parametrize(
        ("said", "shown"),
        [
            ("call +91 95378 51844 now", "call +9195•••••844 now"),
            ("no file for 2026-11-25 02:00:07.123456+00:00", "no file for 2026-11-25 02:00:07.123456+00:00"),
            ("no file for 2026-11-25, asked 919537851844", "no file for 2026-11-25, asked 9195•••••844"),
            ("postgresql://bob:hunter2@db/x failed", "postgresql://***@db/x failed"),
            ("{'password': 'hunter2', 'user': 'bob'}", "{'password': ***, 'user': 'bob'}"),
            ("login failed, api_key=abc123;retry", "login failed, api_key=***;retry"),
            ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
            ("token eyJhbGciOi.eyJzdWIi.c2ln refused", "token *** refused"),
            ("key 'customer_id' is missing", "key 'customer_id' is missing"),
        ],
    )
    def test_is_shown_without_numbers_and_secrets(self, said: str, shown: str) -> None:
        assert without_secrets(said) == shown

    def test_may_be_a_text(self) -> None:
        assert "\nNot enough memory\n" in alert_text(context(exception="Not enough memory"), UI)

    def test_of_a_killed_task_on_2_11_has_no_raw_data(self) -> None:
        text = alert_text(context(exception="{'DAG Id': 'daily_sales', 'Task Id': 'load_orders'}"), UI)
        assert "\nThe process of the task was lost.\n" in text

    def test_without_text_is_its_kind(self) -> None:
        assert "\nKeyError\n" in alert_text(context(exception=KeyError()), UI)
