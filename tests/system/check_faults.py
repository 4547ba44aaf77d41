"""The fault table: ``python -m tests.system.check_faults --airflow 3.3``.

Every row of ``fault_rows.py`` runs on a real scheduler, our operator and Airflow's HttpOperator beside each other,
all at once. It ends with 1 when ours did not make exactly one group or handed on another chat ID than that one's.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
import traceback
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_periskope.sandbox.server import Sandbox
from tests.lab.command_line import NEVER, aligned, on_each_release, parser_for
from tests.lab.environments import add_provider, airflow_environment
from tests.lab.installation import Airflow
from tests.lab.leaks import DESCRIPTION, KEY, PARTICIPANTS, PHONE, leaks_in
from tests.lab.postgres import Postgres, free_port
from tests.lab.processes import lineage, parent, send
from tests.lab.waiting import wait_until
from tests.system import fault_page
from tests.system.fault_page import Finding
from tests.system.group_faults import LOOPBACK, ROWS, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.lab.releases import Release

RUN = "lab"
STAGGER = 0.7
CONTENDERS = {"ours": "PeriskopeCreateGroupOperator", "http": "HttpOperator"}


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
        tasks = self._airflow.task_instances("task_id='create'")
        runs = self._airflow.rows("select dag_id, state from dag_run")
        self.tasks = {task["dag_id"]: task for task in tasks}
        self.runs = {run["dag_id"]: run["state"] for run in runs}


class Case:
    """One row with one operator."""

    def __init__(self, airflow: Airflow, states: States, row: Row, contender: str, shared: Sandbox) -> None:
        self.airflow = airflow
        self.states = states
        self.row = row
        self.contender = contender
        self.dag_id = f"{row.name}__{contender}"
        self.group_name = f"{row.title} ({contender})"
        self.connection = f"periskope_{self.dag_id}"
        self.sandbox = Sandbox(port=free_port(), api_key=KEY) if row.alone else shared
        self.trouble = ""
        self.acting = row.act is not None
        self.started = 0.0
        self.ended = 0.0

    def prepare(self) -> None:
        """Bring faults and connection into place."""
        if self.row.alone and self.row.name != "refused":
            self.sandbox.start()
        for details in self.row.faults:
            named = {} if "route" in details else {"group_name": self.group_name}
            self.sandbox.fault(**details, **named)
        fields: dict[str, Any] = {"host": self.row.host}
        if self.contender == "http":
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
            (orders / f"{self.dag_id}.json").write_text(json.dumps(self.row.xcom))

    def definition(self) -> dict[str, Any]:
        """Describe the DAG for ``tests/lab/dags/group_faults.py``."""
        return {
            "dag_id": self.dag_id, "contender": self.contender, "group_name": self.group_name,
            "connection": self.connection, "timeout": self.row.read_timeout, "retries": self.row.retries,
            "execution_timeout": self.row.execution_timeout, "key": KEY, "phone": PHONE,
            "participants": PARTICIPANTS, "description": DESCRIPTION,
        }  # fmt: skip

    def task(self) -> dict[str, Any]:
        """Return the task instance that creates."""
        return self.states.tasks.get(self.dag_id) or {"state": None, "try_number": 0, "pid": None}

    def run_state(self) -> str:
        """Return the state of the run."""
        return self.states.runs.get(self.dag_id, "none")

    @property
    def posts(self) -> int:
        """How many creates reached the server."""
        return sum(call.group_name == self.group_name for call in self.sandbox.requests)

    # What a row does to Airflow in the middle.

    def wait_for_post(self) -> None:
        """Wait until the create is under way."""
        wait_until(lambda: self.posts > 0, 120, f"a create of {self.group_name}", every=0.1)

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
        self.airflow.api.mark_failed(self.dag_id, RUN, "create")
        wait_until(lambda: parent(pid) is None, 90, f"the process of {self.dag_id} to end")

    def clear(self) -> None:
        """Clear the task and those after it."""
        wait_until(lambda: self.run_state() == "failed", 240, f"the run of {self.dag_id} to fail")
        self.airflow.api.clear(self.dag_id, RUN, "create")
        # Until this is read, the run still looks ended.
        wait_until(lambda: self.run_state() != "failed", 30, f"the run of {self.dag_id} to go on")

    def correct_host(self) -> None:
        """Give the connection the right host."""
        kind, host = ("http", LOOPBACK) if self.contender == "http" else ("periskope", self.sandbox.url)
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
        groups = self.sandbox.groups_named(self.group_name)
        received: dict[str, str] = {}
        file = self.airflow.received / f"{self.dag_id}.json"
        if file.exists():
            received = json.loads(file.read_text())
        task = self.task()
        downstream = "none"
        if received:
            right = [received["chat_id"]] == [group.chat_id for group in groups]
            downstream = "right" if right else "one of several" if groups else "wrong"
        finding = Finding(
            fault=self.row.title, contender=CONTENDERS[self.contender], airflow=self.airflow.release.version,
            state=self.run_state(), tries=task["try_number"], groups=len(groups), posts=self.posts,
            downstream=downstream, outcome=received.get("outcome", ""),
            seconds=round((self.ended or time.monotonic()) - self.started), last_try=round(_duration(task)),
        )  # fmt: skip
        finding.problem = "; ".join(self._problems(finding))
        return finding

    def _problems(self, finding: Finding) -> list[str]:
        problems = [self.trouble] if self.trouble else []
        if self.contender != "ours":
            return problems
        if finding.state != "success":
            problems.append(f"the run is {finding.state}")
        if finding.groups != 1:
            problems.append(f"{NEVER + ': ' if finding.groups > 1 else ''}{finding.groups} groups")
        if finding.downstream != "right":
            told = f"chat ID downstream: {finding.downstream}"
            problems.append(told if finding.downstream == "none" else f"{NEVER}: {told}")
        if finding.outcome != "created":
            problems.append(f"outcome {finding.outcome!r}")
        if finding.posts > self.row.posts:
            problems.append(f"{finding.posts} creates sent, not {self.row.posts}")
        if self.row.retries == 0 and self.row.act is None and finding.tries != 1:
            problems.append(f"{finding.tries} tries")
        if self.row.refusal and self.airflow.release.keeps_task_state and finding.last_try > 30:
            problems.append(f"the last try looked for {finding.last_try} s for what was never made")
        return problems


def _duration(task: dict[str, Any]) -> float:
    if not task.get("start_date") or not task.get("end_date"):
        return 0.0
    return (
        datetime.fromisoformat(task["end_date"]) - datetime.fromisoformat(task["start_date"])
    ).total_seconds()


def wait_for_ends(cases: Sequence[Case], seconds: float) -> None:
    """Wait until all runs have ended, and tell of each that does."""
    until = time.monotonic() + seconds
    running = list(cases)
    while running and time.monotonic() < until:
        time.sleep(0.5)
        for case in [
            case for case in running if not case.acting and case.run_state() in ("success", "failed")
        ]:
            case.ended = time.monotonic()
            running.remove(case)
            print(f"  {case.dag_id}: {case.run_state()} after {case.ended - case.started:.0f} s", flush=True)


def strike(airflow: Airflow, row: Row, cases: list[Case]) -> None:
    """Bring one disaster over Airflow, and clear it away."""
    for case in cases:
        case.start()
    for case in cases:
        case.wait_for_post()
    time.sleep(1)
    if row.name == "database_gone":
        airflow.postgres.stop()
        time.sleep(20)
        airflow.postgres.start()
        airflow.revive_scheduler()
    elif row.name == "scheduler_killed":
        for name in ("scheduler", "api-server"):
            airflow.components[name].kill()
        time.sleep(10)
        for name in ("scheduler", "api-server"):
            airflow.components[name].start()
    elif row.name == "machine_lost":
        airflow.crash()
        time.sleep(10)
        airflow.start_all()
    else:
        raise LookupError(row.name)
    wait_for_ends(cases, 240)


def run(
    release: Release, rows: Sequence[Row], contenders: Sequence[str], *, keep: bool = False
) -> tuple[list[Finding], list[str]]:
    """Run rows on one release; return what was found, and what the logs tell that they must not."""
    environment = add_provider(airflow_environment(release))
    with ExitStack() as stack:
        postgres = stack.enter_context(Postgres())
        shared = stack.enter_context(Sandbox(api_key=KEY))
        airflow = Airflow(environment, postgres, settings={"AIRFLOW__CORE__XCOM_BACKEND": "lab_xcom.LabXCom"})
        orders = airflow.home / "xcom"
        orders.mkdir()
        airflow.variables["LAB_XCOM"] = str(orders)
        airflow.keep = keep
        stack.enter_context(airflow)
        states = stack.enter_context(States(airflow))
        cases = [Case(airflow, states, row, contender, shared) for row in rows for contender in contenders]
        for case in cases:
            case.prepare()
            if case.row.alone:
                stack.callback(case.sandbox.stop)
        airflow.add_dags("group_faults.py", cases=[case.definition() for case in cases])
        airflow.wait_for_dags(*(case.dag_id for case in cases))
        print(f"Airflow {release.version}: {len(cases)} runs", flush=True)
        together = [case for case in cases if not case.row.disaster]
        # One after the other: sixty Pythons that start at once on two cores meet faults that no row is about.
        for case in sorted(together, key=lambda case: case.row.posts == 1):
            case.start()
            time.sleep(STAGGER)
        wait_for_ends(together, 330)
        for row in rows:
            if row.disaster:
                strike(airflow, row, [case for case in cases if case.row is row])
        states.read()
        findings = [case.finding() for case in cases]
        for case, finding in zip(cases, findings, strict=True):
            if finding.problem:
                tell(case)
        return findings, leaks_in(airflow.home)


def tell(case: Case) -> None:
    """Print what is known of a case that went wrong, for its installation will be gone."""
    print(f"--- {case.dag_id}", flush=True)
    for instance in case.airflow.task_instances(f"dag_id='{case.dag_id}'"):
        print(instance, flush=True)
    for call in case.sandbox.requests:
        if call.group_name == case.group_name:
            print(f"{call.time:%H:%M:%S} {call.method} {call.path} {call.status} {call.fault}", flush=True)
    print(case.airflow.task_log(case.dag_id)[-6000:], flush=True)


HEADINGS = {
    "fault": "fault", "contender": "operator", "airflow": "Airflow", "state": "run", "tries": "tries",
    "groups": "groups", "posts": "POSTs", "downstream": "chat ID downstream", "outcome": "outcome",
    "seconds": "seconds", "last_try": "of last try",
}  # fmt: skip


def table(findings: Sequence[Finding]) -> str:
    """Lay findings out for a terminal."""
    cells = ([getattr(finding, name) for name in HEADINGS] for finding in findings)
    return aligned([HEADINGS.values(), *cells])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the table and print it."""
    parser = parser_for(__doc__)
    parser.add_argument("--row", action="append", help="only this row; may be repeated")
    parser.add_argument("--only", choices=CONTENDERS, help="only one of the operators")
    parser.add_argument(
        "--write", action="store_true", help="put the results into the docs, beside those of other releases"
    )
    parser.add_argument("--keep", action="store_true", help="keep the home of Airflow, with the logs")
    options = parser.parse_args(arguments)
    unknown = set(options.row or ()) - {row.name for row in ROWS}
    if unknown:
        parser.error(
            f"no such row: {', '.join(sorted(unknown))}; there are {', '.join(row.name for row in ROWS)}"
        )
    rows = [row for row in ROWS if not options.row or row.name in options.row]
    contenders = [options.only] if options.only else list(CONTENDERS)

    def problems(release: Release) -> Iterator[str]:
        findings, leaks = run(release, rows, contenders, keep=options.keep)
        print(f"Key, phone numbers and texts of groups in the home of Airflow: {len(leaks)} leaks")
        print(table(findings), flush=True)
        if options.write:
            fault_page.keep(findings)
        for finding in findings:
            if finding.problem:
                yield f"{finding.contender}, {finding.fault}: {finding.problem}"
        yield from (f"{NEVER}: {leak}" for leak in leaks)

    return on_each_release(options.airflow, problems)


if __name__ == "__main__":
    sys.exit(main())
