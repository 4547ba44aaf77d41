"""
Groups with time between them, on a real scheduler: ``python -m tests.system.check_cool_down --airflow newest``.

Two DAGs make groups with one phone at the same time. Their pool has one slot and includes deferred tasks. The triggerer
is killed during one wait. It ends with 1 unless each group was made once and its chat ID is right, no two creates were
closer than ``cool_down``, the median distance is at most a fifth longer, and no log tells a link or a number.
"""

from __future__ import annotations

import signal
import statistics
import sys
from contextlib import ExitStack
from itertools import pairwise
from typing import TYPE_CHECKING

from airflow_provider_periskope.sandbox.server import Sandbox
from tests.lab.celery_workers import EXTRAS_OF_CELERY, airflow_with_celery
from tests.lab.command_line import NEVER, on_each_release, parser_for
from tests.lab.environments import EXTRAS, add_provider, airflow_environment
from tests.lab.installation import Airflow
from tests.lab.leaks import leaks_in
from tests.lab.postgres import Postgres
from tests.lab.processes import send
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lab.releases import Release


def run(release: Release, *, groups: int, seconds: float, workers: int = 0) -> list[str]:
    """Make the groups on one release, and return what was wrong."""
    extras = (*EXTRAS, *EXTRAS_OF_CELERY) if workers else EXTRAS
    environment = add_provider(airflow_environment(release, extras=extras))
    dags = {dag_id: [f"{dag_id} {number}" for number in range(groups // 2)] for dag_id in ("one", "two")}
    with ExitStack() as stack:
        postgres, sandbox = stack.enter_context(Postgres()), stack.enter_context(Sandbox())
        settings = {"AIRFLOW_CONN_PERISKOPE_DEFAULT": sandbox.connection_json()}
        if workers:
            airflow, _ = airflow_with_celery(stack, environment, postgres, settings, workers=workers)
        else:
            airflow = stack.enter_context(Airflow(environment, postgres, settings=settings))
        airflow.command("pools", "set", "phone", "1", "One group at a time", "--include-deferred")
        airflow.add_dags("cool_down.py", order={"dags": dags, "seconds": seconds})
        airflow.wait_for_dags(*dags)
        for dag_id in dags:
            airflow.api.trigger(dag_id, "run")

        def waits() -> bool:
            return any(task["state"] == "deferred" for task in airflow.task_instances())

        wait_until(waits, 90, "a task to be deferred", every=0.2)
        # The lab starts it again.
        send(signal.SIGKILL, airflow.components["triggerer"].pid)

        def ended() -> bool:
            states = [row["state"] for row in airflow.rows("select state from dag_run")]
            return len(states) == len(dags) and set(states) <= {"success", "failed"}

        wait_until(ended, groups * (seconds + 15) + 60, "the runs to end")
        problems = []
        for dag_id, names in dags.items():
            for number, name in enumerate(names):
                made = [group.chat_id for group in sandbox.groups_named(name)]
                told = airflow.api.xcom(dag_id, "run", "create", map_index=number)
                if made != [told]:
                    problems.append(f"{NEVER}: {name}: {made} made, {told} told")
        creates = sorted(call.time for call in sandbox.requests if call.path == "/chats/create")
        distances = [(later - earlier).total_seconds() for earlier, later in pairwise(creates)]
        median = statistics.median(distances)
        print(
            f"Airflow {release.version}, {f'{workers} Celery workers' if workers else 'LocalExecutor'}: "
            f"{len(creates)} creates for {groups} groups, cool_down {seconds:.0f} s: "
            f"distances {min(distances):.1f} to {max(distances):.1f} s, median {median:.1f} s",
            flush=True,
        )
        # Whoever has a link can join, and a triggerer logs what it reports.
        links = [group.invite_link for group in sandbox.groups if group.invite_link]
        problems += [f"{NEVER}: {leak}" for leak in leaks_in(airflow.home, texts=links)]
        if min(distances) < seconds:
            problems.append(f"two creates {min(distances):.1f} s apart")
        # The killed triggerer delays one of them.
        if median > 1.2 * seconds:
            problems.append(f"median distance {median:.1f} s")
        return problems


def main(arguments: Sequence[str] | None = None) -> int:
    """Make groups on the given releases."""
    parser = parser_for(__doc__)
    parser.add_argument("--groups", type=int, default=12, help="how many groups, an even number")
    parser.add_argument("--seconds", type=float, default=20, help="the cool_down")
    parser.add_argument("--workers", type=int, default=0, help="Celery workers; 0 for the LocalExecutor")
    options = parser.parse_args(arguments)
    return on_each_release(
        options.airflow,
        lambda release: run(release, groups=options.groups, seconds=options.seconds, workers=options.workers),
    )


if __name__ == "__main__":
    sys.exit(main())
