"""
Every example DAG on a real scheduler: ``python -m tests.system.check_examples --airflow oldest --airflow newest``.

Each is triggered once; the one that waits for an asset starts by itself. It ends with 1 unless every run succeeded,
every group was made once, and every chat ID that a task handed on is that of its group.
"""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_periskope.sandbox.server import Sandbox
from tests.lab.command_line import NEVER, on_each_release, parser_for
from tests.lab.environments import ROOT, add_provider, airflow_environment
from tests.lab.installation import Airflow
from tests.lab.postgres import Postgres
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lab.releases import Release

EXAMPLES = sorted((ROOT / "example_dags").glob("*.py"))
WAITS_FOR_ASSET = "example_periskope_event_driven_welcome"
RUN = "triggered"
POLLED = "120363392071406466@g.us"
"""The group that an example asks each week, from before."""


def run(release: Release) -> list[str]:
    """Run all examples on one release, and return what was wrong."""
    environment = add_provider(airflow_environment(release))
    with Postgres() as postgres, Sandbox() as sandbox:
        sandbox.add_group("Of the weekly poll", chat_id=POLLED)
        settings = {"AIRFLOW_CONN_PERISKOPE_DEFAULT": sandbox.connection_json()}
        with Airflow(environment, postgres, settings=settings) as airflow:
            airflow.command("pools", "set", "periskope_sales_phone", "1", "One group at a time")
            for example in EXAMPLES:
                airflow.add_dags(example)
            triggered = [example.stem for example in EXAMPLES]
            airflow.wait_for_dags(*triggered, WAITS_FOR_ASSET)
            for dag_id in triggered:
                airflow.api.trigger(dag_id, RUN, logical_date=datetime.now(UTC))

            def ended() -> bool:
                runs = airflow.rows("select dag_id, state from dag_run")
                return {run["dag_id"] for run in runs} == {*triggered, WAITS_FOR_ASSET} and all(
                    run["state"] in ("success", "failed") for run in runs
                )

            # A quiet machine needs about a minute. CI runs other checks beside this one.
            wait_until(ended, 900, "all runs to end")
            time.sleep(10)  # The schedule may have been late to begin its own.
            wait_until(ended, 120, "those of the schedule to end")
            return problems(airflow, sandbox)


def problems(airflow: Airflow, sandbox: Sandbox) -> list[str]:
    """Compare what was made with what the tasks say, those of scheduled runs included."""
    runs = airflow.rows("select dag_id, run_id, state from dag_run")
    found = [f"{run['dag_id']}, {run['run_id']}: {run['state']}" for run in runs if run["state"] != "success"]
    made = {group.chat_id: group.name for group in sandbox.groups if group.chat_id != POLLED}
    told: dict[str, str] = {}
    for task in airflow.task_instances("task_id like '%create_group' and state = 'success'"):
        place = (task["dag_id"], task["run_id"], task["task_id"])
        chat_id, outcome = (
            airflow.api.xcom(*place, map_index=task["map_index"], key=key)
            for key in ("return_value", "outcome")
        )
        if chat_id not in made:
            found.append(f"{NEVER}: {place}: {chat_id} is no group")
        elif outcome == "created" and chat_id in told:
            found.append(f"{NEVER}: {place}: {chat_id} was handed on by {told[chat_id]} already")
        elif outcome == "created":
            told[chat_id] = str(place)
    found += [f"{made[chat_id]} was made and not handed on" for chat_id in made.keys() - told.keys()]
    print(
        f"Airflow {airflow.release.version}: {len(runs)} runs of {len(EXAMPLES) + 1} DAGs, {len(made)} groups",
        flush=True,
    )
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the examples on the given releases."""
    return on_each_release(parser_for(__doc__).parse_args(arguments).airflow, run)


if __name__ == "__main__":
    sys.exit(main())
