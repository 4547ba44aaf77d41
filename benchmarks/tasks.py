"""
One task, from the start of a process to its return value at Airflow's API, as executors start it.

*Fresh*: ``python -m airflow.sdk.execution_time.execute_workload``, the command that KubernetesExecutor puts into a pod:
it imports Airflow, forks, parses the DAG file, runs the task. *Forked*: the same work in a worker that is up already,
as LocalExecutor's and Celery's are. *Loaded*: forked from a worker that has also imported all that either operator
needs, so that what is left is the work itself: its calls to Airflow's API, and its one call to Periskope.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.calls import connections
from benchmarks.loopback import take_seen
from benchmarks.measuring import LONGEST, Figures, Samples, in_fresh_process, in_turn

DAGS = Path(__file__).parent / "dags"
CONTENDERS = {"ours": "groups_task", "HttpOperator": "http_task"}
NEEDED = [
    "airflow_provider_periskope.operators.group",
    "airflow_provider_periskope.hooks.periskope",
    "airflow_provider_periskope.once.rule",
    "airflow_provider_periskope.waiting",
    "phonenumbers",
    "airflow.providers.http.operators.http",
    "airflow.providers.http.hooks.http",
]


def measure_fresh(url: str, repetitions: int) -> Samples:
    """Run each task in processes of its own."""
    return in_turn(
        {
            name: partial(in_fresh_process, f"{__name__}:run_fresh", url, dag_id)
            for name, dag_id in CONTENDERS.items()
        },
        repetitions,
    )


def measure_forked(url: str, repetitions: int) -> tuple[Samples, Samples]:
    """Run the tasks in turn, forked from one worker: as it is, and once it has loaded their modules."""
    forked, loaded = in_fresh_process(f"{__name__}:fork_in_turn", url, repetitions)
    return forked, loaded


def run_fresh(url: str, dag_id: str) -> Figures:
    """Start one task; it must be the only child of this process, whose figures are taken."""
    command = [sys.executable, "-m", "airflow.sdk.execution_time.execute_workload"]
    command += ["--json-string", json.dumps(workload(dag_id))]
    take_seen(url)
    started = time.monotonic()
    done = subprocess.run(
        command,
        env={**os.environ, **settings(url)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=LONGEST,
        check=False,
    )
    # The supervisor has waited for the task that it forked, so both are counted here.
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "wall": _returned_at(url, done.stdout) - started,
        "cpu": used.ru_utime + used.ru_stime,
        "memory": float(used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)),
    }


def fork_in_turn(url: str, repetitions: str) -> tuple[Samples, Samples]:
    """Be the worker."""
    os.environ.update(settings(url))
    from airflow.executors.base_executor import BaseExecutor
    from airflow.executors.workloads import ExecuteTask

    def run(dag_id: str) -> Figures:
        work = ExecuteTask.model_validate(workload(dag_id))
        take_seen(url)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.monotonic()
        BaseExecutor.run_workload(work)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        return {"wall": _returned_at(url, b"see above") - started, "cpu": cpu}

    contenders = {name: partial(run, dag_id) for name, dag_id in CONTENDERS.items()}
    in_turn(contenders, 1)
    forked = in_turn(contenders, int(repetitions))
    for module in NEEDED:
        importlib.import_module(module)
    return forked, in_turn(contenders, int(repetitions))


def workload(dag_id: str) -> dict[str, Any]:
    """Return what the scheduler hands to an executor."""
    return {
        "type": "ExecuteTask",
        "token": "benchmark",
        "dag_rel_path": f"{dag_id}.py",
        "bundle_info": {"name": "benchmarks", "version": None},
        "log_path": None,
        "ti": {
            "id": "01900000-0000-7000-8000-000000000001",
            "dag_version_id": "01900000-0000-7000-8000-000000000002",
            "dag_id": dag_id,
            "task_id": "create",
            "run_id": "benchmark",
            "try_number": 1,
            "map_index": -1,
            "pool_slots": 1,
            "queue": "default",
            "priority_weight": 1,
        },
    }


def settings(url: str) -> dict[str, str]:
    """Return the environment of a worker."""
    bundle = {
        "name": "benchmarks",
        "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
        "kwargs": {"path": str(DAGS)},
    }
    return {
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps([bundle]),
        **connections(url),
    }


def _returned_at(url: str, output: bytes) -> float:
    returned_at = take_seen(url)["returned_at"]
    if not returned_at:
        raise SystemExit(f"The task handed nothing on:\n{output.decode(errors='replace')}")
    return returned_at
