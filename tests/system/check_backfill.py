"""
Backfills with Airflow's own command: ``python -m tests.system.check_backfill --airflow oldest --airflow newest``.

Three days are backfilled once, and then all over again, under each ``if_exists``. The first time, a name of the run's
own leads to a group of its own, and a name that the runs share to what ``if_exists`` says. The second time makes no
group: the runs are the same ones, and their groups are there. It ends with 1 unless all of this was so.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from airflow_provider_periskope.sandbox.server import Sandbox
from tests.lab.command_line import NEVER, on_each_release, parser_for
from tests.lab.environments import add_provider, airflow_environment
from tests.lab.installation import Airflow
from tests.lab.postgres import Postgres
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lab.releases import Release

DAYS = ("2026-01-01", "2026-01-02", "2026-01-03")
MODES = ("create", "reuse", "fail")
SHARED = {
    "create": ["created", "created", "created"],
    "reuse": ["created", "reused", "reused"],
    "fail": ["created", "failed", "failed"],
}
"""What comes of the name that three runs share, in the order of the runs."""

Told = dict[str, list[Any]]


def backfill(airflow: Airflow, mode: str, *, again: bool) -> None:
    """Run the three days of a DAG with the command of the release, and wait until they have ended."""
    dag_id = f"backfill_{mode}"
    if airflow.release.has_task_sdk:
        wanted = ("--reprocess-behavior", "completed") if again else ()
        airflow.command(
            "backfill", "create", "--dag-id", dag_id, "--from-date", DAYS[0], "--to-date", DAYS[-1],
            "--max-active-runs", "1", *wanted,
        )  # fmt: skip
    else:
        wanted = ("--reset-dagruns", "--yes") if again else ()
        # This one runs the days itself.
        airflow.command(
            "dags", "backfill", "--start-date", DAYS[0], "--end-date", DAYS[-1], "--continue-on-failures",
            *wanted, dag_id,
        )  # fmt: skip
    tries = 2 if again else 1
    under_way = f"select id from backfill where dag_id = '{dag_id}' and completed_at is null"

    def ended() -> bool:
        tasks = airflow.task_instances(f"dag_id = '{dag_id}'")
        runs = airflow.rows(f"select state from dag_run where dag_id = '{dag_id}'")
        return (
            len(tasks) == 2 * len(DAYS)
            and all(task["state"] in ("success", "failed") and task["try_number"] >= tries for task in tasks)
            and all(run["state"] in ("success", "failed") for run in runs)
            and not (airflow.release.has_task_sdk and airflow.rows(under_way))
        )

    wait_until(ended, 180, f"the backfill of {dag_id}")


def told(airflow: Airflow, mode: str, key: str) -> Told:
    """Return what the tasks have pushed under a key, run by run; ``failed`` for those that failed."""
    dag_id = f"backfill_{mode}"
    found: Told = {"own": [], "shared": []}
    # The ids of runs end with their dates.
    for task in sorted(airflow.task_instances(f"dag_id = '{dag_id}'"), key=lambda task: task["run_id"]):
        if task["state"] == "failed":
            found[task["task_id"]].append("failed")
            continue
        found[task["task_id"]].append(airflow.api.xcom(dag_id, task["run_id"], task["task_id"], key=key))
    return found


def problems_of(airflow: Airflow, sandbox: Sandbox, mode: str) -> list[str]:
    """Backfill the days of a DAG twice, and return what was wrong."""
    backfill(airflow, mode, again=False)
    outcomes, chats = told(airflow, mode, "outcome"), told(airflow, mode, "return_value")
    groups = [group for group in sandbox.groups if group.name.startswith(f"{mode} ")]
    problems = []
    if outcomes != {"own": ["created"] * 3, "shared": SHARED[mode]}:
        problems.append(f"outcomes {json.dumps(outcomes)}")
    if chats["own"] != [group.chat_id for day in DAYS for group in sandbox.groups_named(f"{mode} {day}")]:
        problems.append(f"{NEVER}: chat IDs of the runs' own groups {chats['own']}")
    shared = [group.chat_id for group in sandbox.groups_named(f"{mode} always")]
    if len(shared) != SHARED[mode].count("created") or set(chats["shared"]) - {"failed"} != set(shared):
        problems.append(f"{NEVER}: chat IDs of the shared name {chats['shared']}, of its groups {shared}")

    backfill(airflow, mode, again=True)
    chats_again = told(airflow, mode, "return_value")
    made = [
        group.name for group in sandbox.groups if group.name.startswith(f"{mode} ") and group not in groups
    ]
    if made:
        problems.append(f"{NEVER}: the second time made {made}")
    # Below 3.3, a cleared run that was due long ago takes for its own only what was created minutes before the clear.
    # Otherwise it lists the group and fails, or reuses it.
    may_fail = not airflow.release.keeps_task_state and mode != "reuse"
    wrong = [
        again
        for once, again in zip(chats["own"], chats_again["own"], strict=True)
        if again != once and not (may_fail and again == "failed")
    ]
    if wrong:
        problems.append(f"the second time told {chats_again['own']} for {chats['own']}")
    if airflow.release.keeps_task_state and chats_again != chats:
        problems.append(f"the second time told {chats_again['shared']} for {chats['shared']}")
    lines = [
        f"Airflow {airflow.release.version}, if_exists={mode!r}; the second time {len(made)} groups more"
    ]
    for task_id in ("own", "shared"):
        again = zip(chats[task_id], chats_again[task_id], strict=True)
        second = ["the same" if one == two else two for one, two in again]
        lines.append(
            f"  {task_id:6} name: {', '.join(outcomes[task_id])}; the second time {', '.join(second)}"
        )
    print("\n".join(lines), flush=True)
    return [f"{mode}: {problem}" for problem in problems]


def run(release: Release) -> list[str]:
    """Backfill on one release, and return what was wrong."""
    environment = add_provider(airflow_environment(release))
    with Postgres() as postgres, Sandbox(rate_limit=None) as sandbox:
        settings = {"AIRFLOW_CONN_PERISKOPE_DEFAULT": sandbox.connection_json()}
        with Airflow(environment, postgres, settings=settings) as airflow:
            airflow.add_dags("backfill.py")
            airflow.wait_for_dags(*(f"backfill_{mode}" for mode in MODES))
            with ThreadPoolExecutor() as pool:
                found = pool.map(lambda mode: problems_of(airflow, sandbox, mode), MODES)
                return [problem for of_one in found for problem in of_one]


def main(arguments: Sequence[str] | None = None) -> int:
    """Backfill on the given releases."""
    return on_each_release(parser_for(__doc__).parse_args(arguments).airflow, run)


if __name__ == "__main__":
    sys.exit(main())
