"""`make demo`: run an example DAG in Airflow against the local sandbox, and tell what came of it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from scripts.terminal import step, tell

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".airflow" / "demo"
LOG = HOME / "demo.log"
DAG_FILE = ROOT / "example_dags" / "example_periskope_create_group.py"


def main() -> int:
    """Run the demo; return the exit status."""
    HOME.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        AIRFLOW_HOME=str(HOME),
        AIRFLOW__CORE__DAGS_FOLDER=str(DAG_FILE.parent),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__LOGGING__BASE_LOG_FOLDER=str(HOME / "logs"),
    )
    from airflow_provider_periskope.sandbox.server import Sandbox

    with Sandbox(rate_limit="10/1s") as sandbox:
        os.environ["AIRFLOW_CONN_PERISKOPE_DEFAULT"] = sandbox.connection_json()
        tell(f"A local Periskope listens on {sandbox.url}; no real phone is involved.")
        with step("Preparing Airflow's database (longer the first time)"):
            from airflow.utils import db

            db.upgradedb()
        with step("Running the DAG example_periskope_create_group"):
            run = run_dag()
        received = {
            instance.task_id: instance.xcom_pull(task_ids=instance.task_id)
            for instance in run.get_task_instances()
        }
        if run.state != "success" or received.get("welcome") not in [g.chat_id for g in sandbox.groups]:
            tell(f"The DAG run ended with {run.state}. Airflow's log of it: {LOG}")
            return 1
        create = next(request for request in sandbox.requests if request.method == "POST")
        tell("")
        tell(f"  sent        {create.method} {create.path} {json.dumps(create.body)}")
        tell(f"  handed on   task welcome received the chat ID {received['welcome']}")
        for group in sandbox.groups:
            tell(f"  sandbox     holds group {group.name!r}, {len(group.members)} in it: {group.chat_id}")
    tell("")
    tell(f"It works. The DAG: {DAG_FILE.relative_to(ROOT)}; Airflow's log: {LOG.relative_to(ROOT)}")
    tell(
        "Next: `make airflow` opens Airflow's UI with the example DAGs and the sandbox; README.md goes on from there."
    )
    return 0


def run_dag() -> Any:
    """Run the DAG as `airflow dags test` does, and return its run."""
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(dag_folder=str(DAG_FILE)).dags[DAG_FILE.stem].test()


def send_the_rest_to_the_log() -> None:
    """Let what is printed by anybody else go to the log."""
    HOME.mkdir(parents=True, exist_ok=True)
    with LOG.open("w") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)


if __name__ == "__main__":
    send_the_rest_to_the_log()
    try:
        status = main()
    except Exception as error:
        tell(
            f"\nThe demo failed with {type(error).__name__}: {str(error).partition(chr(10))[0]}\nThe whole story: {LOG}"
        )
        raise
    sys.exit(status)
