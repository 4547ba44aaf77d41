"""Airflow's REST API, as far as the lab needs it: what a person does by clicking."""

from __future__ import annotations

import ast
import contextlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests

from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from datetime import datetime

    from tests.lab.installation import Airflow


class Api:
    """The few calls of Airflow's REST API that a person's clicks make."""

    def __init__(self, airflow: Airflow) -> None:
        self._airflow = airflow
        self._three = airflow.release.has_task_sdk
        self._base = f"{airflow.url}/api/{'v2' if self._three else 'v1'}"
        self._token: str | None = None

    def wait_until_ready(self, seconds: float = 120) -> None:
        """Wait until the API server answers."""

        def ready() -> bool:
            with contextlib.suppress(requests.RequestException):
                return requests.get(f"{self._base}/dags?limit=1", headers=self._headers(), timeout=5).ok
            return False

        wait_until(ready, seconds, "the API server to answer", every=0.3)

    def _headers(self) -> dict[str, str]:
        if self._three and self._token is None:
            answer = requests.get(f"{self._airflow.url}/auth/token", timeout=10)
            answer.raise_for_status()
            self._token = answer.json()["access_token"]
        return {"Authorization": f"Bearer {self._token}"} if self._three else {}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Make a call and return its answer."""
        answer = requests.request(
            method, f"{self._base}{path}", json=body, headers=self._headers(), timeout=30
        )
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:1000]}")
        return answer.json() if answer.content else None

    def trigger(
        self, dag_id: str, run_id: str, *, conf: Any = None, logical_date: datetime | None = None
    ) -> None:
        """Start a run, on Airflow 3 without a logical date unless one is given."""
        body: dict[str, Any] = {"dag_run_id": run_id, "conf": conf or {}}
        if logical_date or self._three:
            body["logical_date"] = logical_date and logical_date.isoformat()

        def triggered() -> bool:
            try:
                self.call("POST", f"/dags/{dag_id}/dagRuns", body)
            except requests.Timeout:
                return False
            except RuntimeError as error:
                # The API server comes to know a DAG a moment after the table does.
                if ": 404 " in str(error):
                    return False
                # A call that timed out on a busy machine had triggered it.
                if ": 409 " not in str(error):
                    raise
            return True

        wait_until(triggered, 90, f"the API server to know {dag_id}")

    def xcom(
        self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1, key: str = "return_value"
    ) -> Any:
        """Return what a task has pushed."""
        task = f"/dags/{dag_id}/dagRuns/{quote(run_id)}/taskInstances/{task_id}"
        value = self.call("GET", f"{task}/xcomEntries/{key}?map_index={map_index}")["value"]
        # As it is, as JSON, or as what Python shows for it, which of them is a matter of the release.
        with contextlib.suppress(ValueError, SyntaxError):
            return ast.literal_eval(value)
        return value

    def mark_failed(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Mark a task as failed."""
        body: dict[str, Any] = {"new_state": "failed"}
        if not self._three:
            body["dry_run"] = False
        self.call("PATCH", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}", body)

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Clear a task and those after it."""
        body = {
            "dry_run": False, "dag_run_id": run_id, "task_ids": [task_id], "only_failed": False,
            "include_downstream": True, "reset_dag_runs": True,
        }  # fmt: skip
        self.call("POST", f"/dags/{dag_id}/clearTaskInstances", body)

    def add_connection(self, connection_id: str, fields: dict[str, Any]) -> None:
        """Add a connection."""
        body = {"connection_id": connection_id} | fields
        if isinstance(body.get("extra"), dict):
            body["extra"] = json.dumps(body["extra"])
        self.call("POST", "/connections", body)

    def change_connection(self, connection_id: str, conn_type: str, *, host: str) -> None:
        """Change the host of a connection, all else kept."""
        body = {"connection_id": connection_id, "conn_type": conn_type, "host": host}
        self.call("PATCH", f"/connections/{connection_id}?update_mask=host", body)
