"""
Receive Periskope's webhooks, and start one DAG run for each event, however often it is delivered.

It runs beside Airflow 3, not inside it, behind whatever gives it a public address and TLS:

    PERISKOPE_SIGNING_KEY=… AIRFLOW_URL=http://127.0.0.1:8080 AIRFLOW_USER=… AIRFLOW_PASSWORD=… \\
        python receiver.py --dag welcome_new_members --event chat.notification.created --port 9000
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests

from airflow_provider_periskope.webhooks import SIGNATURE_HEADER, verify_signature

LARGEST = 1_000_000


# [START start_run]
def run_id_of(event: dict) -> str:
    """The same text for each delivery of an event, with nothing personal in it."""
    data = event["data"]
    ids = (
        data.get(name) for name in ("notification_id", "unique_id", "message_id")
    )
    # An event without an id of its own is told apart by all that it says.
    what = next(filter(None, ids), None) or json.dumps(data, sort_keys=True)
    return (
        "periskope__"
        + hashlib.sha256(f"{event['event']} {what}".encode()).hexdigest()
    )


def start_run(event: dict, *, url: str, dag_id: str) -> bool:
    """Start the run of an event; False if there is one already."""
    login = {
        "username": os.environ.get("AIRFLOW_USER", ""),
        "password": os.environ.get("AIRFLOW_PASSWORD", ""),
    }
    token = requests.post(f"{url}/auth/token", json=login, timeout=10)
    token.raise_for_status()
    response = requests.post(
        f"{url}/api/v2/dags/{dag_id}/dagRuns",
        json={
            "dag_run_id": run_id_of(event),
            "logical_date": None,
            # Airflow keeps it: no text, and no number that the DAG does not need.
            "conf": {
                "event": event["event"],
                "chat_id": event["data"].get("chat_id"),
            },
        },
        headers={"Authorization": f"Bearer {token.json()['access_token']}"},
        timeout=10,
    )
    if response.status_code == 409:
        return False
    response.raise_for_status()
    return True


# [END start_run]


class Receiver(BaseHTTPRequestHandler):
    """Answers 200 once the run is there, 503 if Airflow cannot be reached, so that Periskope delivers again."""

    url = dag_id = event = ""

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > LARGEST:
            return self.answer(413, "too large")
        body = self.rfile.read(length)
        key = os.environ.get("PERISKOPE_SIGNING_KEY", "")
        if not verify_signature(body, self.headers.get(SIGNATURE_HEADER), key):
            return self.answer(401, "wrong signature")
        event = json.loads(body)
        if event["event"] != self.event:
            return self.answer(200, "ignored")
        try:
            started = start_run(event, url=self.url, dag_id=self.dag_id)
        except requests.RequestException as error:
            print(f"No run was started: {error}")
            return self.answer(503, "try again")
        return self.answer(200, "started" if started else "known")

    def answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--dag",
        required=True,
        help="id of the DAG to start, which must not be paused",
    )
    parser.add_argument("--event", required=True, help="such as message.created")
    parser.add_argument("--port", type=int, default=9000)
    arguments = parser.parse_args()
    Receiver.url = os.environ.get("AIRFLOW_URL", "http://127.0.0.1:8080").rstrip(
        "/"
    )
    Receiver.dag_id, Receiver.event = arguments.dag, arguments.event
    with ThreadingHTTPServer(("127.0.0.1", arguments.port), Receiver) as server:
        print(f"Listening on http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
