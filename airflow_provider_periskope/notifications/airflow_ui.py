"""Links into Airflow's UI, which an alert ends with."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, urlencode

_DEFAULT_OF_2 = "http://localhost:8080"


@dataclass(frozen=True)
class AirflowUi:
    """
    Where Airflow's UI is.

    :param base_url: its base URL; empty if it is not set.
    :param is_2: whether it is the UI of Airflow 2, whose pages have other addresses.
    """

    base_url: str = ""
    is_2: bool = False

    def link(
        self,
        dag_id: str | None,
        run_id: str | None,
        task_id: str | None = None,
        map_index: int = -1,
        *,
        waits_for_approval: bool = False,
    ) -> str:
        """
        Return the address of a run, or of a task of it.

        :param dag_id: the DAG.
        :param run_id: its run.
        :param task_id: a task of the run. Default ``None``, for the run itself.
        :param map_index: index of a mapped task. Default -1, for a task that is not mapped.
        :param waits_for_approval: whether the page is meant on which people approve. Default ``False``.
        :return: the address; empty if the base URL is not set.
        """
        if not (self.base_url and dag_id and run_id):
            return ""
        page = f"{self.base_url.rstrip('/')}/dags/{quote(dag_id, safe='')}"
        if self.is_2:
            query = {"dag_run_id": run_id} | ({"task_id": task_id, "tab": "logs"} if task_id else {})
            return f"{page}/grid?{urlencode(query | ({'map_index': map_index} if map_index >= 0 else {}))}"
        page += f"/runs/{quote(run_id, safe='')}"
        if not task_id:
            return page
        page += f"/tasks/{quote(task_id, safe='')}"
        if waits_for_approval:
            return f"{page}/required_actions?map_index={map_index}"
        return f"{page}/mapped/{map_index}" if map_index >= 0 else page


def read_airflow_ui() -> AirflowUi:
    """Return where Airflow says that its UI is: ``[api] base_url``, on 2.11 ``[webserver] base_url``."""
    from airflow import __version__

    from airflow_provider_periskope.compat import conf

    is_2 = __version__.startswith("2.")
    url = conf.get("webserver" if is_2 else "api", "base_url", fallback=None) or ""
    return AirflowUi("" if is_2 and url.rstrip("/") == _DEFAULT_OF_2 else url, is_2)
