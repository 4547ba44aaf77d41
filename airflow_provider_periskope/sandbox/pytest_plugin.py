"""A sandbox for each test, by `pytest_plugins = ["airflow_provider_periskope.sandbox.pytest_plugin"]`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_periskope.sandbox import airflow_home
from airflow_provider_periskope.sandbox.dag_runs import Failures, load_dag, run_once
from airflow_provider_periskope.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    RunDag = Callable[..., Any]

# Airflow fixes its home when it is first imported, which is before any fixture runs.
airflow_home.choose_home()

FAILURES = pytest.StashKey[Failures]()


@pytest.fixture
def periskope_sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Run a sandbox, and let the connection `periskope_default` lead to it."""
    with Sandbox() as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_PERISKOPE_DEFAULT", sandbox.connection_json())
        yield sandbox


@pytest.fixture
def run_dag(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, _airflow_database: None
) -> RunDag:
    """
    Give a function that runs a DAG once, in this process, and returns the DAG run.

    It expects the DAG, or the path of its file (a relative one starts at pytest's root directory), with a
    `dag_id` where the file has several DAGs; and what `dag.test()` accepts, such as `logical_date` and
    `run_conf`. The errors of tasks that fail are shown with the failed test.
    """
    # Airflow 2.11 adds them to any folder, and to a single file too.
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")

    def run(dag: Any, *, dag_id: str | None = None, **options: Any) -> Any:
        file = (request.config.rootpath / Path(getattr(dag, "fileloc", dag))).resolve()
        failures = request.config.stash[FAILURES] = Failures()
        with failures.listening():
            dag_run = run_once(
                dag if hasattr(dag, "test") else load_dag(file, dag_id), file, monkeypatch, **options
            )
        if failures.errors:
            request.node.add_report_section("call", "failed tasks", str(failures))
        return dag_run

    return run


def pytest_assertrepr_compare(config: pytest.Config, op: str, left: Any, right: Any) -> list[str] | None:
    """Explain `assert run.state == "success"` by the errors of the tasks."""
    failures = config.stash.get(FAILURES, None)
    if op == "==" and (left, right) == ("failed", "success") and failures and failures.errors:
        return ["the DAG run failed", *str(failures).splitlines()]
    return None


@pytest.fixture(scope="session")
def _airflow_database() -> None:
    """Make Airflow's database ready."""
    airflow_home.migrate()
