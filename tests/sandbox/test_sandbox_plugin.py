"""The pytest plugin as the user of a DAG has it: in a project of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

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
"""


def test_it_runs_dags_wherever_they_stand_and_writes_nothing_into_the_home(tmp_path: Path) -> None:
    project, home = tmp_path / "project", tmp_path / "home"
    shutil.copytree(EXAMPLE, project)
    (project / "test_more.py").write_text(MORE)
    home.mkdir()
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "PYTEST"))}
    environment = {**own, "HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(project)]
    ended = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stdout
    assert "8 passed" in ended.stdout
    assert list(home.glob("airflow*")) == []
