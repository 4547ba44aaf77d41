"""
A connection from each place that Airflow has: ``python -m tests.system.connections --airflow oldest --airflow newest``.

Environment variable as JSON and as URI, ``airflow connections add``, the REST API, and a secrets backend. The DAG
is read before any of the last three exists, and asks for none. It ends with 1 unless each place leads to its own group.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_periskope.sandbox.server import Sandbox
from tests.system.airflow import Airflow, wait_until
from tests.system.environment import add_provider, airflow_environment
from tests.system.postgres import Postgres
from tests.system.releases import Release, release_named

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        problems += [f"{place}: {count} groups" for place, count in made.items() if count != 1]
        if while_parsed:
            problems.append(f"{while_parsed} requests while the DAG was read")
        for place in PLACES:
            if states.get(place) != "success":
                print(airflow.task_log("connections", place)[-3000:], flush=True)
        return problems


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the places on the given releases."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--airflow", action="append", help="a release (3.3, oldest, newest); may be repeated")
    options = parser.parse_args(arguments)
    failed = False
    for version in options.airflow or ["newest"]:
        release = release_named(version)
        start = time.monotonic()
        problems = run(release)
        came_to = "each led to its group" if not problems else "not all led to their group"
        print(
            f"Airflow {release.version}: {', '.join(PLACES)}: {came_to}, {time.monotonic() - start:.0f} s",
            flush=True,
        )
        for problem in problems:
            print(f"PROBLEM: {release.version}, {problem}")
        failed |= bool(problems) and release.blocking
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
