"""Groups under faults: the rows of the table, and how a group is recognised at the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.lab.faults.kind import Kind
from tests.lab.faults.rows import (
    PATIENT_TIMEOUT,
    READ_TIMEOUT,
    Row,
    clear_when_failed,
    database_gone,
    fault,
    kill_task,
    kill_worker,
    machine_lost,
    mark_failed_and_clear,
    name_resolves_later,
    scheduler_killed,
    server_starts_later,
    terminate_task,
    terminate_worker,
)
from tests.lab.leaks import DESCRIPTION, PARTICIPANTS

if TYPE_CHECKING:
    from airflow_provider_periskope.sandbox.calls import Call
    from tests.lab.faults.case import Case

OPEN = fault("late", seconds=45)

ROWS = (
    Row("none", "nothing"),
    Row("dropped_after", "connection dropped after the create", fault("drop_after")),
    Row("late_answer", "response later than the read timeout", fault("late", seconds=READ_TIMEOUT + 10)),
    Row("late_group", "group made 10 s after the read timeout", fault("late_work", seconds=READ_TIMEOUT + 10)),
    Row("500_after", "500 after the create", fault("error_500_after")),
    Row("html_502_after", "502 in HTML after the create", fault("html_502_after")),
    Row("empty_500_after", "empty 500 after the create", fault("empty_500_after")),
    Row("truncated", "response cut off", fault("truncated")),
    Row("not_json", "200 with a login page after the create", fault("not_json")),
    Row("504_hidden", "504 at once, group listed 20 s later", fault("gateway_504_hidden", seconds=20)),
    Row(
        "lost_then_429", "dropped after the create, then 429 for 30 s on looking",
        (*fault("drop_after"), {"name": "rate_limit", "route": "GET /chats", "seconds": 30}), alone=True,
    ),
    Row("kill_task", "SIGKILL of the task, request open", OPEN, kill_task, PATIENT_TIMEOUT),
    Row(
        "kill_task_late", "SIGKILL of the task, group made 15 s later",
        fault("late_work", seconds=15), kill_task, PATIENT_TIMEOUT,
    ),
    Row("kill_worker", "SIGKILL of worker and supervisor, request open", OPEN, kill_worker, PATIENT_TIMEOUT),
    Row("term_task", "SIGTERM of the task, request open", OPEN, terminate_task, PATIENT_TIMEOUT),
    Row("term_worker", "SIGTERM of the worker, SIGKILL 5 s later", OPEN, terminate_worker, PATIENT_TIMEOUT),
    Row(
        "execution_timeout", "execution_timeout in the middle of the create",
        OPEN, read_timeout=PATIENT_TIMEOUT, execution_timeout=15,
    ),
    Row("marked_failed", "marked failed by a person, then cleared", OPEN, mark_failed_and_clear, PATIENT_TIMEOUT),
    Row("kill_first_xcom", "SIGKILL between the response and the first XCom", xcom={"key": None, "effect": "kill"}),
    Row("kill_return_value", "SIGKILL before the chat ID is in XCom", xcom={"key": "return_value", "effect": "kill"}),
    Row("xcom_fails", "XCom push fails once", xcom={"key": "return_value", "effect": "raise"}),
    Row("dropped_before", "connection dropped before the create", fault("drop_before"), posts=2),
    Row("500_before", "500, nothing created", fault("error_500"), posts=2),
    Row(
        "refused", "connection refused", act=server_starts_later, alone=True, down_at_first=True, refusal=True,
    ),
    Row(
        "no_dns", "host name does not resolve", act=name_resolves_later, alone=True, refusal=True,
        host="nonexistent.invalid",
    ),
    Row("429", "429 for 30 s (retries=0)", fault("rate_limit", seconds=30), posts=4, retries=0, refusal=True),
    Row("phone_off", "401, phone switched off", fault("phone_off"), posts=2, refusal=True),
    Row(
        "wrong_key", "401, wrong key (retries=0); then cleared",
        fault("wrong_key"), clear_when_failed, retries=0, posts=2, refusal=True,
    ),
    Row(
        "invalid", "422 (retries=0); then cleared",
        fault("invalid"), clear_when_failed, retries=0, posts=2, refusal=True,
    ),
    Row(
        "database_gone", "PostgreSQL gone for 20 s after the create",
        fault("late", seconds=8), read_timeout=PATIENT_TIMEOUT, disaster=database_gone,
    ),
    Row(
        "scheduler_killed", "scheduler and API server killed, started again after 10 s",
        fault("late", seconds=15), read_timeout=PATIENT_TIMEOUT, disaster=scheduler_killed,
    ),
    Row(
        "machine_lost", "all of Airflow killed with its tasks, started again after 10 s",
        OPEN, read_timeout=PATIENT_TIMEOUT, disaster=machine_lost,
    ),
)  # fmt: skip


class Groups(Kind):
    """Each case creates one group, whose name is the label of the case."""

    name = "groups"
    dags = "group_faults.py"
    page = "faults"
    operator = "PeriskopeCreateGroupOperator"
    thing = "group"
    outcome = "created"
    texts = (DESCRIPTION,)
    rows = ROWS

    def scope(self, case: Case) -> dict[str, Any]:
        """Only the create of a group of this name."""
        return {"group_name": case.label}

    def creates(self, case: Case, call: Call) -> bool:
        """Whether it creates a group of this name."""
        return call.group_name == case.label

    def made(self, case: Case) -> list[str]:
        """The chat IDs of the groups of this name."""
        return [group.chat_id for group in case.sandbox.groups_named(case.label)]

    def arguments(self, case: Case) -> dict[str, Any]:
        """Who is in the group, and a text that no log may contain."""
        return {"participants": PARTICIPANTS, "description": DESCRIPTION}
