"""Whether each release starts, and how long each step takes: ``python -m tests.system.smoke 3.3 2.11``."""

from __future__ import annotations

import sys
import time

from tests.system.airflow import Airflow, wait_until
from tests.system.environment import airflow_environment
from tests.system.postgres import Postgres
from tests.system.releases import RELEASES, release_named


class Laps:
    """Names and seconds of steps, one after the other."""

    def __init__(self) -> None:
        self._laps: list[str] = []
        self._last = time.monotonic()

    def lap(self, name: str) -> None:
        """End a step."""
        now = time.monotonic()
        self._laps.append(f"{name} {now - self._last:.1f} s")
        self._last = now

    def __str__(self) -> str:
        return ", ".join(self._laps)


def main(versions: list[str]) -> int:
    """Run a DAG of two tasks on each of these releases, or on all."""
    with Postgres() as postgres:
        for release in [release_named(version) for version in versions] or RELEASES:
            laps = Laps()
            environment = airflow_environment(release)
            laps.lap("environment")
            with Airflow(environment, postgres) as airflow:
                laps.lap("start")
                airflow.add_dags("trivial.py")
                airflow.wait_for_dags("trivial")
                laps.lap("reading of the DAG")
                airflow.api.trigger("trivial", "run")
                wait_until(
                    lambda: bool(airflow.task_instances("task_id='take' and state='success'")), 90, "the run"
                )
                laps.lap("run")
            laps.lap("stop")
            print(f"Airflow {release.version}: {laps}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
