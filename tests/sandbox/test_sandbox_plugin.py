"""The pytest plugin as the user of a DAG has it: in a project of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).with_name("example")
MORE = """
import os, pathlib, pytest, requests
try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow.decorators import task
    from airflow.models.dag import DAG
from airflow_provider_periskope.hooks.periskope import PeriskopeHook
with DAG("inline", schedule=None) as dag:
    @task
    def phone():
        return requests.get(os.environ["HERE"]).status_code
    phone()

def test_a_dag_object(periskope_sandbox, run_dag, monkeypatch):
    monkeypatch.setenv("HERE", f"http://127.0.0.1:{periskope_sandbox.port}/sandbox/state")
    run = run_dag(dag, run_conf={"key": 1})
    assert (run.state, run.conf, run.dag_id) == ("success", {"key": 1}, "inline")
    settings = PeriskopeHook().settings
    assert (settings.base_url.startswith(periskope_sandbox.url), settings.phone) == (True, periskope_sandbox.phone)

def test_each_test_has_its_own_sandbox(periskope_sandbox):
    assert periskope_sandbox.requests == periskope_sandbox.groups == []

def test_nothing_stays_behind():
    assert not [name for name in os.environ if name.startswith(("AIRFLOW_CONN", "AIRFLOW__DAG"))]

def test_a_file_without_a_dag_is_refused(run_dag, tmp_path):
    file = tmp_path / "broken.py"
    file.write_text("import airflow\\nraise RuntimeError('DAG is broken')")
    with pytest.raises(ValueError, match="DAG is broken"):
        run_dag(file)
    with pytest.raises(FileNotFoundError, match="There is no DAG file .*/project/dags/no.py"):
        run_dag("dags/no.py")

def test_one_of_several_dags_is_run_from_any_folder(run_dag, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run_dag("dags/several.py", dag_id="two").dag_id == "two"
    with pytest.raises(ValueError, match="several DAGs; name one by dag_id: one, two"):
        run_dag("dags/several.py")
    with pytest.raises(ValueError, match="no DAG 'three'; it has one, two"):
        run_dag("dags/several.py", dag_id="three")
"""
SEVERAL = """
try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow.decorators import task
    from airflow.models.dag import DAG
for name in ("one", "two"):
    with DAG(name, schedule=None):
        @task
        def fail(number):
            if number != 1:
                raise LookupError(f"the shelf {number} is empty")
        fail.expand(number=[1, 2]) if name == "one" else fail(1)
"""
FAILING = """
def test_state(run_dag):
    assert run_dag("dags/several.py", dag_id="one").state == "success"

def test_something_else(run_dag):
    run_dag("dags/several.py", dag_id="one")
    raise AssertionError("no group")
"""
PARALLEL = """
import os, pytest

@pytest.mark.parametrize("number", range(2))
def test_one(number, run_dag, periskope_sandbox):
    assert run_dag("dags/standup.py").state == "success"
    print(os.environ["AIRFLOW_HOME"])
"""


def run_pytest(project: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AIRFLOW", "COV", "PYTEST", "PERISKOPE"))
    }
    # Without our own tests' plugins, which cost each process seconds.
    few = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    environment = {**own, **few, **environment}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(project),
        *options,
    ]
    return subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=600, check=False
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make a project of a user that holds the example and one more file of DAGs."""
    project = tmp_path / "project"
    shutil.copytree(EXAMPLE, project)
    (project / "dags" / "several.py").write_text(SEVERAL)
    return project


def in_parallel(project: Path, tmp_path: Path, *options: str, **own: str) -> tuple[str, set[str]]:
    """Run the tests of a project in two workers, and return the output and the homes of Airflow that they had."""
    (project / "test_parallel.py").write_text(PARALLEL)
    folder = tmp_path / "temporary"
    folder.mkdir()
    ended = run_pytest(project, "-p", "xdist", "-n", "2", "-rP", *options, TMPDIR=str(folder), **own)
    assert list(folder.glob("airflow-home-*")) == []
    return ended.stdout, {line for line in ended.stdout.splitlines() if line.startswith(str(tmp_path))}


def test_it_runs_dags_wherever_they_are_and_writes_nothing_into_the_home_of_the_user(
    project: Path, tmp_path: Path
) -> None:
    (project / "test_more.py").write_text(MORE)
    home = tmp_path / "home"
    home.mkdir()
    output, homes = in_parallel(project, tmp_path, HOME=str(home))
    assert "11 passed" in output, output
    assert list(home.glob("airflow*")) == []
    # A home for each worker, so that no two of them migrate one database at once.
    assert {Path(line).name for line in homes} <= {"gw0", "gw1"}


def test_a_home_that_the_user_has_set_is_kept_and_a_failed_run_shows_the_errors_of_its_tasks(
    project: Path, tmp_path: Path
) -> None:
    (project / "test_failing.py").write_text(FAILING)
    home = tmp_path / "airflow-home"
    output, homes = in_parallel(
        project, tmp_path, "test_parallel.py", "test_failing.py", AIRFLOW_HOME=str(home)
    )
    assert "2 failed, 2 passed" in output, output
    assert homes == {str(home)}
    assert "the DAG run failed" in output
    assert output.count("task 'fail[1]': LookupError: the shelf 2 is empty") >= 3
    assert "failed tasks" in output.split("test_something_else", 1)[1]


def test_a_missing_extra_says_what_to_install(project: Path) -> None:
    (project / "sitecustomize.py").write_text("import sys\nsys.modules['uvicorn'] = None\n")
    path = f"{project}{os.pathsep}{Path(__file__).parents[2]}"
    ended = run_pytest(project, PYTHONPATH=path)
    assert ended.returncode != 0
    assert "pip install 'airflow-provider-periskope[sandbox]'" in ended.stdout + ended.stderr
