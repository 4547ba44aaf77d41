"""`make demo`: run example DAGs in Airflow against the local sandbox, the second with a response that gets lost."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scripts.terminal import step, tell

if TYPE_CHECKING:
    from airflow_provider_periskope.sandbox.server import Sandbox

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".airflow" / "demo"
LOG = HOME / "demo.log"
DAGS = ROOT / "example_dags"


def main() -> int:
    """Run the demo; return the exit status."""
    HOME.mkdir(parents=True, exist_ok=True)
    os.environ.update(
        AIRFLOW_HOME=str(HOME),
        AIRFLOW__CORE__DAGS_FOLDER=str(DAGS),
        AIRFLOW__CORE__LOAD_EXAMPLES="False",
        AIRFLOW__LOGGING__BASE_LOG_FOLDER=str(HOME / "logs"),
    )
    from airflow_provider_periskope.sandbox.server import Sandbox

    with Sandbox(rate_limit="10/1s") as sandbox:
        os.environ["AIRFLOW_CONN_PERISKOPE_DEFAULT"] = sandbox.connection_json()
        tell(f"A local Periskope listens on {sandbox.url}; no real phone is involved.")
        with step("1. Preparing Airflow's database (longer the first time)"):
            from airflow.utils import db

            db.upgradedb()
        with step("2. Running the DAG example_periskope_create_group"):
            passed_on = run_dag("example_periskope_create_group")
        if not show(sandbox, passed_on):
            return 1
        sandbox.fault("drop_after")
        with step("3. Running example_periskope_daily_standup, while the response to its create gets lost"):
            passed_on = run_dag("example_periskope_daily_standup")
        if not show(sandbox, passed_on):
            return 1
    tell(f"It works. The DAGs are in {DAGS.relative_to(ROOT)}/; Airflow's log: {LOG.relative_to(ROOT)}")
    tell("Next: `make airflow` opens Airflow's UI with the example DAGs and the sandbox.")
    return 0


def run_dag(dag_id: str) -> str | None:
    """Run a DAG as `airflow dags test` does; return the chat ID that it passed on, if it succeeded."""
    from airflow.dag_processing.dagbag import DagBag

    run = DagBag(dag_folder=str(DAGS / f"{dag_id}.py")).dags[dag_id].test()
    [create] = [task for task in run.get_task_instances() if task.task_id == "create_group"]
    return create.xcom_pull(task_ids="create_group") if run.state == "success" else None


def show(sandbox: Sandbox, passed_on: str | None) -> bool:
    """Show what the last create came to; return whether it made one group, and passed on that group's ID."""
    last = [request for request in sandbox.requests if request.group_name][-1]
    posts = [request for request in sandbox.requests if request.group_name == last.group_name]
    groups = sandbox.groups_named(last.group_name)
    right = [group.chat_id for group in groups] == [passed_on] and len(posts) == 1
    tell("")
    for post in posts:
        people = counted(post.body["participants"], "participant")
        tell(f"   sent       POST {post.path}: {post.body['group_name']!r}, {people}")
        tell(
            f"   response   {post.status or 'lost: the sandbox created the group, then closed the connection'}"
        )
    looks = [request for request in sandbox.requests if (request.method, request.path) == ("GET", "/chats")]
    if looks:
        tell(f"   looked     for the group before sending anything again: {counted(looks, 'request')}")
    for group in groups:
        tell(f"   exists     group {group.name!r} with {len(group.members)} members: {group.chat_id}")
    tell(f"   passed on  to the next tasks: {passed_on}")
    verdict = "the right" if right else "NOT the right"
    tell(f"   result     {counted(groups, 'group')}, {counted(posts, 'POST')}, {verdict} chat ID")
    tell("")
    if not right:
        tell(f"This is not what is promised. Airflow's log: {LOG}")
    return right


def counted(things: list[Any], word: str) -> str:
    """Say how many there are."""
    return f"{len(things)} {word}{'' if len(things) == 1 else 's'}"


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
            f"\nThe demo failed with {type(error).__name__}: {str(error).partition(chr(10))[0]}\nIts log: {LOG}"
        )
        raise
    sys.exit(status)
