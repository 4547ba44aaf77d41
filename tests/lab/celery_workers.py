"""Airflow with Celery workers, and Redis as their broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.installation import Airflow
from tests.lab.redis_server import Redis

if TYPE_CHECKING:
    from contextlib import ExitStack

    from tests.lab.environments import Environment
    from tests.lab.postgres import Postgres

EXTRAS_OF_CELERY = ("celery", "redis")
"""What an environment needs beside the usual extras of Airflow."""

SLOTS = 4


def airflow_with_celery(
    stack: ExitStack, environment: Environment, postgres: Postgres, settings: dict[str, str], *, workers: int
) -> tuple[Airflow, list[str]]:
    """
    Start Airflow with Celery workers of four slots each.

    :param stack: ends it, and Redis after it
    :param environment: has :data:`EXTRAS_OF_CELERY`
    :return: the installation, and the names of its workers: they are its components, and the hosts of their tasks
    """
    redis = stack.enter_context(Redis())
    of_celery = {
        "AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:{redis.port}/0",
        "AIRFLOW__CELERY__WORKER_CONCURRENCY": str(SLOTS),
        "AIRFLOW__CELERY__WORKER_PREFETCH_MULTIPLIER": "1",
        # In a container, CI is often root, which Celery refuses.
        "C_FORCE_ROOT": "1",
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "lab_host.name",
    }
    airflow = Airflow(environment, postgres, executor="CeleryExecutor", settings=of_celery | settings)
    backend = f"db+postgresql://airflow@127.0.0.1:{postgres.port}/{airflow.database}"
    airflow.variables["AIRFLOW__CELERY__RESULT_BACKEND"] = backend
    stack.enter_context(airflow)
    names = [f"worker-{number}" for number in range(1, workers + 1)]
    for name in names:
        arguments = ["celery", "worker", "--celery-hostname", name, "--skip-serve-logs", "--without-mingle"]
        airflow.add_component(name, arguments, {"LAB_WORKER": name})
    return airflow, names
