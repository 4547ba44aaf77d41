"""
Alerts on a real scheduler: ``python -m tests.system.check_alerts --airflow oldest --airflow newest``.

Tasks fail, are retried, are killed; runs fail, are late, wait for a person. The alerts are sent by the task's process,
the DAG processor, the triggerer and the executor, to a sandbox that loses responses, to a port at which nobody listens,
and to a server that never responds. It ends with 1 unless each alert was posted once, with the right text, or left one
line in the log; and unless every state is what it would have been without alerts.
"""

from __future__ import annotations

import json
import socket
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_periskope.sandbox.server import Sandbox
from tests.lab.command_line import NEVER, on_each_release, parser_for
from tests.lab.environments import add_provider, airflow_environment
from tests.lab.installation import Airflow
from tests.lab.postgres import Postgres
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lab.releases import Release


@dataclass(frozen=True)
class Case:
    """
    A DAG of ``tests/lab/dags/alerts.py``, which runs once.

    :param starts: how the first line of each alert starts.
    :param state: state of its task instances at the end.
    :param conn_id: the connection that it alerts with.
    :param logged: what the log says of an alert that was not sent.
    :param since: first Airflow that can do this.
    :param may_repeat: whether Airflow can call back more than once, which a notifier cannot know of.
    """

    starts: tuple[str, ...] = ()
    state: tuple[str, ...] = ("failed",)
    conn_id: str = "good"
    logged: str = ""
    since: tuple[int, int] = (2, 11)
    may_repeat: bool = False


FAILED = "🔴 *Task failed: load*"
WAITING = ("awaiting_input", "deferred")
CASES = {
    "task": Case((FAILED,)),
    "lost": Case((FAILED,), conn_id="lost", logged="may or may not have been sent"),
    "error_after": Case((FAILED,), conn_id="error_after", logged="may or may not have been sent"),
    "down": Case(conn_id="down", logged="was not sent. Could not connect"),
    "hung": Case(
        conn_id="hung", logged="may or may not have been sent. The outcome of POST /message/send is unknown"
    ),
    "retried": Case(("🟠 *Task failed, will be retried: load*", FAILED)),
    "mapped": Case(("🔴 *Task failed: load [0]*",)),
    "whole_dag": Case(("🔴 *DAG failed: whole_dag*",)),
    "whole_dag_done": Case(("🟢 *DAG succeeded: whole_dag_done*",), ("success",)),
    "killed": Case((FAILED,), may_repeat=True),
    "killed_retried": Case(("🟠 *Task failed, ",), ("up_for_retry",), may_repeat=True),
    "deadline": Case(("⏰ *Deadline missed: deadline*",), ("success",), since=(3, 1)),
    "deadline_hung": Case(
        (), ("success",), conn_id="hung", logged="may or may not have been sent", since=(3, 1)
    ),
    "deadline_sync": Case(
        ("⏰ *Deadline missed: deadline_sync*",), ("success",), conn_id="environment", since=(3, 2)
    ),
    "approval": Case(("✋ *Approval requested: refund*",), WAITING, since=(3, 1)),
    "approval_down": Case(
        (), WAITING, conn_id="down", logged="was not sent. Could not connect", since=(3, 1)
    ),
}

OF_A_RELEASE = {
    # Its scheduler stops on a unique key when it sees that a process was killed, is started again, and begins the next
    # try at once, without retry_delay. So two tries fail, and each calls back once.
    "3.4.0b2": {"killed_retried": Case(("🟠 *Task failed, ", FAILED), may_repeat=True)},
}
"""What differs on a release because of a defect in it."""


