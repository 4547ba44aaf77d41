"""
The receiver of webhooks among the examples, before a real API server: ``python -m tests.system.check_webhooks``.

One event is delivered three times, twice of them at the same moment, and one with a wrong signature. It ends with 1
unless the first led to one run with the event's chat, and the other to none.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import requests

from airflow_provider_periskope.webhooks import SIGNATURE_HEADER
from tests.lab.command_line import NEVER, on_each_release, parser_for
from tests.lab.environments import ROOT, add_provider, airflow_environment
from tests.lab.installation import Airflow
from tests.lab.postgres import Postgres, free_port
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lab.releases import Release

RECEIVER = ROOT / "example_dags" / "webhooks" / "receiver.py"
KEY = "the-signing-key"
CHAT = "120363392071406466@g.us"
EVENT = "chat.notification.created"


def delivery(number: int) -> bytes:
    """Return the body of an event."""
    data = {"chat_id": CHAT, "type": "add", "notification_id": f"notification-{number}"}
    return json.dumps({"event": EVENT, "data": data, "org_id": "org", "timestamp": "now"}).encode()


def run(release: Release) -> list[str]:
    """Deliver the events, and return what was wrong."""
    environment = add_provider(airflow_environment(release))
    with Postgres() as postgres, Airflow(environment, postgres) as airflow:
        airflow.add_dags("webhooks.py")
        airflow.wait_for_dags("on_event")
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        receiver = subprocess.Popen(
            [environment.python, str(RECEIVER), "--dag", "on_event", "--event", EVENT, "--port", str(port)],
            env={**os.environ, "PERISKOPE_SIGNING_KEY": KEY, "AIRFLOW_URL": airflow.url},
        )

        def deliver(body: bytes, key: str) -> tuple[int, str]:
            signature = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
            response = requests.post(url, data=body, headers={SIGNATURE_HEADER: signature}, timeout=60)
            return response.status_code, response.text

        def listens() -> bool:
            try:
                return requests.post(url, timeout=5).status_code == 401
            except requests.ConnectionError:
                return False

        try:
            wait_until(listens, 30, "the receiver to listen")
            with ThreadPoolExecutor() as pool:
                answers = list(pool.map(deliver, [delivery(1)] * 2, [KEY] * 2))
            answers.append(deliver(delivery(1), KEY))
            forged = deliver(delivery(2), "another-key")
        finally:
            receiver.terminate()
            receiver.wait(10)
        problems = []
        if sorted(answers) != [(200, "known"), (200, "known"), (200, "started")]:
            problems.append(f"three deliveries were answered with {answers}")
        if forged != (401, "wrong signature"):
            problems.append(f"a wrong signature was answered with {forged}")
        runs = [row["run_id"] for row in airflow.rows("select run_id from dag_run")]
        if len(runs) != 1:
            return [*problems, f"{NEVER if len(runs) > 1 else 'runs'}: {runs}"]

        def ended() -> bool:
            return airflow.rows("select state from dag_run")[0]["state"] in ("success", "failed")

        wait_until(ended, 90, "the run to end")
        if (chat := airflow.api.xcom("on_event", runs[0], "chat")) != CHAT:
            problems.append(f"the run was told of chat {chat!r}")
        if not problems:
            print(f"Airflow {release.version}: three deliveries of one event led to one run", flush=True)
        return problems


def main(arguments: Sequence[str] | None = None) -> int:
    """Deliver webhooks on the given releases."""
    return on_each_release(parser_for(__doc__).parse_args(arguments).airflow, run)


if __name__ == "__main__":
    sys.exit(main())
