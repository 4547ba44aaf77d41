"""The rows of the fault table: what goes wrong, and what is done to Airflow in the middle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.system.check_faults import Case

LOOPBACK = "127.0.0.1"
READ_TIMEOUT = 5
PATIENT_TIMEOUT = 60


@dataclass(frozen=True)
class Row:
    """One line of the table.

    :param name: its name, of which DAG and connection have theirs
    :param title: what goes wrong, for people
    :param faults: what the sandbox does to the calls of this group
    :param act: what is done meanwhile; it gets the case
    :param read_timeout: the read timeout of the connection
    :param retries: the retries of the task
    :param execution_timeout: the execution timeout of the task
    :param xcom: what the XCom backend does, see ``tests/lab/worker/lab_xcom.py``
    :param alone: whether it has a Periskope of its own, for faults of calls that name no group
    :param disaster: whether it hits all of Airflow, so that it has its own time
    :param refusal: whether it is sure that nothing was made, so that the next try, from 3.3 on, must not wait for it
    :param posts: how many creates ours may send
    :param host: the host of the connection, at first
    """

    name: str
    title: str
    faults: tuple[dict[str, Any], ...] = ()
    act: Callable[[Case], None] | None = None
    read_timeout: int = READ_TIMEOUT
    retries: int = 2
    execution_timeout: int | None = None
    xcom: dict[str, Any] | None = None
    alone: bool = False
    disaster: bool = False
    refusal: bool = False
    posts: int = 1
    host: str = LOOPBACK


def fault(name: str, **details: Any) -> tuple[dict[str, Any], ...]:
    """Describe one fault of the create."""
    return ({"name": name} | details,)


def kill_task(case: Case) -> None:
    """SIGKILL the task's process while its request is open."""
    case.wait_for_post()
    case.kill_task()


def kill_worker(case: Case) -> None:
    """SIGKILL the task's process and everything between it and the scheduler."""
    case.wait_for_post()
    case.kill_worker()


def terminate_task(case: Case) -> None:
    """SIGTERM the task's process."""
    case.wait_for_post()
    case.terminate_task()


def terminate_worker(case: Case) -> None:
    """SIGTERM the task and what supervises it, and SIGKILL what is left after a while, as a deployment does."""
    case.wait_for_post()
    case.terminate_worker(patience=5)


def mark_failed_and_clear(case: Case) -> None:
    """Mark the task as failed while its request is open, and clear it when its process has gone."""
    case.wait_for_post()
    case.mark_failed()
    case.clear()


def clear_when_failed(case: Case) -> None:
    """Clear the task once it has failed."""
    case.wait_for_state("failed")
    case.clear()


def name_resolves_later(case: Case) -> None:
    """Correct the host name once the first try has failed."""
    case.wait_for_state("up_for_retry")
    case.correct_host()


def server_starts_later(case: Case) -> None:
    """Start the server once the first try has failed."""
    case.wait_for_state("up_for_retry")
    case.sandbox.start()


OPEN = fault("late", seconds=45)

ROWS = (
    Row("none", "nothing"),
    Row("dropped_after", "connection dropped after the create", fault("drop_after")),
    Row("late_answer", "answer later than the read timeout", fault("late", seconds=READ_TIMEOUT + 10)),
    Row("late_group", "group made 10 s after the read timeout", fault("late_work", seconds=READ_TIMEOUT + 10)),
    Row("500_after", "500 after the create", fault("error_500_after")),
    Row("html_502_after", "502 in HTML after the create", fault("html_502_after")),
    Row("empty_500_after", "empty 500 after the create", fault("empty_500_after")),
    Row("truncated", "answer cut off", fault("truncated")),
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
    Row("kill_first_xcom", "SIGKILL between the answer and the first XCom", xcom={"key": None, "effect": "kill"}),
    Row("kill_return_value", "SIGKILL before the chat ID is in XCom", xcom={"key": "return_value", "effect": "kill"}),
    Row("xcom_fails", "XCom push fails once", xcom={"key": "return_value", "effect": "raise"}),
    Row("dropped_before", "connection dropped before the create", fault("drop_before"), posts=2),
    Row("500_before", "500, nothing created", fault("error_500"), posts=2),
    Row(
        "refused", "connection refused", act=server_starts_later, alone=True, refusal=True,
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
        fault("late", seconds=8), read_timeout=PATIENT_TIMEOUT, disaster=True,
    ),
    Row(
        "scheduler_killed", "scheduler and API server killed, started again after 10 s",
        fault("late", seconds=15), read_timeout=PATIENT_TIMEOUT, disaster=True,
    ),
    Row(
        "machine_lost", "all of Airflow killed with its tasks, started again after 10 s",
        OPEN, read_timeout=PATIENT_TIMEOUT, disaster=True,
    ),
)  # fmt: skip