def run(release: Release, keep: bool = False) -> list[str]:
    """Run every case on one release, and return what was wrong."""
    environment = add_provider(airflow_environment(release))
    cases = {dag_id: case for dag_id, case in CASES.items() if case.since <= release.number}
    cases |= OF_A_RELEASE.get(release.version, {})
    with ExitStack() as stack:
        postgres = stack.enter_context(Postgres())
        sandboxes = {name: stack.enter_context(Sandbox()) for name in ("good", "lost", "error_after", "down")}
        sandboxes["lost"].fault("drop_after", route="POST /message/send", times=None)
        sandboxes["error_after"].fault("error_500_after", route="POST /message/send", times=None)
        sandboxes["down"].stop()
        silent = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=64))
        chats = {
            dag_id: sandboxes.get(case.conn_id, sandboxes["good"]).add_group(f"Alerts of {dag_id}").chat_id
            for dag_id, case in cases.items()
        }
        settings = {
            "AIRFLOW__CORE__PARALLELISM": "6",
            # On a busy machine, a task that lives can be silent for longer than the lab allows otherwise.
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
            "AIRFLOW__SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD": "60",
            # 2.11 and 3.0 find a killed task again, and call back again, until the first call has been handled.
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "60",
            "AIRFLOW__SCHEDULER__ZOMBIE_DETECTION_INTERVAL": "60",
            # The executor's process may not read connections in the database (Airflow's issue 66141).
            "AIRFLOW_CONN_ENVIRONMENT": sandboxes["good"].connection_json(),
        }
        airflow = Airflow(environment, postgres, settings=settings)
        airflow.keep = keep
        stack.enter_context(airflow)
        for name, sandbox in sandboxes.items():
            # In the database, so that each process asks Airflow for it in its own way.
            airflow.command("connections", "add", name, "--conn-json", sandbox.connection_json())
        hung = json.loads(sandboxes["good"].connection_json())
        hung["host"] = f"http://127.0.0.1:{silent.getsockname()[1]}/v1"
        airflow.command("connections", "add", "hung", "--conn-json", json.dumps(hung))
        airflow.add_dags(
            "alerts.py",
            cases={
                dag_id: {"chat_id": chats[dag_id], "periskope_conn_id": case.conn_id}
                for dag_id, case in cases.items()
            },
        )
        airflow.wait_for_dags(*cases, seconds=180)

        def texts(dag_id: str) -> list[str]:
            sandbox = sandboxes.get(cases[dag_id].conn_id, sandboxes["good"])
            return [message.text or "" for message in sandbox.messages_in(chats[dag_id])]

        def problems() -> list[str]:
            states = {dag_id: set() for dag_id in cases}
            for task in airflow.task_instances():
                states[task["dag_id"]].add(task["state"])
            logs = log_lines(airflow)
            found = []
            for dag_id, case in cases.items():
                got = texts(dag_id)
                if case.may_repeat:
                    got = list(dict.fromkeys(got))
                if len(got) > len(case.starts):
                    found.append(f"{NEVER}: {dag_id}: {len(got)} alerts and not {len(case.starts)}: {got}")
                elif len(got) < len(case.starts) or not all(
                    text.startswith(start) for text, start in zip(got, case.starts, strict=True)
                ):
                    found.append(f"{dag_id}: alerts {got} and not {case.starts}")
                if not states[dag_id] or not states[dag_id] <= set(case.state):
                    found.append(f"{dag_id}: states {states[dag_id]} and not {case.state}")
                said = [line for line in logs if f"The alert of DAG '{dag_id}'" in line]
                if case.logged and not any(case.logged in line for line in said):
                    found.append(f"{dag_id}: the log does not say {case.logged!r}: {said}")
            return found

        with suppress(TimeoutError):  # What is wrong is told below.
            wait_until(lambda: not problems(), 240, "all alerts", every=2)
        for dag_id in cases:
            for text in texts(dag_id):
                print(f"--- {dag_id}\n{text}", flush=True)
        for line in sorted(set(log_lines(airflow))):
            if "was sent." not in line:
                print(line[:600], flush=True)
        leaks = [
            f"{NEVER}: the log holds {what}"
            for what in (sandboxes["good"].api_key, sandboxes["good"].phone, "🔴", "⏰", "✋")
            if any(what in line for line in log_lines(airflow, "periskope", what))
        ]
        return problems() + leaks


def log_lines(airflow: Airflow, *words: str) -> list[str]:
    """Return the lines about alerts in the logs of all processes, or those with certain words."""
    return [
        line
        for file in airflow.logs.rglob("*")
        if file.is_file() and file.suffix == ".log"
        for line in file.read_text(errors="replace").splitlines()
        if all(word in line for word in words or ("The alert of DAG",))
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the check on each release that was asked for."""
    parser = parser_for(__doc__)
    parser.add_argument("--keep", action="store_true", help="keep Airflow's home, with its logs")
    options = parser.parse_args(arguments)
    return on_each_release(options.airflow, lambda release: run(release, options.keep))


if __name__ == "__main__":
    sys.exit(main())
