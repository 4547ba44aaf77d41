"""Time each step of an installation with a trivial DAG: ``python -m tests.system.smoke 3.3 2.11``."""

from __future__ import annotations

import sys
import time

from tests.system.airflow import Airflow, wait_until
from tests.system.environment import airflow_environment
from tests.system.postgres import Postgres
from tests.system.releases import release_named


def main(versions: list[str]) -> int:
    with Postgres() as postgres:
        for version in versions:
            clock = Clock()
            environment = airflow_environment(release_named(version))
            clock.lap("environment")
            with Airflow(environment, postgres) as airflow:
                clock.lap("migrated, started")
                airflow.keep = "--keep" in sys.argv
                airflow.add_dags("trivial.py")
                airflow.wait_for_dags("trivial")
                clock.lap("DAG read")
                airflow.api.trigger("trivial", "one")
                clock.lap("triggered")
                wait_until(
                    lambda: bool(airflow.task_instances("task_id='take' and state='success'")), 60, "run"
                )
                clock.lap("ran")
            clock.lap("stopped")
            print(environment.release.version, clock, flush=True)
    return 0


class Clock:
    def __init__(self):
        self.laps = []
        self.last = time.monotonic()

    def lap(self, name):
        now = time.monotonic()
        self.laps.append(f"{name} {now - self.last:.1f} s")
        self.last = now

    def __str__(self):
        return ", ".join(self.laps)


if __name__ == "__main__":
    sys.exit(main([a for a in sys.argv[1:] if a[0] != "-"]))
