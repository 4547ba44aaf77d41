"""A sandbox for each test, by `pytest_plugins = ["airflow_provider_periskope.sandbox.pytest_plugin"]`."""

from __future__ import annotations

import atexit
import contextlib
import inspect
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_periskope.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    RunDag = Callable[..., Any]

# Airflow fixes its home when it is first imported, which is before any fixture runs. No test shall write
# into ~/airflow; who wants a home of their own sets AIRFLOW_HOME.
if "AIRFLOW_HOME" not in os.environ and "airflow" not in sys.modules:
    os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-home-")
    atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)


@pytest.fixture
def periskope_sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Run a sandbox, and let the connection `periskope_default` lead to it."""
    with Sandbox() as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_PERISKOPE_DEFAULT", sandbox.connection_json())
        yield sandbox


@pytest.fixture
def run_dag(monkeypatch: pytest.MonkeyPatch, _airflow_database: None) -> RunDag:
    """
    Give a function that runs a DAG once, in this process, and returns the DAG run.

    It takes the DAG, or the path of the file in which it stands alone, and what `dag.test()` takes, such as
    `logical_date` and `run_conf`.
    """

    def run(dag: Any, **options: Any) -> Any:
        file = Path(getattr(dag, "fileloc", dag)).resolve()
        # From 3.0 on, `dag.test()` wants the DAG to stand in a file of a bundle, and reads that one again.
        bundle = {
            "name": f"run_dag {file}",
            "classpath": "airflow.dag_processing.bundles.local.LocalDagBundle",
            "kwargs": {"path": str(file)},
        }
        monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")  # 2.11 adds them to any folder
        monkeypatch.setenv("AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", json.dumps([bundle]))
        forget_bundles()
        test = (dag if hasattr(dag, "test") else only_dag(file)).test
        if "logical_date" in options and "execution_date" in inspect.signature(test).parameters:  # 2.11
            options["execution_date"] = options.pop("logical_date")
        return test(**options)

    return run


def forget_bundles() -> None:
    """Let Airflow read its list of bundles anew; from 3.4 on it keeps the first one it has read."""
    with contextlib.suppress(ImportError):  # 2.11 has no bundles
        from airflow.dag_processing.bundles import manager

        for kept in vars(manager).values():
            if hasattr(kept, "cache_clear"):
                kept.cache_clear()


def only_dag(file: Path) -> Any:
    """
    Read the one DAG of a file.

    :raises ValueError: when the file has errors, or not just one DAG.
    """
    try:
        from airflow.dag_processing.dagbag import DagBag
    except ImportError:  # before 3.2
        from airflow.models.dagbag import DagBag  # type: ignore[no-redef]

    bag = DagBag(dag_folder=str(file))
    if bag.import_errors or len(bag.dags) != 1:
        raise ValueError(f"{file} holds {len(bag.dags)} DAGs; errors: {bag.import_errors}")
    return next(iter(bag.dags.values()))


@pytest.fixture(scope="session")
def _airflow_database() -> None:
    """Bring Airflow's database to its newest form, which takes some seconds when it is new."""
    from airflow.utils import db

    db.upgradedb()
