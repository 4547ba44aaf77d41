"""An Airflow of each kind with its sandbox, and a browser, for all tests of a file."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_periskope.sandbox.server import Sandbox
from scripts.airflow_ui import ROOT, AirflowUi
from tests.browser.chromium import Chromium
from tests.lab.environments import add_provider, airflow_environment
from tests.lab.releases import OLDEST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

SHOTS = ROOT / ".airflow" / "browser"


@dataclass
class Site:
    """A running Airflow and what belongs to it."""

    airflow: AirflowUi
    sandbox: Sandbox
    browser: Chromium

    def open(self, path: str) -> None:
        """Open a page of Airflow's UI."""
        self.browser.open(f"{self.airflow.url}{path}")

    def run(self, dag_id: str) -> str:
        """Run a DAG as its Trigger button does, and return the id of the run once it has succeeded."""
        self.unpause(dag_id)
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        run = self.airflow.api("POST", f"/dags/{dag_id}/dagRuns", {"logical_date": moment})
        return self.succeeded(dag_id, run["dag_run_id"])

    def scheduled_run(self, dag_id: str) -> str:
        """Return the id of the run that the schedule has started, once it has succeeded."""

        self.unpause(dag_id)

        def first() -> str | None:
            runs = self.airflow.api("GET", f"/dags/{dag_id}/dagRuns")["dag_runs"]
            return runs[0]["dag_run_id"] if runs else None

        return self.succeeded(dag_id, self.wait(first, f"a run of {dag_id}"))

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run, where DAGs begin paused."""
        if not self.airflow.before_3:
            return
        self.airflow.api("PATCH", f"/dags/{dag_id}?update_mask=is_paused", {"is_paused": False})

    def succeeded(self, dag_id: str, run_id: str) -> str:
        """Wait for a run."""

        def state() -> str | None:
            told = str(self.airflow.api("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])
            return told if told in ("success", "failed") else None

        assert self.wait(state, f"the end of {dag_id} {run_id}") == "success"
        return run_id

    def wait(self, probe: Callable[[], str | None], what: str) -> str:
        """Wait for what a probe returns."""
        patience = time.monotonic() + 180
        while time.monotonic() < patience:
            # A busy machine may keep an answer back; what counts is that it comes.
            with contextlib.suppress(OSError):
                if found := probe():
                    return found
            time.sleep(1)
        raise TimeoutError(what)

    def xcom(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> Any:
        """Return what a task has returned."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        value = self.airflow.api("GET", f"{path}?map_index={map_index}")["value"]
        return json.loads(value) if isinstance(value, str) and value.startswith('"') else value


def site(home: Path, **options: Any) -> Iterator[Site]:
    """Run it all, in a new home that is kept to be looked at."""
    shutil.rmtree(home, ignore_errors=True)
    with Sandbox(rate_limit=None) as sandbox, Chromium() as browser:
        airflow = AirflowUi(home, free_port(), **options)
        airflow.prepare(sandbox)
        airflow.start_all()
        try:
            if problem := airflow.wait_until_ready():
                raise RuntimeError(f"{problem}: {airflow.logs}")
            yield Site(airflow, sandbox, browser)
        finally:
            airflow.stop()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with Sandbox() as passing:
        return passing.port


@pytest.fixture(scope="session")
def newest() -> Iterator[Site]:
    """Run the newest Airflow."""
    yield from site(SHOTS / "newest")


@pytest.fixture(scope="session")
def oldest() -> Iterator[Site]:
    """Run the oldest Airflow."""
    environment = add_provider(airflow_environment(OLDEST))
    yield from site(SHOTS / "oldest", python=str(environment.python), before_3=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Keep a picture of what the browser showed when a test failed."""
    report = yield
    if report.when == "call" and report.failed:
        for value in item.funcargs.values():
            if isinstance(value, Site):
                picture = SHOTS / f"{item.name}.png"
                value.browser.picture(picture)
                report.sections.append(("picture", str(picture)))
    return report
