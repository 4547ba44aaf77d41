"""
Two Celery workers, one of which is lost in the middle: ``python -m tests.system.check_celery --airflow newest``.

CeleryExecutor with Redis as the broker and PostgreSQL as the metadata database. The mapped example DAG runs over both
workers, which share a rate limit; once both are at work, every process of one is killed. It ends with 1 unless every
group was made once, every chat ID arrived where it belongs, both workers took part, and the limit, which was met, cost
no try.
"""

from __future__ import annotations

import signal
import sys
import time
from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING

from airflow_provider_periskope.sandbox.server import Sandbox
from tests.lab.celery_workers import EXTRAS_OF_CELERY, airflow_with_celery
from tests.lab.command_line import NEVER, on_each_release, parser_for
from tests.lab.environments import EXTRAS, ROOT, add_provider, airflow_environment
from tests.lab.postgres import Postgres
from tests.lab.processes import processes_of, send
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lab.installation import Airflow
    from tests.lab.releases import Release

DAG_ID = "example_periskope_one_per_customer"
RUN = "run"
CREATE = "onboard.create_group"


def run(release: Release, *, tasks: int, keep: bool = False) -> list[str]:
    """Run the DAG, and return what was wrong."""
    environment = add_provider(airflow_environment(release, extras=(*EXTRAS, *EXTRAS_OF_CELERY)))
    with ExitStack() as stack:
        postgres = stack.enter_context(Postgres())
        # Two creates a second is less than eight slots on two workers would send.
        sandbox = stack.enter_context(Sandbox(latency=2.0, rate_limit=(2, 1.0)))
        settings = {
            # A message that the lost worker had taken and not begun: Airflow queues the task anew, by itself only late.
            "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT": "60",
            "AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT_CHECK_INTERVAL": "10",
            # Nothing runs but what is triggered.
            "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
            "AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "3",
            "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "5",
            "AIRFLOW_CONN_PERISKOPE_DEFAULT": sandbox.connection_json(),
        }
        airflow, workers = airflow_with_celery(stack, environment, postgres, settings, workers=2)
        airflow.keep = keep
        airflow.add_dags(ROOT / "example_dags" / f"{DAG_ID}.py")
        airflow.wait_for_dags(DAG_ID)
        customers = [{"id": number, "name": "Asha", "phones": ["919537851844"]} for number in range(tasks)]
        start = time.monotonic()
        airflow.api.trigger(DAG_ID, RUN, conf={"customers": customers})
        lost = kill_one_in_the_middle(airflow, workers)

        def ended() -> bool:
            return airflow.rows("select state from dag_run")[0]["state"] in ("success", "failed")

        wait_until(ended, 300, "the run to end")
        seconds = time.monotonic() - start
        state = airflow.rows("select state from dag_run")[0]["state"]
        instances = airflow.task_instances()
        creates = [task for task in instances if task["task_id"] == CREATE]
        again = sum(task["try_number"] > 1 for task in instances)
        earlier = airflow.rows("select hostname from task_instance_history")
        ended_at = Counter(task["hostname"] for task in instances)
        cut_off = Counter(task["hostname"] for task in earlier)
        refused = sum(call.status == 429 for call in sandbox.requests)
        print(
            f"Airflow {release.version}: run {state} after {seconds:.0f} s, {len(creates)} groups wanted, "
            f"{len(sandbox.groups)} made, {refused} answers 429; tasks ended on {dict(ended_at)}, "
            f"tries cut off on {dict(cut_off)}",
            flush=True,
        )
        if not cut_off[lost]:
            raise RuntimeError(f"No task was lost with {lost}, so that nothing was tried")
        found = problems(airflow, state, sandbox, tasks)
        if not refused:
            found.append("the rate limit was never met")
        if again != cut_off[lost]:
            found.append(f"{again} tasks were tried again, {cut_off[lost]} were lost with {lost}")
        if set(ended_at) != set(workers):
            found.append(f"not every worker took part: {dict(ended_at)}")
        return found


def kill_one_in_the_middle(airflow: Airflow, workers: Sequence[str]) -> str:
    """Kill every process of the last worker, while it is creating."""
    lost = workers[-1]

    def in_the_middle() -> bool:
        tasks = airflow.task_instances(f"task_id='{CREATE}'")
        running = {task["hostname"] for task in tasks if task["state"] == "running"}
        ended = {task["hostname"] for task in tasks if task["state"] == "success"}
        return running >= set(workers) and ended >= set(workers)

    wait_until(in_the_middle, 180, "both workers to be at work", every=0.1)
    component = airflow.components[lost]
    component.wanted = False
    send(signal.SIGKILL, *processes_of(component.sessions, "LAB_WORKER", lost))
    return lost


def problems(airflow: Airflow, state: str, sandbox: Sandbox, tasks: int) -> list[str]:
    """Compare what was made with what was wanted, and with what the tasks after it were given."""
    if state != "success":
        return [f"the run is {state}"]
    found = []
    for number in range(tasks):
        made = [group.chat_id for group in sandbox.groups_named(f"Asha (customer {number})")]
        told = airflow.api.xcom(DAG_ID, RUN, "onboard.note_in_crm", map_index=number)
        if len(made) != 1 or told != {"customer": number, "chat_id": made[0]}:
            found.append(f"{NEVER}: customer {number}: {made} made, {told} downstream")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it on the given releases."""
    parser = parser_for(__doc__)
    parser.add_argument("--tasks", type=int, default=16, help="how many customers")
    parser.add_argument("--keep", action="store_true", help="keep the home of Airflow, with the logs")
    options = parser.parse_args(arguments)
    return on_each_release(
        options.airflow, lambda release: run(release, tasks=options.tasks, keep=options.keep)
    )


if __name__ == "__main__":
    sys.exit(main())
