"""
A connection from each place that Airflow has: ``python -m tests.system.check_connections --airflow newest``.

Environment variable as JSON and as URI, ``airflow connections add``, the REST API, and a secrets backend. The DAG
is read before any of the last three exists, and asks for none. It ends with 1 unless each place leads to its own group.
"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_periskope.sandbox.server import Sandbox
from tests.lab.command_line import NEVER, on_each_release, parser_for
from tests.lab.environments import add_provider, airflow_environment
from tests.lab.installation import Airflow
from tests.lab.postgres import Postgres
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lab.releases import Release

PLACES = ("json", "uri", "cli", "api", "file")


def run(release: Release) -> list[str]:
    """Make a group through each connection, and return what was wrong."""
    environment = add_provider(airflow_environment(release))
    with ExitStack() as stack:
        postgres = stack.enter_context(Postgres())
        sandbox = stack.enter_context(Sandbox())
        described = json.loads(sandbox.connection_json())
        login = f"{sandbox.phone}:{quote(sandbox.api_key)}"
        airflow = Airflow(
            environment, postgres,
            settings={
                "AIRFLOW_CONN_FROM_JSON": sandbox.connection_json(),
                "AIRFLOW_CONN_FROM_URI": f"periskope://{login}@{quote(sandbox.url, safe='')}?timeout=30",
                "AIRFLOW__SECRETS__BACKEND": "airflow.secrets.local_filesystem.LocalFilesystemBackend",
            },
        )  # fmt: skip
        file = airflow.home / "connections.json"
        file.write_text("{}")
        airflow.variables["AIRFLOW__SECRETS__BACKEND_KWARGS"] = json.dumps(
            {"connections_file_path": str(file)}
        )
        stack.enter_context(airflow)
        airflow.add_dags("connections.py")
        airflow.wait_for_dags("connections")
        while_parsed = len(sandbox.requests)
        file.write_text(json.dumps({"from_file": described}))
        airflow.command("connections", "add", "from_cli", "--conn-json", sandbox.connection_json())
        airflow.api.add_connection("from_api", described)
        airflow.api.trigger("connections", "run")

        def ended() -> bool:
            return airflow.rows("select state from dag_run")[0]["state"] in ("success", "failed")

        wait_until(ended, 150, "the run to end")
        states = {task["task_id"]: task["state"] for task in airflow.task_instances()}
        problems = [f"{place}: {states.get(place)}" for place in PLACES if states.get(place) != "success"]
        made = {place: len(sandbox.groups_named(f"Connection from {place}")) for place in PLACES}
        problems += [
            f"{NEVER if count > 1 else place}: {count} groups" for place, count in made.items() if count != 1
        ]
        if while_parsed:
            problems.append(f"{while_parsed} requests while the DAG was read")
        for place in PLACES:
            if states.get(place) != "success":
                print(airflow.task_log("connections", place)[-3000:], flush=True)
        if not problems:
            print(f"Airflow {release.version}: {', '.join(PLACES)}: each led to its group")
        return problems


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the places on the given releases."""
    return on_each_release(parser_for(__doc__).parse_args(arguments).airflow, run)


if __name__ == "__main__":
    sys.exit(main())
