"""A row of a fault table, and what rows do to Airflow in the middle."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.faults.case import Case
    from tests.lab.installation import Airflow

LOOPBACK = "127.0.0.1"
READ_TIMEOUT = 5
PATIENT_TIMEOUT = 60


@dataclass(frozen=True)
class Row:
    """One line of the table.

    :param name: its name, from which DAG and connection have theirs
    :param title: what goes wrong, for people
    :param faults: what the sandbox does to the requests of this case, or to those of a route
    :param act: what is done to Airflow meanwhile; it gets the case
    :param read_timeout: the read timeout of the connection, in seconds
    :param retries: the retries of the task
    :param execution_timeout: the execution timeout of the task, in seconds
    :param xcom: what the XCom backend does, see ``tests/lab/worker/lab_xcom.py``
    :param alone: whether it has a Periskope of its own, for faults of requests that can't be told from those of others
    :param down_at_first: whether this Periskope does not listen at first
    :param disaster: what is done to all of Airflow, once the requests of all its cases are open
    :param refusal: whether it is sure that nothing was made, so that the next try, from 3.3 on, must not wait for it
    :param posts: how many requests that create ours may send
    :param makes: how many things there are to be in the end
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
    down_at_first: bool = False
    disaster: Callable[[Airflow], None] | None = None
    refusal: bool = False
    posts: int = 1
    makes: int = 1
    host: str = LOOPBACK


def fault(name: str, **details: Any) -> tuple[dict[str, Any], ...]:
    """Describe one fault of the request that creates."""
    return ({"name": name} | details,)


# What is done to one task.


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


def clear_when_done(case: Case) -> None:
    """Clear the task once it has succeeded."""
    case.wait_for_state("success")
    case.clear("success")


def name_resolves_later(case: Case) -> None:
    """Correct the host name once the first try has failed."""
    case.wait_for_state("up_for_retry")
    case.correct_host()


def server_starts_later(case: Case) -> None:
    """Start the server once the first try has failed."""
    case.wait_for_state("up_for_retry")
    case.sandbox.start()


# What is done to all of Airflow.


def database_gone(airflow: Airflow) -> None:
    """Stop PostgreSQL for 20 s."""
    airflow.postgres.stop()
    time.sleep(20)
    airflow.postgres.start()
    airflow.revive_scheduler()


def scheduler_killed(airflow: Airflow) -> None:
    """SIGKILL scheduler and API server, and start them after 10 s."""
    for name in ("scheduler", "api-server"):
        airflow.components[name].kill()
    time.sleep(10)
    for name in ("scheduler", "api-server"):
        airflow.components[name].start()


def machine_lost(airflow: Airflow) -> None:
    """SIGKILL all of Airflow and its tasks, and start it after 10 s."""
    airflow.crash()
    time.sleep(10)
    airflow.start_all()
