"""One row with one operator on one Airflow: its sandbox, its connection, its run, and what came of it."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
import traceback
import zlib
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_periskope.sandbox.server import Sandbox
from tests.lab.faults.kind import HTTP, OURS, Finding
from tests.lab.faults.rows import LOOPBACK
from tests.lab.leaks import KEY, PHONE
from tests.lab.postgres import free_port
from tests.lab.processes import lineage, parent, send
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_periskope.sandbox.calls import Call
    from tests.lab.faults.kind import Kind
    from tests.lab.faults.rows import Row
    from tests.lab.installation import Airflow

RUN = "lab"
TASK_ID = "under_test"


class States:
    """What the metadata database says of runs and tasks, read once for all cases.

    :param airflow: the installation
    """

    def __init__(self, airflow: Airflow) -> None:
        self._airflow = airflow
        self.tasks: dict[str, dict[str, Any]] = {}
        self.runs: dict[str, str] = {}
        self._over = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._follow, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _follow(self) -> None:
        while not self._over.wait(0.4):
            with suppress(ConnectionError):  # the database is gone, as one of the rows wants it
                self.read()

    def read(self) -> None:
        """Read them now."""
        tasks = self._airflow.task_instances(f"task_id='{TASK_ID}'")
        runs = self._airflow.rows("select dag_id, state from dag_run")
        self.tasks = {task["dag_id"]: task for task in tasks}
        self.runs = {run["dag_id"]: run["state"] for run in runs}


class Case:
    """One row with one operator."""

    def __init__(
        self, airflow: Airflow, states: States, kind: Kind, row: Row, contender: str, shared: Sandbox
    ) -> None:
        self.airflow = airflow
        self.states = states
        self.kind = kind
        self.row = row
        self.contender = contender
        self.dag_id = f"{kind.name}_{row.name}__{contender}"
        self.label = f"{row.title} ({contender})"
        self.connection = f"periskope_{self.dag_id}"
        self.sandbox = Sandbox(port=free_port(), api_key=KEY) if row.alone else shared
        # Reserves the port of a Periskope that does not listen yet, so that no other one gets it.
        self.reserved = socket.socket()
        self.reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if row.down_at_first:
            self.reserved.bind((LOOPBACK, self.sandbox.port))
        self.trouble = ""
        self.acting = row.act is not None
        self.started = 0.0
        self.ended = 0.0

    @property
    def chat_id(self) -> str:
        """The id of a group of its own, for kinds that act in one."""
        return f"120363{zlib.crc32(self.dag_id.encode()):012}@g.us"

    def prepare(self) -> None:
        """Bring faults and connection into place."""
        if self.row.alone and not self.row.down_at_first:
            self.sandbox.start()
        self.kind.prepare(self)
        for details in self.row.faults:
            scope = {} if "route" in details else self.kind.scope(self)
            self.sandbox.fault(**details, **scope)
        fields: dict[str, Any] = {"host": self.row.host}
        if self.contender == HTTP:
            fields |= {"conn_type": "http", "schema": "http", "port": self.sandbox.port}
        else:
            fields |= {
                "conn_type": "periskope", "login": PHONE, "password": KEY,
                "extra": {"timeout": self.row.read_timeout},
            }  # fmt: skip
            if self.row.host == LOOPBACK:
                fields["host"] = self.sandbox.url
        self.airflow.api.add_connection(self.connection, fields)
        if self.row.xcom:
            orders = Path(self.airflow.variables["LAB_XCOM"])
            (orders / f"{self.dag_id}.json").write_text(json.dumps({"task_id": TASK_ID} | self.row.xcom))

    def definition(self) -> dict[str, Any]:
        """Describe the DAG for ``lab_fault_dags.define_all``."""
        return {
            "dag_id": self.dag_id, "contender": self.contender, "label": self.label,
            "connection": self.connection, "timeout": self.row.read_timeout, "retries": self.row.retries,
            "execution_timeout": self.row.execution_timeout, "key": KEY, "phone": PHONE,
        } | self.kind.arguments(self)  # fmt: skip

    def task(self) -> dict[str, Any]:
        """Return the task instance under test."""
        return self.states.tasks.get(self.dag_id) or {"state": None, "try_number": 0, "pid": None}

    def run_state(self) -> str:
        """Return the state of the run."""
        return self.states.runs.get(self.dag_id, "none")

    @property
    def requests(self) -> list[Call]:
        """The requests that create, as they reached the server."""
        return [call for call in self.sandbox.requests if self.kind.creates(self, call)]

    # What a row does to Airflow in the middle.

    def wait_for_post(self) -> None:
        """Wait until the create is under way."""
        wait_until(lambda: bool(self.requests), 300, f"a request of {self.dag_id}", every=0.1)

    def wait_for_state(self, state: str) -> None:
        """Wait for a state of the task."""
        wait_until(lambda: self.task()["state"] == state, 240, f"{self.dag_id} to be {state}", every=0.3)

    def _pid(self) -> int:
        wait_until(lambda: bool(self.task()["pid"]), 10, f"the process of {self.dag_id}", every=0.1)
        return int(self.task()["pid"])

    def kill_task(self) -> None:
        """Kill the process of the task."""
        send(signal.SIGKILL, self._pid())

    def _worker(self) -> list[int]:
        line = lineage(self._pid(), below=self.airflow.components["scheduler"].pid)
        if len(line) < 2:
            raise LookupError(f"The task of {self.dag_id} has no supervisor below the scheduler: {line}")
        return line

    def kill_worker(self) -> None:
        """Kill the process of the task and all above it, up to the scheduler."""
        send(signal.SIGKILL, *reversed(self._worker()))

    def terminate_task(self) -> None:
        """Ask the process of the task to end."""
        send(signal.SIGTERM, self._pid())

    def terminate_worker(self, *, patience: float) -> None:
        """Ask the process of the task and all above it to end, and kill those that did not after a while."""
        line = self._worker()
        send(signal.SIGTERM, *reversed(line))
        time.sleep(patience)
        # A process that has ended leaves its id to others only after tens of thousands of new ones.
        send(signal.SIGKILL, *reversed(line))

    def mark_failed(self) -> None:
        """Mark the task as failed, and wait until its process has gone."""
        pid = self._pid()
        self.airflow.api.mark_failed(self.dag_id, RUN, TASK_ID)
        wait_until(lambda: parent(pid) is None, 90, f"the process of {self.dag_id} to end")

    def clear(self, state: str = "failed") -> None:
        """Clear the task and those after it, once the run has ended with a state."""
        wait_until(lambda: self.run_state() == state, 240, f"the run of {self.dag_id} to be {state}")
        self.airflow.api.clear(self.dag_id, RUN, TASK_ID)
        # Until this is read, the run still looks ended.
        wait_until(lambda: self.run_state() != state, 30, f"the run of {self.dag_id} to go on")

    def correct_host(self) -> None:
        """Give the connection the right host."""
        kind, host = ("http", LOOPBACK) if self.contender == HTTP else ("periskope", self.sandbox.url)
        self.airflow.api.change_connection(self.connection, kind, host=host)

    # Start to end.

    def start(self) -> None:
        """Start the run, and what is done to it meanwhile."""
        self.started = time.monotonic()
        self.airflow.api.trigger(self.dag_id, RUN)
        if self.row.act:
            threading.Thread(target=self._act, args=(self.row.act,), daemon=True).start()

    def _act(self, act: Callable[[Case], None]) -> None:
        try:
            act(self)
        except Exception as error:  # a row that did not happen has to show as such, whatever stopped it
            self.trouble = f"{type(error).__name__}: {error}"
            traceback.print_exc()
        self.acting = False

    def finding(self) -> Finding:
        """Read what it came to."""
        made = self.kind.made(self)
        received: dict[str, Any] = {}
        file = self.airflow.received / f"{self.dag_id}.json"
        if file.exists():
            received = json.loads(file.read_text())
        task = self.task()
        downstream = "none"
        if received:
            is_right = self.kind.is_right(self, received["id"], made)
            downstream = "right" if is_right else "one of several" if len(made) > 1 else "wrong"
        finding = Finding(
            fault=self.row.title, contender=self.operator, airflow=self.airflow.release.version,
            state=self.run_state(), tries=task["try_number"], made=len(made), posts=len(self.requests),
            downstream=downstream, outcome=received.get("outcome", ""),
            seconds=round((self.ended or time.monotonic()) - self.started), last_try=round(_duration(task)),
        )  # fmt: skip
        problems = [self.trouble] if self.trouble else []
        if self.contender == OURS:
            problems += self.kind.problems(self, finding)
        finding.problem = "; ".join(problems)
        return finding

    @property
    def operator(self) -> str:
        """The operator that creates."""
        return self.kind.operator if self.contender == OURS else "HttpOperator"

    def tell(self) -> None:
        """Print what is known of it, for its installation will be gone."""
        print(f"--- {self.dag_id}", flush=True)
        for instance in self.airflow.task_instances(f"dag_id='{self.dag_id}'"):
            print(instance, flush=True)
        for call in self.requests:
            print(f"{call.time:%H:%M:%S} {call.method} {call.path} {call.status} {call.fault}", flush=True)
        print(self.airflow.task_log(self.dag_id)[-6000:], flush=True)


def _duration(task: dict[str, Any]) -> float:
    if not task.get("start_date") or not task.get("end_date"):
        return 0.0
    return (
        datetime.fromisoformat(task["end_date"]) - datetime.fromisoformat(task["start_date"])
    ).total_seconds()
