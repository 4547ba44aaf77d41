"""The further example DAGs, run by Airflow against the sandbox."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import airflow
import pytest
from airflow.utils.session import create_session

try:
    from airflow.models.asset import AssetEvent as Event
except ImportError:  # before 3.0
    from airflow.models.dataset import DatasetEvent as Event

try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:  # before 3.2
    from airflow.models.dagbag import DagBag

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_periskope.sandbox.pytest_plugin import RunDag
    from airflow_provider_periskope.sandbox.server import Sandbox

EXAMPLES = Path(__file__).resolve().parents[2] / "example_dags"
AIRFLOW = tuple(int(part) for part in airflow.__version__.split(".")[:2])


def sent(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [request.body for request in sandbox.requests if request.method == "POST"]


def test_daily_standup(run_dag: RunDag, periskope_sandbox: Sandbox) -> None:
    run = run_dag(EXAMPLES / "example_periskope_daily_standup.py")
    assert run.state == "success"
    date = run.data_interval_end.strftime("%Y-%m-%d")
    assert sent(periskope_sandbox) == [
        {
            "group_name": f"Stand-up {date}",
            "participants": ["919537851844", "919874532456"],
            "options": {"messagesAdminsOnly": True, "description": f"Daily stand-up of {date}"},
        }
    ]


def test_one_slot_pool(run_dag: RunDag, periskope_sandbox: Sandbox) -> None:
    run = run_dag(EXAMPLES / "example_periskope_one_slot_pool.py")
    assert run.state == "success"
    date = run.data_interval_end.strftime("%Y-%m-%d")
    assert sorted(group.name for group in periskope_sandbox.groups) == [
        f"{shift} shift {date}" for shift in ("Afternoon", "Morning", "Night")
    ]
    tasks = {instance.pool for instance in run.get_task_instances()}
    assert tasks == {"periskope_sales_phone"}


def test_from_a_query_makes_one_group_for_each_customer(run_dag: RunDag, periskope_sandbox: Sandbox) -> None:
    for _ in range(2):  # The second run finds the groups of the first.
        assert run_dag(EXAMPLES / "example_periskope_from_a_query.py").state == "success"
    assert sorted((body["group_name"], body["participants"]) for body in sent(periskope_sandbox)) == [
        ("Chitra (customer 2040)", ["919537851844"]),
        ("Deepak (customer 2041)", ["919874532456", "919537851844"]),
    ]


class TestEventDriven:
    """That the one DAG starts the other takes a scheduler: see tests/browser."""

    @pytest.fixture
    def dags(self) -> dict[str, Any]:
        """Return both DAGs by the names of their functions, and the asset."""
        bag = DagBag(dag_folder=str(EXAMPLES / "example_periskope_event_driven.py"))
        assert bag.import_errors == {}
        producer = bag.dags.pop("example_periskope_event_driven")
        (consumer,) = bag.dags.values()
        (asset,) = producer.get_task("create_group").outlets
        return {"producer": producer, "consumer": consumer, "asset": asset}

    def test_names_one_asset_in_both(self, dags: dict[str, Any]) -> None:
        assert dags["asset"].uri == "whatsapp://groups/launch"
        timetable = dags["consumer"].timetable
        # Airflow 2.11 calls its assets datasets.
        condition = timetable.asset_condition if AIRFLOW >= (3, 0) else timetable.dataset_condition
        assert [asset.uri for asset in condition.objects] == [dags["asset"].uri]

    def test_producer_tells_of_its_group(
        self,
        run_dag: RunDag,
        periskope_sandbox: Sandbox,
        dags: dict[str, Any],
        meet_assets: Callable[[Any], None],
    ) -> None:
        meet_assets(dags["producer"])
        assert run_dag(dags["producer"]).state == "success"
        (group,) = periskope_sandbox.groups
        with create_session() as session:
            extra = session.query(Event.extra).order_by(Event.id.desc()).first()[0]
        assert (extra["chat_id"], extra["group_name"]) == (group.chat_id, group.name)

    def test_consumer_runs_without_an_event(self, run_dag: RunDag, dags: dict[str, Any]) -> None:
        run = run_dag(dags["consumer"])
        (instance,) = run.get_task_instances()
        assert run.state == "success"
        assert instance.xcom_pull(task_ids="welcome") == []

    def test_consumer_reads_every_event(self, dags: dict[str, Any]) -> None:
        welcome = dags["consumer"].get_task("welcome").python_callable
        told = [
            SimpleNamespace(extra={"group_name": name, "chat_id": f"{name}@g.us"}) for name in ("one", "two")
        ]
        key = "triggering_asset_events" if AIRFLOW >= (3, 0) else "triggering_dataset_events"
        assert welcome(**{key: {"whatsapp://groups/launch": told}}) == ["one@g.us", "two@g.us"]
