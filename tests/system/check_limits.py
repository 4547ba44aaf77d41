"""
Rate limits on a real scheduler: ``python -m tests.system.check_limits --airflow 3.3``.

One task meets 429 for 90 s, beside two tasks that do nothing; then 30 mapped tasks, 8 at a time, meet a server that
takes one create in 3 s; at last, 30 in a pool of one slot meet such a server. All with ``retries=0``, and with
HttpOperator beside ours. It ends with 1 when one of ours failed or needed a second try, held a worker slot while it
waited, or when the 30 took too long; and when the pool did not help as much as it should.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import threading
import time
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_periskope.sandbox.server import Sandbox
from tests.lab.command_line import NEVER, aligned, on_each_release, parser_for
from tests.lab.environments import add_provider, airflow_environment
from tests.lab.installation import Airflow
from tests.lab.postgres import Postgres
from tests.lab.waiting import wait_until
from tests.system import limits_page

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.lab.releases import Release

CONTENDERS = {"ours": "PeriskopeCreateGroupOperator", "http": "HttpOperator"}
PARTS = ("long", "many", "pool")
POOL = "one_at_a_time"
LONG = 90
PERIOD = 3.0
AT_A_TIME = 8
SAMPLE_EVERY = 0.2


class SlotWatch:
    """Samples which tasks are in state ``running``, and adds up for how long."""

    def __init__(self, airflow: Airflow) -> None:
        sql = (
            "select json_build_object('at', extract(epoch from clock_timestamp()), 'running', coalesce(json_agg("
            "json_build_array(dag_id, run_id, task_id)), '[]')) from task_instance where state='running'"
        )
        # One psql that repeats the query costs nearly nothing; a new one for each sample would load the machine.
        self._psql = subprocess.Popen(
            airflow.postgres.psql_command(airflow.database),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={"PATH": "/usr/bin:/bin", "PAGER": "cat"},
        )  # fmt: skip
        assert self._psql.stdin
        self._psql.stdin.write(f"{sql} \\watch {SAMPLE_EVERY}\n")
        self._psql.stdin.flush()
        self.samples: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._psql.terminate()
        self._psql.wait()

    def _read(self) -> None:
        assert self._psql.stdout
        for line in self._psql.stdout:
            if line.startswith("{"):
                self.samples.append(json.loads(line))

    def busy(self, dag_id: str, run_id: str) -> dict[str, float]:
        """Return the seconds in state ``running`` of each task of a run."""
        seconds: dict[str, float] = defaultdict(float)
        for sample, following in pairwise(self.samples):
            for dag, run, task in sample["running"]:
                if (dag, run) == (dag_id, run_id):
                    seconds[task] += following["at"] - sample["at"]
        return seconds


@dataclass
class Finding:
    """One line of the table."""

    airflow: str
    contender: str
    what: str
    tasks: int
    succeeded: int
    tries: int
    refused: int
    groups: int
    seconds: float
    ideal: float
    busy: float
    nothing: float | None = None
    problems: list[str] = field(default_factory=list)


def order(kind: str, contender: str, names: list[str]) -> dict[str, Any]:
    """Describe a DAG for ``tests/lab/dags/limits.py``."""
    how = {"many": {"max_active_tis_per_dagrun": AT_A_TIME}, "pool": {"pool": f"{POOL}_{contender}"}}
    return {
        "dag_id": f"{kind}__{contender}", "contender": contender, "connection": f"{kind}_{contender}", "names": names,
        "arguments": how.get(kind, {}), "with_nothing": kind == "long",
    }  # fmt: skip


def add_connection(airflow: Airflow, name: str, contender: str, sandbox: Sandbox) -> None:
    """Let a connection lead to a sandbox."""
    if contender == "http":
        fields = {"conn_type": "http", "host": "127.0.0.1", "schema": "http", "port": sandbox.port}
    else:
        fields = {
            "conn_type": "periskope",
            "host": sandbox.url,
            "login": sandbox.phone,
            "password": sandbox.api_key,
        }
    airflow.api.add_connection(name, fields)


def follow(airflow: Airflow, dag_id: str, run_id: str, seconds: float) -> tuple[list[dict[str, Any]], float]:
    """Wait for the end of a run; return its creating tasks and how long it took."""
    where = f"dag_id='{dag_id}' and run_id='{run_id}'"

    def ended() -> bool:
        return airflow.rows(f"select state from dag_run where {where}")[0]["state"] in ("success", "failed")

    try:
        wait_until(ended, seconds, f"{dag_id} to end")
    except TimeoutError as error:
        print(f"  {error}", flush=True)
    took = f"select extract(epoch from coalesce(end_date, now()) - start_date) as seconds from dag_run where {where}"
    return airflow.task_instances(f"{where} and task_id='create'"), float(airflow.rows(took)[0]["seconds"])


def long_limit(airflow: Airflow, watch: SlotWatch, sandboxes: dict[str, Sandbox]) -> list[Finding]:
    """Meet 429 for 90 s with one task."""
    for contender, sandbox in sandboxes.items():
        sandbox.fault("rate_limit", seconds=LONG)
        airflow.api.trigger(f"long__{contender}", "run")
    findings = []
    for contender, sandbox in sandboxes.items():
        tasks, seconds = follow(airflow, f"long__{contender}", "run", LONG + 120)
        time.sleep(1)
        busy = watch.busy(f"long__{contender}", "run")
        finding = describe(
            airflow, contender, f"429 for {LONG} s", tasks, sandbox, seconds, LONG, busy["create"]
        )
        finding.nothing = busy["nothing_1"] + busy["nothing_2"]
        # The goal is a second more than theirs, which the bench holds it against; a busy machine takes longer.
        if contender == "ours" and finding.busy > 1.5 * (finding.nothing + 1):
            finding.problems.append(
                f"{finding.busy:.1f} s in state running, two no-ops {finding.nothing:.1f} s"
            )
        findings.append(finding)
    return findings


def many(
    airflow: Airflow,
    watch: SlotWatch,
    sandboxes: dict[str, Sandbox],
    tasks: int,
    runs: int,
    kind: str,
) -> list[Finding]:
    """Meet a limit of one create in 3 s with mapped tasks."""
    findings = []
    for number in range(1, runs + 1):
        for sandbox in sandboxes.values():
            sandbox.reset()
        for contender in sandboxes:
            airflow.api.trigger(f"{kind}__{contender}", f"run{number}")
        ideal = tasks * PERIOD
        for contender, sandbox in sandboxes.items():
            instances, seconds = follow(airflow, f"{kind}__{contender}", f"run{number}", 4 * ideal + 60)
            time.sleep(1)
            busy = watch.busy(f"{kind}__{contender}", f"run{number}")["create"]
            what = f"{tasks} at one in {PERIOD:.0f} s, {'pool of one slot, ' * (kind == 'pool')}run {number}"
            findings.append(describe(airflow, contender, what, instances, sandbox, seconds, ideal, busy))
            print(f"  {what}, {contender}: {seconds:.0f} s", flush=True)
    return findings


def judge_together(findings: Sequence[Finding], tasks: int) -> None:
    """Hold the median of some runs against the goal."""
    ideal = tasks * PERIOD
    median = statistics.median(finding.seconds for finding in findings)
    most = 1.5 * ideal + 30
    print(f"  median of {len(findings)}: {median:.0f} s, at most {most:.0f} s", flush=True)
    if median > most:
        findings[-1].problems.append(f"median {median:.0f} s, not {most:.0f} s")


def judge_pool(findings: Sequence[Finding], tasks: int) -> None:
    """Hold the median of some runs with the pool against the goals."""
    # The API tells the end of its window in whole seconds, rounded up: one in 3 s is one in 4 s to whoever obeys.
    goals = {"seconds": 1.5 * tasks * PERIOD + 15, "refused": tasks, "busy": 5.0 * tasks}
    for name, most in goals.items():
        median = statistics.median(getattr(finding, name) for finding in findings)
        print(
            f"  pool of one slot, median of {len(findings)}: {median:.0f} {name}, at most {most:.0f}",
            flush=True,
        )
        if median > most:
            findings[-1].problems.append(f"median {median:.0f} {name}, not {most:.0f}")


def describe(
    airflow: Airflow, contender: str, what: str, tasks: list[dict[str, Any]], sandbox: Sandbox, seconds: float,
    ideal: float, busy: float,
) -> Finding:  # fmt: skip
    """Count what a run came to."""
    finding = Finding(
        airflow.release.version, CONTENDERS[contender], what, len(tasks),
        succeeded=sum(task["state"] == "success" for task in tasks),
        tries=max(task["try_number"] for task in tasks),
        refused=sum(call.status == 429 for call in sandbox.requests),
        groups=len(sandbox.groups), seconds=seconds, ideal=ideal, busy=busy,
    )  # fmt: skip
    if contender == "ours":
        if finding.succeeded != finding.tasks:
            finding.problems.append(f"{finding.tasks - finding.succeeded} tasks did not succeed")
        if finding.tries != 1:
            finding.problems.append(f"{finding.tries} tries")
        if finding.groups != finding.tasks:
            never = f"{NEVER}: " if finding.groups > finding.tasks else ""
            finding.problems.append(f"{never}{finding.groups} groups for {finding.tasks} tasks")
    return finding


def run(
    release: Release, *, tasks: int, runs: int, parts: Sequence[str], keep: bool = False
) -> list[Finding]:
    """Run both on one release."""
    environment = add_provider(airflow_environment(release))
    with ExitStack() as stack:
        postgres = stack.enter_context(Postgres())
        airflow = Airflow(environment, postgres)
        airflow.keep = keep
        stack.enter_context(airflow)
        for contender in CONTENDERS:
            airflow.command("pools", "set", f"{POOL}_{contender}", "1", "One group at a time")
        mapped = [f"Mapped {number}" for number in range(1, tasks + 1)]
        names = {"long": ["Under a long limit"], "many": mapped, "pool": mapped}
        limits = {"long": None, "many": (1, PERIOD), "pool": (1, PERIOD)}
        sandboxes: dict[str, dict[str, Sandbox]] = {kind: {} for kind in names}
        orders = []
        for kind in names:
            for contender in CONTENDERS:
                sandbox = stack.enter_context(Sandbox(rate_limit=limits[kind]))
                sandboxes[kind][contender] = sandbox
                add_connection(airflow, f"{kind}_{contender}", contender, sandbox)
                orders.append(order(kind, contender, names[kind]))
        airflow.add_dags("limits.py", orders=orders)
        airflow.wait_for_dags(*(order["dag_id"] for order in orders))
        watch = stack.enter_context(SlotWatch(airflow))
        print(f"Airflow {release.version}", flush=True)
        findings = []
        if "long" in parts:
            findings += long_limit(airflow, watch, sandboxes["long"])
        for kind, judge in {"many": judge_together, "pool": judge_pool}.items():
            if kind in parts:
                found = many(airflow, watch, sandboxes[kind], tasks, runs, kind)
                judge([finding for finding in found if finding.contender == CONTENDERS["ours"]], tasks)
                findings += found
        return findings


def table(findings: Sequence[Finding]) -> str:
    """Lay findings out for a terminal."""
    lines: list[list[object]] = [
        ["Airflow", "operator", "what", "tasks", "succeeded", "tries", "429s", "groups", "seconds", "ideal",
         "busy slot-seconds", "two no-ops"]
    ]  # fmt: skip
    for found in findings:
        nothing = "" if found.nothing is None else f"{found.nothing:.1f}"
        cells = [
            found.airflow,
            found.contender,
            found.what,
            found.tasks,
            found.succeeded,
            found.tries,
            found.refused,
        ]
        cells += [found.groups, f"{found.seconds:.0f}", f"{found.ideal:.0f}", f"{found.busy:.1f}", nothing]
        lines.append(cells)
    return aligned(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the targets and print what they came to."""
    parser = parser_for(__doc__)
    parser.add_argument("--tasks", type=int, default=30, help="how many mapped tasks")
    parser.add_argument("--runs", type=int, default=3, help="how many runs of the mapped tasks")
    parser.add_argument("--part", choices=PARTS, action="append", help="only this part")
    parser.add_argument("--write", action="store_true", help="put the results into the docs")
    parser.add_argument("--keep", action="store_true", help="keep the home of Airflow, with the logs")
    options = parser.parse_args(arguments)

    def problems(release: Release) -> Iterator[str]:
        findings = run(
            release,
            tasks=options.tasks,
            runs=options.runs,
            parts=options.part or PARTS,
            keep=options.keep,
        )
        print(table(findings), flush=True)
        if options.write:
            limits_page.keep(asdict(finding) for finding in findings)
        for finding in findings:
            for problem in finding.problems:
                yield f"{finding.contender}, {finding.what}: {problem}"

    return on_each_release(options.airflow, problems)


if __name__ == "__main__":
    sys.exit(main())
